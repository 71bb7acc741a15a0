# Two commands for a newcomer: `make demo` runs the main job from nothing, `make test` proves it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := $(filter-out requirements/bench.txt,$(wildcard requirements/*.txt))
OPA_VERSION := v1.20.2
export PYTHONUNBUFFERED = 1
# a house may have a certificate authority of its own: trust what its machines trust; every package goes by its hash
export UV_SYSTEM_CERTS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-faults check bench bench-engine bench-policy bench-approvals bench-evidence torture lock clean browser opa softhsm verifier test-mutations

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed static/dist/app.js ## everything the project needs, from the registries, by hash

$(VENV)/.installed: $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Interlock needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt \
	  || $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --ignore-requires-python --no-deps --require-hashes -r requirements/pdp.txt -r requirements/readers.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

static/dist/app.js: $(VENV)/.installed $(shell find frontend -type f -not -path '*/node_modules/*')
	@$(BIN)/python frontend/build.py
	@touch $@

demo: setup ## the main job, from an empty database to a verified bundle; writes build/demo.json
	@$(BIN)/python -m controlplane.demo $(if $(TICKETS),--tickets "$(TICKETS)") $(if $(N),--count $(N))

up: setup ## the same, then stays up with the console until Ctrl-C
	@$(BIN)/python -m controlplane.demo --stay $(if $(TICKETS),--tickets "$(TICKETS)") $(if $(N),--count $(N))

browser: ## Debian's Chromium, where it can be installed; otherwise says what to do
	@command -v chromium >/dev/null 2>&1 || test -n "$$INTERLOCK_CHROMIUM" \
	  || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
	  || echo "The browser tests need Chromium: 'apt-get install chromium', or set INTERLOCK_CHROMIUM to its path." >&2

opa: ## the real OPA server for the tests, where Go can build it; elsewhere a double takes its place
	@mkdir -p build
	@test -x build/bin/opa || ! command -v go >/dev/null 2>&1 || { echo "Building OPA $(OPA_VERSION), once …" >&2; \
	  GOBIN=$(CURDIR)/build/bin GOFLAGS=-mod=mod go install github.com/open-policy-agent/opa@$(OPA_VERSION) 2>build/opa.log; } \
	  || echo "OPA cannot be built here (build/opa.log); the tests use a double." >&2

softhsm: ## Debian's software HSM, where it can be installed; elsewhere its tests are skipped and say so
	@test -e /usr/lib/softhsm/libsofthsm2.so \
	  || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq softhsm2 >/dev/null; } \
	  || echo "The tests of hardware keys need SoftHSM: 'apt-get install softhsm2'." >&2

test-mutations: setup ## 12,000 random changes to bundles and 2,000 to rows of the record; none may be accepted silently
	@$(BIN)/python -m pytest -q -s -m long tests/conformance/test_mutations.py tests/integration/evidence/test_row_mutations.py

verifier: $(VENV)/.installed ## the offline verifier as one file, build/interlock-verify.pyz: needs Python and `cryptography`, nothing of ours
	@$(BIN)/python -m evidence.zipapp build/interlock-verify.pyz

test: setup browser opa softhsm ## every test, on real PostgreSQL, real OPA, real HTTP, a real browser
	@$(BIN)/python -m pytest -n 2 --dist loadfile -q -m "not long"

test-faults: setup ## the whole matrix of faults; CASES=n SEED=s for a part of it, ONLY=long without the rest. Prints its count, writes build/faults.json
	@rm -f build/faults.json
	@FAULT_CASES=$(or $(CASES),100000) FAULT_SEED=$(or $(SEED),0) $(BIN)/python -m pytest -q $(if $(ONLY),-m $(ONLY)) tests/faults; \
	  code=$$?; test ! -f build/faults.json || cat build/faults.json; exit $$code

torture: setup ## 64 writers, 4 sequencers, kill -9 at random; MINUTES=10 WRITERS=64 SEED=0. Writes build/torture.json
	@$(BIN)/python -m tests.torture

check: setup ## style, types, import contracts, migrations, deployment checks
	@$(BIN)/ruff format --check -q . && $(BIN)/ruff check -q .
	@$(BIN)/mypy .
	@$(BIN)/python frontend/build.py --check
	@$(BIN)/lint-imports
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python -m controlplane.deploy_check
	@$(BIN)/python -m tests.sizes

bench: setup ## ratios, measured in one run
	@$(BIN)/python -m tests.bench

bench-engine: setup build/bench-venv/.installed ## the engine beside its peers; writes build/bench-engine.json
	@$(BIN)/python -m tests.bench.engine $(if $(QUICK),--quick)

bench-policy: setup opa ## decisions, embedded and by a real OPA server, replays and growth; writes build/bench-policy.json
	@$(BIN)/python -m tests.bench.policy $(if $(QUICK),--quick)

bench-evidence: setup ## the record beside none and beside a locked chain, its lag, the verifier; writes build/bench-evidence.json
	@$(BIN)/python -m tests.bench.evidence $(if $(QUICK),--quick)

bench-approvals: setup ## the queue and the vote before 100,000 open requests; writes build/bench-approvals.json
	@$(BIN)/python -m tests.bench.approvals $(if $(QUICK),--quick)

build/bench-venv/.installed: requirements/bench.txt | $(VENV)/.installed
	@$(BIN)/python -m venv build/bench-venv
	@$(BIN)/uv pip install -q --python build/bench-venv/bin/python --require-hashes -r requirements/bench.txt \
	  || build/bench-venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

lock: ## re-lock the dependencies after editing pyproject.toml
	@$(BIN)/uv pip compile -q pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements/dev.txt
	@$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements/runtime.txt
	@$(BIN)/uv pip compile -q requirements/bench.in --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements/bench.txt

clean: ## stop what runs, remove what was made (also the data folder)
	@test -x $(BIN)/python && $(BIN)/python manage.py database down 2>/dev/null || true
	@test -x $(BIN)/python && INTERLOCK_DATA_DIR=$(CURDIR)/var/test $(BIN)/python manage.py database down 2>/dev/null || true
	rm -rf $(VENV) var build static/dist frontend/node_modules .mypy_cache .ruff_cache .pytest_cache
