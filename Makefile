# Pinhole. `make help` lists the targets.
SHELL := /bin/sh
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
BUILT ?= $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
LDFLAGS := -s -w -buildid= -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.built=$(BUILT)
BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'
TOOL := go tool -modfile=scripts/tools.mod

.DEFAULT_GOAL := help

.PHONY: help
help: ## this list
	@grep -hE '^[a-z0-9 -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F '\t' '{printf "  %-18s %s\n", $$1, $$2}'

.PHONY: build arm armv7 arm64
build: ## pinhole and pinhole-lab for this machine, into dist/
	$(BUILD) -o dist/pinhole ./cmd/pinhole
	$(BUILD) -o dist/pinhole-lab ./cmd/pinhole-lab

arm: ## dist/pinhole-linux-armv6: every Raspberry Pi ever made (GOARCH=arm GOARM=6)
	GOOS=linux GOARCH=arm GOARM=6 $(BUILD) -o dist/pinhole-linux-armv6 ./cmd/pinhole

armv7: ## dist/pinhole-linux-armv7: 32-bit systems on Pi 2 and later
	GOOS=linux GOARCH=arm GOARM=7 $(BUILD) -o dist/pinhole-linux-armv7 ./cmd/pinhole

arm64: ## dist/pinhole-linux-arm64: 64-bit systems on Pi 3 and later
	GOOS=linux GOARCH=arm64 $(BUILD) -o dist/pinhole-linux-arm64 ./cmd/pinhole

.PHONY: demo
demo: build ## a simulated board, an AWS-like endpoint and the agent between them (SECONDS=20 ends by itself)
	@dist/pinhole-lab demo $(if $(SECONDS),--seconds $(SECONDS))

.PHONY: test test-long test-kernel setup
test: ## everything that proves the program; installs what it needs (see scripts/setup.sh)
	scripts/test.sh

test-long: ## long campaigns: every torn write, 500 kills of the queue, eight times the cuts and kills of the agent
	go test ./publisher/queue -queue.long -timeout 60m
	go test ./cmd/pinhole -run E2E -campaign 8 -timeout 60m

test-kernel: build arm arm64 ## the agent on real kernels in QEMU: a Raspberry Pi 3, SPI, a UART, GPIO edges, the kernel's own sensor drivers
	-scripts/kernel/fetch.sh arm64 amd64
	go test -v -timeout 30m ./scripts/kernel -boot long

setup: ## install the programs that the tests use (mosquitto, haproxy, qemu-user-static ...)
	scripts/setup.sh

.PHONY: check
check: ## formatting, vet (also for arm), modernity, staticcheck, go.mod
	scripts/check.sh

.PHONY: bench
bench: build arm ## figures: throughput, CPU, memory, bytes on wire and disk
	scripts/bench.sh

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (30s)
	scripts/fuzz.sh $(or $(FUZZTIME),30s)

.PHONY: golden
golden: ## write the golden files anew; look at the difference before committing
	scripts/golden.sh

.PHONY: clean
clean: ## remove what was built
	rm -rf dist
