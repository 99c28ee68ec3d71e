#!/bin/sh
# Runs every fuzz target for the given time, one after the other.
set -eu
cd "$(dirname "$0")/.."
time=${1:-30s}
grep -rlE '^func Fuzz' --include='*_test.go' cmd sensors publisher | while read -r file; do
	dir=$(dirname "$file")
	sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$file" | while read -r target; do
		echo "fuzz: ./$dir $target for $time"
		go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$time"
	done
done
