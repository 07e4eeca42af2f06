# One door to everything. Needs Python >= 3.11 and make; the rest is installed into .venv, pinned.
# A stamp file per set of requirements keeps every later start quick.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
REPORTS ?=
report = $(if $(REPORTS),--junitxml=$(REPORTS)/$(1).xml)
OULAD_OUT ?= build/oulad

QUICK := not slow and not soak and not servers
# What is kept to one behaviour whichever engine holds the log.
BOTH := tests/api tests/imports tests/simulation tests/consumers/test_run.py tests/ledger/test_application.py tests/ledger/test_contention.py

.PHONY: demo test check soak up-local bench bench-scaled oulad docs install pins clean

demo: $(VENV)/.runtime
	@$(BIN)/ledger demo

# Everything, with a PostgreSQL and a Kafka that it sets up itself; the long forms are `soak`.
# What takes a moment runs on all cores; what kills, waits or measures itself against time runs alone.
# The suites of the ledger run twice, on files and over PostgreSQL.
# (5 is pytest's word for nothing selected: PYTEST_ARGS may name a part that is all of one kind.)
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto -m "$(QUICK)" $(call report,quick) $(PYTEST_ARGS) || [ $$? = 5 ]
	$(BIN)/python -m pytest -n auto -m "servers and not slow and not soak" $(call report,servers) $(PYTEST_ARGS) || [ $$? = 5 ]
	LEDGER_TEST_ENGINE=postgresql $(BIN)/python -m pytest -n auto -m "$(QUICK)" $(call report,postgresql) $(or $(PYTEST_ARGS),$(BOTH)) || [ $$? = 5 ]
	$(BIN)/python -m pytest -m "slow and not soak" $(call report,slow) $(PYTEST_ARGS) || [ $$? = 5 ]

# What to run before every commit: about a minute, with mypy warm. The doors' own tests are left to `make test`.
check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n auto -m "$(QUICK)" $(call report,check) $(or $(PYTEST_ARGS),tests --ignore=tests/api)

soak: $(VENV)/.dev
	$(BIN)/python -m pytest -m soak $(PYTEST_ARGS)

# A scaled ledger on this machine: a PostgreSQL and a Kafka of its own, and every process of the Procfile.
up-local: $(VENV)/.dev
	@$(BIN)/python -m tests.servers ledger

bench: $(VENV)/.dev
	$(BIN)/python -m tests.benchmarks

bench-scaled: $(VENV)/.dev
	$(BIN)/python -m tests.benchmarks scaled

# Convert the Open University records, and import them into a ledger of their own.
oulad: $(VENV)/.dev
	$(BIN)/python -m tests.oulad $(OULAD_OUT)
	rm -rf $(OULAD_OUT)/ledger*
	$(BIN)/ledger --database sqlite:///$(OULAD_OUT)/ledger.db import catalogue $(OULAD_OUT)/catalogue.json --by designer --approved-by board
	$(BIN)/ledger --database sqlite:///$(OULAD_OUT)/ledger.db import results $(OULAD_OUT)/results.csv --report $(OULAD_OUT)/report.csv
	$(BIN)/ledger --database sqlite:///$(OULAD_OUT)/ledger.db stats

# Write the pages of docs/ that are made from the code; tests fail while they differ.
docs: $(VENV)/.dev
	$(BIN)/python -m tests.api.test_openapi
	$(BIN)/python -m tests.house

install: $(VENV)/.dev

$(VENV)/.runtime: requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what the service needs into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "installing what the tests need into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Renew the two pinned files from pyproject.toml.
PIN := $(BIN)/pip-compile --quiet --no-header --no-annotate --no-emit-find-links --strip-extras --allow-unsafe --all-build-deps
pins: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-tools
	$(PIN) --output-file requirements.txt pyproject.toml
	$(PIN) --extra dev --output-file requirements-dev.txt pyproject.toml

clean:
	rm -rf $(VENV) .demo build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
