#!/bin/sh
# Prints figures: of the whole agent against the lab, of the parts by Go benchmarks, and the size of the binaries.
set -eu
cd "$(dirname "$0")/.."
echo "machine: $(uname -m), $(nproc) processors, $(go version | cut -d' ' -f3)"
echo
dist/pinhole-lab bench
echo
echo "SIZE, stripped"
ls -l dist/pinhole dist/pinhole-linux-armv6 | awk '{printf "%-28s %.1f MB\n", $NF, $5/1e6}'
echo
echo "I2C KINDS, a reading each on the simulated bus, with the kind's defaults; takes: what the part's own measurement takes"
go test ./sensors/all -run '^TestCost$' -cost -v | grep -E '^ +[a-z0-9]+ +[0-9]|^ +kind ' | sed 's/^ *//'
echo
echo "PARTS, a reading or a pulse each (ns, bytes and allocations)"
go test -run '^$' -bench . -benchmem ./sensors ./sensors/bus ./sensors/bme280 ./publisher/record ./publisher/payload ./publisher/queue ./publisher/session |
	grep -E '^(Benchmark|pkg:)'
