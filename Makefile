# Two commands matter: `make demo` (set up, open the quickstart notebook) and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo render test lint typecheck unit notebooks lock clean

demo: $(VENV)/.demo-installed
	$(BIN)/tfi-notebook demo

render: $(VENV)/.demo-installed
	$(BIN)/tfi-notebook render --force -o tfi_outputs/talking.mp4

test: $(VENV)/.test-installed lint typecheck
	$(BIN)/python tools/ensure_browser.py
	$(BIN)/python -m pytest

lint: $(VENV)/.test-installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check

typecheck: $(VENV)/.test-installed
	$(BIN)/mypy

unit: $(VENV)/.test-installed
	$(BIN)/python -m pytest -p no:nb_regression -m "not browser and not render" --ignore tests/notebooks

notebooks: $(VENV)/.test-installed
	$(BIN)/python tools/regenerate_notebooks.py

# compile the locked sets again; needs uv. No address of a registry may be in them
lock:
	for extra in demo test; do \
	  uv pip compile pyproject.toml requirements/build.in --extra $$extra --universal \
	    --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header --quiet --upgrade --output-file requirements/$$extra.txt; \
	done

clean:
	rm -rf $(VENV) tfi_outputs test-artifacts dist .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# the test set holds the demo set, so either may be installed over the other
$(VENV)/.%-installed: requirements/%.txt pyproject.toml | $(BIN)/python
	@echo "installing the packages into $(VENV) (about a minute)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
