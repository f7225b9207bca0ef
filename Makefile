# `make` alone lists the targets. CI runs `make test` on a fresh clone.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SEEDS ?= 200
MONTHS ?= 10000
# Tests run in a shuffled order; CI always in the same one. Another: make test ORDER=$$RANDOM
ORDER ?= 20261122

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types imports docs-test bench simulate months mutation postgres clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/installed ## make .venv with the command .venv/bin/connector

$(VENV)/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python"; exit 1; }
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded,postgres,dev]'
	touch $@

demo: install ## a month from Microsoft's signed notice to invoices in a real ledger (ONCE=1: stop afterwards)
	$(BIN)/connector demo $(if $(ONCE),--once)

test: install lint types imports ## everything CI runs: format, lint, types, import rules, tests
	$(BIN)/python -m tests.standins.tryton.install
	$(BIN)/pytest --doctest-modules connector/domain connector/sources connector/outside mappings
	$(BIN)/pytest --randomly-seed=$(ORDER) tests

check: test ## the same

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports --config pyproject.toml

bench: install ## measured figures as ratios, written to build/bench.json
	$(BIN)/python -m benchmarks

simulate: install ## the seeded simulation of posting, SEEDS=200
	$(BIN)/python -m tests.faults.simulate --seeds $(SEEDS)

months: install ## random months, each calculated twice, by the product and by the reference; MONTHS=10000
	$(BIN)/python -m tests.months.random_months --months $(MONTHS)

mutation: install ## break the pure packages in one place at a time: a test must notice 90 % (goes on where it stopped; anew: rm -r mutants)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[mutation]'
	$(BIN)/python -m tests.mutation

clean: ## remove what the targets made
	rm -rf $(VENV) .tryton build mutants .pytest_cache .mypy_cache .ruff_cache
