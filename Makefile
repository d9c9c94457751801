# Two commands do everything on a fresh machine with Python 3.11 or newer, git and make:
#   make demo    records real calls, offline and without keys, and opens the dashboard on them
#   make test    runs the tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-js check bench bench-index bench-web bench-prices clean

demo: $(INSTALLED)
	@$(BIN)/callscope demo
	@$(BIN)/callscope serve --root demo-calls --open

test: $(INSTALLED)
	@scripts/test

# The writer for Node; needs Node 20 or newer and nothing else.
test-js:
	@cd js && node --test test/*.test.js

check: $(INSTALLED)
	@scripts/check

bench: $(VENV)/.bench
	@$(BIN)/python -m benchmarks

# Needs ../shared/data, 20 GB of disk and an hour; --quick and --without-million need less.
bench-index: $(VENV)/.bench
	@$(BIN)/python -m benchmarks.index

# The archives are those of bench-index.
bench-web: $(VENV)/.bench $(VENV)-finchvox/.installed
	@$(BIN)/python -m benchmarks.web

bench-prices: $(INSTALLED)
	@$(BIN)/python -m benchmarks.prices

$(INSTALLED): pyproject.toml constraints.txt
	@scripts/install $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.bench: $(INSTALLED)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt 'getpatter>=0.7,<0.8' 'duckdb>=2,<3' 'pyarrow>=17,<27'
	@touch $@

# An environment of its own, 720 MB: it brings the whole of Pipecat with it.
$(VENV)-finchvox/.installed:
	@$(PYTHON) -m venv $(VENV)-finchvox
	@$(VENV)-finchvox/bin/python -m pip install --quiet finchvox==0.0.17
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-finchvox demo-calls build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
