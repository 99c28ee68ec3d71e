#!/bin/sh
# Everything that proves the program. Ends with one line that says what was skipped.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh
log=$(mktemp)
trap 'rm -f "$log"' EXIT
PATH=$PATH:/usr/sbin
export PATH

say() { printf '\n== %s\n' "$1"; }
run() { # name, command...
	say "$1"
	shift
	status=0
	"$@" >"$log" 2>&1 || status=$?
	grep -hE '^\s*--- SKIP|^\s+\S+_test\.go:[0-9]+: skip' "$log" | sort -u >>"$log.skip" || true
	if [ $status -ne 0 ]; then
		grep -vE '^ *(=== (RUN|CONT|PAUSE|NAME) |--- PASS: |PASS$)' "$log" || true
		echo "test: failed: $*" >&2
		exit $status
	fi
	grep -E '^(ok|FAIL|\?)|^---|^PASS' "$log" | grep -v 'no test files' || true
}
: >"$log.skip"
trap 'rm -f "$log" "$log.skip"' EXIT

make -s build arm armv7 arm64
if command -v gcc >/dev/null 2>&1; then
	run "tests with the race detector" go test -race -v -timeout 15m ./...
else
	echo "test: no gcc, so no race detector" >&2
	run "tests" go test -v -timeout 15m ./...
fi
run "cross-check of the drivers" scripts/crosscheck.sh
run "tests as a 32-bit program" env GOARCH=386 CGO_ENABLED=0 go test -v -short -timeout 10m ./...
scripts/kernel/fetch.sh arm64 || true # the tests say what is missing
run "on real kernels, short form" go test -v -timeout 15m ./scripts/kernel -boot short

say "skipped"
if [ -s "$log.skip" ]; then sort -u "$log.skip"; else echo "nothing"; fi
