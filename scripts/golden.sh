#!/bin/sh
# Writes the golden files anew, in every package whose tests know the flag.
set -eu
cd "$(dirname "$0")/.."
for dir in $(grep -rlE 'flag\.Bool\("update"' --include='*_test.go' cmd sensors publisher | xargs -n 1 dirname | sort -u); do
	go test "./$dir" -update
done
git status --short
