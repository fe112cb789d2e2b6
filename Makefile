# Every target sets up its own .venv from the pinned, hashed requirements; `make PYTHON=python3.13 test` chooses the Python.
#   make run [SPEED=20] [START=2026-03-04T10:00:00+08:00]   serve with a simulated switch
#   make demo [JSON=out.json]     a bounded minute of it and a campaign to its end, judged
#   make test                     checks and tests; needs nothing but this folder
#   make acceptance DATA=FOLDER   what needs the real data
#   make bench [JSON=out.json]    figures beside their baseline, of the compiled product where it can be compiled
#   make compiled                 the product with its core and engine compiled, in build/compiled (needs a C compiler)
#   make test-compiled            the tests of core and engine against it
#   make test-long                what takes long: clusters and their servers killed, campaigns on PostgreSQL too, mutants
#   make faults [KILLS=200] [SEED=1] [JSON=out.json]   faults upon a real cluster, judged: a quarter of an hour
#   make faults SCENARIO=broker-away [SECONDS_AWAY=120] [HOW=stopped]   one server away (or ledger-away; HOW=killed)
#   make faults SCENARIO=brokers                   three brokers: one killed, two, each restarted (HOW=stopped)
#   make faults SCENARIO=orders [SECONDS_AWAY=120] dial orders: none is received twice, whatever dies
#   make faults SCENARIO=dialler [SECONDS_AWAY=120] campaigns: three diallers, and nobody is called twice, whatever dies
#   make hostile [ONLY=C2-flood] [STORE=both] [JSON=out.json]   attacks of a hostile client on a real process
#   make simulate [N=20000] [SEED=1] [JSON=out.json]   whole campaigns by seed, with faults anywhere, judged after every step
#   make simulate ORDERS=1 [N=20000] [SEED=1] [JSON=out.json]   orders alone: they leave at most once, whatever dies
#   make mutate [ONLY=zones] [JSON=out.json]   each small change of the deciding part must fail a test: some minutes
#   make alerts                   the alert rules against their own tests (needs promtool)
#   make requirements             pin anew (looks at the package registry)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := test
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
CODE := schemas cti campaigns tests docs deploy
DATA ?= ../shared/data
JSON ?=
SPEED ?=
START ?=
KILLS ?= 200
SEED ?= 1
SCENARIO ?=
SECONDS_AWAY ?= 120
ONLY ?=
ORDERS ?=
N ?= 20000
STORE ?= both
HOW ?= $(if $(filter brokers,$(SCENARIO)),killed,stopped)

# A stamp's name carries what it was made from: other requirements, another name, a new environment.
checksum = $(shell cat $(1) | cksum | cut -d ' ' -f 1)
ENVIRONMENT := $(VENV)/requirements-$(call checksum,requirements-dev.txt)
STAMP := $(ENVIRONMENT)-package-$(call checksum,pyproject.toml)

PROMTOOL ?= promtool

# A machine that keeps no bytecode compiles the product anew for each of the hundreds of processes that tests start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run demo test test-long test-compiled compiled acceptance bench faults hostile simulate mutate check lint alerts format requirements setup clean

setup: $(STAMP)

$(ENVIRONMENT):
	@[ -n "$(PYTHON)" ] || { echo "Ringback needs Python 3.11 or later with venv and ensurepip (Debian: python3-venv); none is on PATH." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Ringback needs Python 3.11 or later; $(PYTHON) is older or is not there." >&2; exit 1; }
	@echo "setting up $(VENV) from requirements-dev.txt"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@touch $@

$(STAMP): $(ENVIRONMENT)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

run: $(STAMP)
	@exec $(BIN)/ringback run $(if $(SPEED),--speed $(SPEED)) $(if $(START),--start $(START))

demo: $(STAMP)
	@exec $(BIN)/ringback demo $(if $(JSON),--json $(JSON))

# One more than there are processors: a quarter of the time a test waits for a server or a commit.
PARALLEL := -n $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 ))) --maxprocesses 5 --dist worksteal
# Each is a cluster of its own.
PAIRED := -n 2 --dist worksteal

# Two runs: what computes; and what starts, kills and hurries processes, with nothing else beside (tests/conftest.py says
# which tests those are). The types are checked beside the first.
test: lint
	$(BIN)/mypy & types=$$!; \
	$(BIN)/python -m pytest --part together $(PARALLEL) || { kill $$types 2> /dev/null; exit 1; }; \
	wait $$types
	$(BIN)/python -m pytest --part processes $(PARALLEL)

test-long: $(STAMP)
	$(BIN)/python -m pytest --part long $(PAIRED)

acceptance: $(STAMP)
	@[ -d "$(DATA)" ] || { echo "no such folder: $(DATA) (make acceptance DATA=FOLDER)" >&2; exit 1; }
	RINGBACK_DATA="$(abspath $(DATA))" $(BIN)/python -m pytest tests/acceptance

# Safe path: else the sources in this folder come before the compiled copy of them.
WITH_COMPILED := PYTHONSAFEPATH=1 PYTHONPATH=build/compiled:.

compiled: $(STAMP)
	@$(BIN)/python deploy/compiled.py build/compiled

test-compiled: compiled
	$(WITH_COMPILED) $(BIN)/python -m pytest --import-mode=importlib $(PARALLEL) tests/unit/core tests/simulation tests/replay

bench: $(STAMP)
	@$(BIN)/python deploy/compiled.py build/compiled || echo "not compiled: these are the figures of the interpreter" >&2
	@$(WITH_COMPILED) exec $(BIN)/python -m tests.benchmarks $(if $(JSON),--json $(JSON))

FAULTS := $(if $(SCENARIO),--scenario $(SCENARIO) --seconds $(SECONDS_AWAY) --how $(HOW),--kills $(KILLS))
faults: $(STAMP)
	@exec $(BIN)/python -m tests.faults.cluster $(FAULTS) --seed $(SEED) $(if $(JSON),--json $(JSON))

hostile: $(STAMP)
	@exec $(BIN)/python -m tests.hostile --store $(STORE) $(addprefix --only ,$(ONLY)) $(if $(JSON),--json $(JSON))

simulate: $(STAMP)
	@exec $(BIN)/python -m tests.simulation.outbound $(if $(ORDERS),--orders) --n $(N) --seed $(SEED) $(if $(JSON),--json $(JSON))

mutate: $(STAMP)
	@exec $(BIN)/python -m tests.mutation $(addprefix --only ,$(ONLY)) $(if $(JSON),--json $(JSON))

check: lint
	$(BIN)/mypy

lint: $(STAMP)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/lint-imports

alerts:
	@command -v $(PROMTOOL) >/dev/null || { echo "promtool is missing (Debian: apt-get install prometheus)" >&2; exit 1; }
	cd deploy/prometheus && $(PROMTOOL) check config prometheus.yml cluster.yml && $(PROMTOOL) test rules ringback.tests.yml

format: $(STAMP)
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

# No registry's address goes into the files: whoever installs brings an own one.
PIN := CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options
requirements: $(STAMP)
	$(PIN) --output-file requirements.txt pyproject.toml
	$(PIN) --output-file requirements-build.txt requirements-build.in
	$(PIN) --output-file requirements-dev.txt requirements-dev.in

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
