#!/bin/sh
# Static checks. Each says what to do when it fails.
set -eu
cd "$(dirname "$0")/.."
fail() { echo "check: $1" >&2; exit 1; }

bad=$(gofmt -l cmd sensors publisher scripts)
[ -z "$bad" ] || fail "not formatted, run gofmt -w on: $bad"
echo "check: gofmt ok"
go vet ./...
GOARCH=arm GOARM=6 CGO_ENABLED=0 go vet ./...
echo "check: vet ok (also GOARCH=arm)"
diff=$(go fix -diff ./... 2>&1) || fail "go fix knows a more modern form:
$diff"
[ -z "$diff" ] || fail "go fix knows a more modern form:
$diff"
echo "check: go fix ok"
go mod tidy -diff || fail "run go mod tidy"
go mod verify >/dev/null || fail "a module on disk differs from go.sum"
echo "check: go.mod ok"
go tool -modfile=scripts/tools.mod staticcheck -checks 'all,-ST1003,-ST1020,-ST1021,-ST1022' ./...
echo "check: staticcheck ok"
for script in .ci/run scripts/*.sh scripts/*/*.sh; do
	case "$(head -n 1 "$script")" in *bash*) bash -n "$script" ;; *) sh -n "$script" ;; esac
done
echo "check: scripts ok"
