# Everything a developer, an operator's first look or a CI run does here. `make help` lists it.
#
# Needs Python 3.11 or newer, a C compiler, cargo, git and make; nothing else is assumed.
# Any capital name below can be overridden: `make test PYTEST_ARGS='-k wheel'`.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= $(shell tools/interpreter.sh)
VENV ?= .venv
CARGO ?= cargo
LOCKED ?= --locked
EXTRAS ?= dev,oracles,servers,bench
PYTEST_ARGS ?=
TEST_MARKS ?= not slow and not slow_faults
FAULT_KILLS ?= 1000
FAULT_RESULTS ?= $(CURDIR)/.cache/faults.jsonl
BENCH_ARGS ?=
DAY_ARGS ?=
DEMO_ARGS ?=
FUZZ_SECONDS ?= 30
FUZZ_SANITIZER ?= none
FUZZ_TARGETS ?= $(basename $(notdir $(wildcard fuzz/targets/*.rs)))

BIN := $(VENV)/bin
BUILT := $(VENV)/.built
RUST := Cargo.toml Cargo.lock $(wildcard crates/*/Cargo.toml) $(shell find crates/*/src -name '*.rs')
RUST_OUTSIDE := $(wildcard fuzz/targets/*.rs benches/core/*.rs benches/core/stages/*.rs \
	benches/peers/hyper/src/*.rs)

# One target folder for the extension, the tests, the wheel and the benches: nothing compiles twice.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# pyo3 rebuilds when these change, so every build sees the same.
export VIRTUAL_ENV := $(abspath $(VENV))
export PYO3_PYTHON := $(VIRTUAL_ENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET ?= 1

say = @printf '\033[1m%s\033[0m\n' '— $(1)'

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)


# Set-up

.PHONY: setup
setup: $(BUILT) ## make .venv with everything built and installed; quick when nothing changed

# A change of pyproject.toml or of the version reinstalls; a change of Rust alone rebuilds the
# extension in place; Python is installed editable and needs nothing.
$(BUILT): pyproject.toml $(RUST) $(if $(wildcard python/wxcore/_wxcore.*.so),,FORCE) | $(BIN)/maturin
	@$(CARGO) --version >/dev/null || { echo 'wxgate needs Rust (cargo, rustc) to build'; exit 1; }
	$(call say,building the extension)
	@$(BIN)/maturin develop --release $(if \
		$(filter pyproject.toml Cargo.toml FORCE,$?),--extras $(EXTRAS),--skip-install)
	@touch $@

$(BIN)/maturin:
	@test -n '$(PYTHON)' || { echo 'wxgate needs Python 3.11 or newer with venv'; exit 1; }
	$(call say,making $(VENV) with $(PYTHON))
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install 'maturin>=1.16,<2'

.PHONY: FORCE
FORCE:


# Use

.PHONY: demo
demo: setup ## the gateway, a player of WeChat's part and a receiver, on loopback
	@$(BIN)/wxgate demo $(DEMO_ARGS)


# Tests

.PHONY: test
test: test-rust test-python ## all tests but the slow ones

.PHONY: test-rust
test-rust: ## the core's tests, with every feature
	$(call say,cargo test)
	@$(CARGO) test $(LOCKED) -p wxcore -p wxload --all-features --no-run
	@$(CARGO) test $(LOCKED) -p wxcore -p wxload --all-features --quiet

.PHONY: test-python
test-python: setup ## pytest; choose with PYTEST_ARGS
	$(call say,pytest)
	@$(BIN)/python -m pytest -m '$(TEST_MARKS)' $(PYTEST_ARGS) || { code=$$?; \
		if [ $$code = 5 ]; then echo 'pytest collected no test: that is a failure here'; fi; exit $$code; }

.PHONY: test-slow
test-slow: ## only the slow tests: from an empty folder to an installed package
	@$(MAKE) --no-print-directory test-python TEST_MARKS=slow

# The seed is drawn once, so that a whole run can be repeated: WXGATE_FAULT_SEED=… make faults.
.PHONY: faults
faults: setup ## every fault of the catalogue, FAULT_KILLS kills (hours); writes docs/guarantees.md's table
	$(call say,faults)
	@mkdir -p '$(dir $(FAULT_RESULTS))' && rm -f '$(FAULT_RESULTS)'
	@export WXGATE_FAULT_SEED="$${WXGATE_FAULT_SEED:-$$RANDOM$$RANDOM}"; \
	echo "WXGATE_FAULT_SEED=$$WXGATE_FAULT_SEED"; \
	FAULT_KILLS=$(FAULT_KILLS) WXGATE_FAULT_RESULTS='$(FAULT_RESULTS)' \
		$(BIN)/python -m pytest tests/faults $(PYTEST_ARGS)
	@$(BIN)/python tests/faults/report.py '$(FAULT_RESULTS)'


# Lints

.PHONY: lint
lint: lint-rust lint-python docs-check ## format, clippy, rustdoc, ruff, mypy, stubs, generated pages

.PHONY: lint-rust
lint-rust:
	@for tool in fmt clippy; do $(CARGO) $$tool --version >/dev/null 2>&1 || { echo \
		"make lint needs cargo $$tool: 'rustup component add rustfmt clippy', or your system's packages"; \
		exit 1; }; done
	$(call say,cargo fmt and clippy)
	@$(CARGO) fmt --all --check
	@rustfmt --edition 2024 --check $(RUST_OUTSIDE)
	@$(CARGO) clippy $(LOCKED) --quiet --workspace --all-targets -- -D warnings
	@$(CARGO) clippy $(LOCKED) --quiet --workspace --all-targets --features sm -- -D warnings
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc $(LOCKED) --quiet --no-deps -p wxcore --features sm

.PHONY: lint-python
lint-python: setup
	$(call say,ruff and mypy)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check || { $(BIN)/ruff format --diff; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml wxcore

.PHONY: fmt
fmt: setup ## format everything, and apply what ruff can fix by itself
	@$(CARGO) fmt --all
	@rustfmt --edition 2024 $(RUST_OUTSIDE)
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format --quiet


# Docs and reports

.PHONY: docs
docs: setup ## write the generated pages again
	@$(BIN)/python tools/pages.py

.PHONY: docs-check
docs-check: setup ## fail if a generated page is not what its source says
	@$(BIN)/python tools/pages.py --check

.PHONY: sizes
sizes: setup ## functions and files, against the budgets in CONTRIBUTING.md
	@$(BIN)/python tools/sizes.py


# Measuring

PYTEST_BENCHES = $(BIN)/python -m pytest benches/python --override-ini='python_files=bench_*.py' \
	--override-ini='python_functions=bench_*'

.PHONY: bench
bench: setup benches/core/Cargo.lock ## everything, some minutes; writes benches/RESULTS.md and READMEs' figures
	$(call say,measuring: leave the machine alone)
	@$(BIN)/python benches/report.py

.PHONY: bench-quick
bench-quick: setup benches/core/Cargo.lock ## the same in two minutes, roughly; writes nothing
	@$(BIN)/python benches/report.py --quick

.PHONY: bench-day
bench-day: setup ## a whole day, alone on the machine, as fast as that carries it; DAY_ARGS='--messages 300000' rehearses
	@tools/redis-from-debian.sh >/dev/null 2>&1 || true # its jemalloc; the page names the allocator
	$(call say,a day of twenty million: leave the machine alone)
	@$(BIN)/python benches/day/run.py $(DAY_ARGS)

.PHONY: bench-profile
bench-profile: setup ## where a message's CPU goes, and a flame graph; needs perf
	@$(BIN)/python benches/flame/run.py

# The lock of the benches starts as ours, so that what is measured is what is shipped.
benches/core/Cargo.lock fuzz/Cargo.lock: Cargo.lock
	@cp $< $@

.PHONY: bench-core
bench-core: benches/core/Cargo.lock ## the stages in Rust; choose with BENCH_ARGS='xml'
	@$(CARGO) bench --quiet --manifest-path benches/core/Cargo.toml -- $(BENCH_ARGS)

.PHONY: bench-python
bench-python: setup ## the boundary in Python, beside rivals; BENCH_ARGS='-k open' chooses
	@$(PYTEST_BENCHES) --override-ini='timeout=600' --benchmark-enable \
		--benchmark-columns=median,iqr,rounds --benchmark-sort=name $(BENCH_ARGS)

.PHONY: bench-peers
bench-peers: setup ## beside what teams use, doing the same work; BENCH_ARGS='--only fastapi' chooses
	@mkdir -p .cache
	@$(BIN)/python benches/peers/run.py --out .cache/peers.json $(BENCH_ARGS)

.PHONY: bench-check
bench-check: setup benches/core/Cargo.lock ## run each bench once, untimed: its answer must be right
	$(call say,benches once)
	@$(CARGO) test --quiet --manifest-path benches/core/Cargo.toml --benches >/dev/null
	@$(PYTEST_BENCHES) --benchmark-disable --quiet --no-header
	@$(BIN)/python benches/process/run.py --check
	@$(BIN)/python benches/peers/run.py --check
	@$(BIN)/python benches/carry/run.py --check
	@$(BIN)/python benches/fleet/run.py --check

.PHONY: bench-count
bench-count: setup benches/core/Cargo.lock ## instructions of each stage, beside those last accepted: 3 % more fails
	$(call say,instructions)
	@$(BIN)/python benches/instructions.py

.PHONY: bench-accept
bench-accept: setup benches/core/Cargo.lock ## take the instructions counted now as the accepted ones: benches/baseline.json
	@$(BIN)/python benches/instructions.py --accept

# The core has no unsafe code, so no sanitizer by default; FUZZ_SANITIZER=address checks what it uses.
.PHONY: fuzz
fuzz: fuzz/Cargo.lock ## every fuzz target for FUZZ_SECONDS; needs a C++ compiler
	@export PATH="$(CURDIR)/.cache/cargo/bin:$$PATH" $(if $(filter none,$(FUZZ_SANITIZER)),,RUSTC_BOOTSTRAP=1); \
	$(CARGO) fuzz --version >/dev/null 2>&1 || { echo 'installing cargo-fuzz into .cache/cargo'; \
		$(CARGO) install --quiet --locked --root .cache/cargo cargo-fuzz; }; \
	for target in $(FUZZ_TARGETS); do \
		printf '\033[1m— fuzz %s\033[0m\n' "$$target"; mkdir -p "fuzz/corpus/$$target"; \
		$(CARGO) fuzz run --fuzz-dir fuzz --sanitizer $(FUZZ_SANITIZER) "$$target" \
			"fuzz/corpus/$$target" "fuzz/seeds/$$target" -- -max_total_time=$(FUZZ_SECONDS) \
			-dict="fuzz/seeds/$$target.dict" -max_len=4096 -verbosity=0 -print_final_stats=1; \
	done


# Packages

.PHONY: wheel
wheel: setup ## dist/*.whl
	@$(BIN)/maturin build --release -i $(PYO3_PYTHON) --out dist

.PHONY: clean
clean: ## remove what was built, .venv too
	rm -rf '$(CARGO_TARGET_DIR)' '$(VENV)' dist .cache .mypy_cache .pytest_cache .ruff_cache \
		.hypothesis .benchmarks python/wxcore/_wxcore.*.so
	find python tests benches tools -name __pycache__ -prune -exec rm -rf {} +
