#!/bin/sh
# Fetches QEMU and Debian's kernels for the tests in this folder into .build/kernel, from the mirror that this machine's apt uses
# already. Needs no root and changes nothing on the machine: the packages are unpacked, not installed, and QEMU runs with the C
# library that came with it. A second run finds everything there.
# usage: fetch.sh [arm64] [amd64]   the kernels wanted: 40 MB for QEMU and about 100 MB for each kernel
# What cannot be had is said on standard error and in .build/kernel/missing, where the tests find it.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p .build/kernel
cd .build/kernel
# Its QEMU is the first of Debian's with the Raspberry Pi's I2C controller (9.0 or later is needed).
suite=trixie

fail() {
	echo "$1" >missing
	echo "kernel: $1" >&2
	exit 1
}

exec 9>lock
flock -w 300 9 || fail "another fetch.sh has not finished after 5 minutes"
rm -f missing
want=
[ -e qemu/ready ] || want=qemu
for arch; do
	case "$arch" in arm64 | amd64) ;; *) fail "no kernel is known for $arch" ;; esac
	[ -e "$arch/ready" ] || want="$want $arch"
done
[ -n "$want" ] || exit 0

[ "$(uname -m)" = x86_64 ] || fail "impossible: QEMU is fetched for x86_64 machines only"
command -v apt-get >/dev/null || fail "impossible: the packages come by apt, which is not here"
mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 2>/dev/null | sed -n 's/^Debian //p' | head -n 1)
[ -n "$mirror" ] || fail "impossible: apt has no source of Debian's packages (after a first apt-get update)"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keys" ] || fail "package debian-archive-keyring is missing"

# Sources, lists and cache of our own; proxies and the like stay the machine's.
mkdir -p apt/lists/partial apt/archives/partial apt/none
: >apt/status
echo "deb [signed-by=$keys] $mirror $suite main" >apt/sources.list
for tool in get cache; do
	printf '#!/bin/sh\nexec apt-%s -qq %s "$@"\n' "$tool" "-o Dir::Etc::SourceList=$PWD/apt/sources.list \
		-o Dir::Etc::SourceParts=$PWD/apt/none -o Dir::Etc::PreferencesParts=$PWD/apt/none \
		-o Dir::State::Lists=$PWD/apt/lists -o Dir::State::status=$PWD/apt/status -o Dir::Cache=$PWD/apt -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 \
		-o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=2 \
		-o Debug::NoLocking=true" | tr -d '\t' >apt/"$tool"
	chmod +x apt/"$tool"
done
timeout 120 apt/get update >&2 || fail "apt-get update failed for $suite at the machine's Debian mirror"

for part in $want; do
	rm -rf "$part" new
	mkdir -p new/debs/partial
	echo "kernel: fetching $part" >&2
	case "$part" in
	qemu)
		timeout 300 apt/get -y --download-only -o Dir::Cache::Archives="$PWD/new/debs" install \
			qemu-system-arm qemu-system-x86 device-tree-compiler >&2 || fail "fetching QEMU failed"
		;;
	*)
		# The package of this name has no files, it depends on that of the newest kernel.
		image=$(apt/cache depends "linux-image-$part:$part" | sed -n 's/.*Depends: \(linux-image-[0-9][^: ]*\).*/\1/p' | head -n 1)
		[ -n "$image" ] || fail "$suite has no kernel for $part"
		(cd new/debs && timeout 300 ../../apt/get download "$image:$part") >&2 || fail "fetching the kernel for $part failed"
		;;
	esac
	for deb in new/debs/*.deb; do dpkg-deb -x "$deb" new; done
	rm -r new/debs
	mv new "$part"
	touch "$part/ready"
done
rm -r apt
