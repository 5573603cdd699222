# `make demo` and `make test` need a bare Debian 12 with a Rust toolchain and bring the rest themselves.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# rustup puts cargo here; not every login shell looks there.
export PATH := $(HOME)/.cargo/bin:$(PATH)

TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
BENCH := $(TARGET)/release/bench

# Processor time for all fuzz targets together, in seconds.
FUZZ_SECONDS ?= 3600
# Further options of `bench calls`, and a page to put the tables into, as in
# `make bench BENCH_OPTIONS="--rounds 3" BENCH_PAGE=docs/performance.md`.
BENCH_OPTIONS ?=
BENCH_PAGE ?=
MARKDOWN := $(if $(BENCH_PAGE),--markdown $(BENCH_PAGE))
STATEFUL := --config examples/stateful-proxy.cfg

.PHONY: help setup build demo lint test bench instructions soak fuzz docs

help: ## Show what there is
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS=$$'\t' read -r name what; do \
		printf 'make %-13s %s\n' "$$name" "$$what"; done

setup: ## Install the Debian packages that demo, tests and benchmarks need
	@scripts/setup.sh

build: ## Build everything for use
	cargo build --release --workspace --bins --locked

demo: setup build ## Start the server on loopback, send a real SIPp call through it, show what happened
	@scripts/demo.sh

lint: ## Formatting and clippy, every warning an error
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

test: setup lint ## Lint, and every test; the comparison with Debian's Kamailio is one of them
	cargo test --workspace --locked

bench: setup build ## Tandem, Kamailio and a plain forwarder side by side on loopback
	@mkdir -p $(TARGET)/bench
	$(BENCH) calls --folder $(TARGET)/bench --json $(TARGET)/bench/calls.json $(MARKDOWN) $(BENCH_OPTIONS)
	$(BENCH) calls $(STATEFUL) --folder $(TARGET)/bench --json $(TARGET)/bench/stateful.json $(MARKDOWN) $(BENCH_OPTIONS)
	$(BENCH) memory --folder $(TARGET)/bench --json $(TARGET)/bench/memory.json $(MARKDOWN)
	$(BENCH) registers --folder $(TARGET)/bench --json $(TARGET)/bench/registers.json $(MARKDOWN)
	$(BENCH) contacts --json $(TARGET)/bench/contacts.json $(MARKDOWN)
	$(BENCH) indexing

instructions: setup build ## Instructions and allocations a message, counted by callgrind
	$(BENCH) instructions --folder $(TARGET)/bench

soak: setup build ## Long runs: FUZZ_SECONDS of fuzzing, minutes of calls, 200,000 transactions at once, loss
	@scripts/fuzz.sh $(FUZZ_SECONDS)
	$(BENCH) calls --folder $(TARGET)/bench --servers forwarder,tandem-1,tandem-2 --rates 1000 --sources 8 --seconds 60
	$(BENCH) calls $(STATEFUL) --folder $(TARGET)/bench --servers forwarder,tandem-1,tandem-2 --rates 2000 --sources 8 --seconds 60 --lossless
	$(BENCH) memory --folder $(TARGET)/bench --calls 200000 --strict
	$(BENCH) faults --folder $(TARGET)/bench --calls 5000 --rate 200 --strict

fuzz: setup ## Every fuzz target, for FUZZ_SECONDS of processor time in all; the corpus is kept
	@scripts/fuzz.sh $(FUZZ_SECONDS)

docs: build ## The function reference, made from the modules' tables, and the crates' documentation
	$(TARGET)/release/tandem reference --to docs/reference
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
