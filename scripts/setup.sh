#!/bin/sh
# Installs the programs that the tests talk to, from Debian's packages, where they are missing and it may.
# Says what stays missing; tests that need it are skipped at home and fail under CI=true.
set -eu

# command:package
wanted='mosquitto:mosquitto mosquitto_pub:mosquitto-clients haproxy:haproxy qemu-arm-static:qemu-user-static gcc:gcc nginx:nginx
squid:squid-openssl danted:dante-server microsocks:microsocks curl:curl nats-server:nats-server openssl:openssl krb5kdc:krb5-kdc
kadmin.local:krb5-admin-server'
missing=
for pair in $wanted; do
	command -v "${pair%%:*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${pair%%:*}" ] || missing="$missing ${pair#*:}"
done
case "$missing" in *gcc*) missing="$missing libc6-dev" ;; esac
case "$missing" in *nginx*) missing="$missing libnginx-mod-stream" ;; esac
[ -e /usr/share/ca-certificates/mozilla/Amazon_Root_CA_1.crt ] || missing="$missing ca-certificates"
[ -n "$missing" ] || exit 0

root=
if [ "$(id -u)" != 0 ]; then
	if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
		root=sudo
	else
		echo "setup: missing, and this user may not install:$missing" >&2
		echo "setup: run: sudo apt-get install --no-install-recommends$missing" >&2
		exit 0
	fi
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "setup: missing, and there is no apt-get here:$missing" >&2
	exit 0
fi
echo "setup: installing:$missing" >&2
$root apt-get update -qq || echo "setup: apt-get update failed, trying with the old lists" >&2
# A service that the package would start is not wanted here: the tests start their own on free ports.
printf '#!/bin/sh\nexit 101\n' >/tmp/pinhole-policy-rc.d.$$
policy=/usr/sbin/policy-rc.d
ours=
if [ ! -e "$policy" ]; then
	$root install -m 0755 /tmp/pinhole-policy-rc.d.$$ "$policy"
	ours=yes
fi
rm -f /tmp/pinhole-policy-rc.d.$$
status=0
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing >/dev/null || status=$?
[ -z "$ours" ] || $root rm -f "$policy"
exit $status
