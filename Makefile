# make run / make test need python3 >= 3.11 with venv, and nothing else. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help setup run test check format bench constraints clean

help:  ## This list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Install the lab and its test tools into .venv, at the versions in constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("the lab needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@echo "setting up .venv (once; about half a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

run: $(STAMP)  ## The default matrix with charts and report: scenarios/typewriter.toml
	@$(BIN)/lab run typewriter

# Two at a time: most of it waits for real programs, and what is asserted is structure, which a neighbour does not change.
test: $(STAMP)  ## The whole test suite
	@$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile

check: $(STAMP)  ## Format, lint, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_layers.py

format: $(STAMP)  ## Let ruff format and fix what it can
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(STAMP)  ## Speed, as ratios side by side in one run
	@$(BIN)/python -m pytest tests/benchmarks -m bench -s

constraints:  ## Pin what is installed in .venv now, after it was tested
	@$(BIN)/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools > constraints.txt

clean:  ## Remove .venv and caches; results stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
