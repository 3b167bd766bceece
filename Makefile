# Everything a person types here works on a fresh clone: the virtual environment is made on demand.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-slow check format server deploy worker clean help

help:
	@echo "make demo       install, render two clips with known truth, run the whole chain on them"
	@echo "make test       the default tests"
	@echo "make test-slow  the slow tier: whole chain, Prefect worker"
	@echo "make check      ruff, pyright, import-linter"
	@echo "make server     Prefect server; then make deploy, make worker"

# A stamp for each set of extras: a changed pyproject or constraints file installs again.
$(VENV)/.run-stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e ".[flows,gvhmr]"
	touch $@

$(VENV)/.dev-stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e ".[dev]"
	touch $@ $(VENV)/.run-stamp

demo: $(VENV)/.run-stamp
	$(BIN)/wushu demo

test: $(VENV)/.dev-stamp
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/.dev-stamp
	$(BIN)/python -m pytest -m slow

check: $(VENV)/.dev-stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(VENV)/.dev-stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Prefect on this machine: `make server` in one terminal, then `make deploy`, then `make worker`.
server: export DO_NOT_TRACK = 1
server: $(VENV)/.run-stamp
	$(BIN)/prefect server start --host 127.0.0.1

deploy worker: export PREFECT_API_URL ?= http://127.0.0.1:4200/api
deploy worker: export DO_NOT_TRACK = 1
# Signs of life, by which the server knows that a run's machine is gone; prefect.toml says the same to those who
# start a worker without make, from this folder.
worker: export PREFECT_FLOWS_HEARTBEAT_FREQUENCY ?= 30

deploy: $(VENV)/.run-stamp
	$(BIN)/python -m flows.setup_server
	$(BIN)/prefect --no-prompt deploy --all

worker: $(VENV)/.run-stamp
	$(BIN)/prefect worker start --pool wushu

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
