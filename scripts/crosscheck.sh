#!/bin/sh
# Compares our drivers with a second implementation on the same simulated parts, in a module of its own (scripts/crosscheck). Where its
# modules cannot be fetched that is skipped, but fails under CI=true.
set -eu
cd "$(dirname "$0")/crosscheck"
if ! why=$(go list -deps -test . 2>&1 >/dev/null); then
	case "$why" in *"updates to go.mod needed"*) echo "crosscheck: run go mod tidy in scripts/crosscheck" >&2; exit 1 ;; esac
	if [ "${CI:-}" = true ]; then
		printf 'crosscheck: its modules cannot be fetched:\n%s\n' "$why" >&2
		exit 1
	fi
	echo "--- SKIP: crosscheck: its modules cannot be fetched: $(printf '%s' "$why" | tail -n 1)"
	exit 0
fi
go vet .
go test -v .
