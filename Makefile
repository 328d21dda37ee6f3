# Two commands matter: `make demo` (set up, open the quickstart notebook) and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# the site's tools bring extensions of JupyterLab, which the tests are to do without
DOCS_VENV := .venv-docs
# other people's clients, for `make bench` only
PEERS_VENV := .venv-peers

.PHONY: demo render test lint typecheck unit notebooks notebook-coverage check-binder screenshots docs front-doors bench bench-report lock clean

demo: $(VENV)/.demo-installed
	$(BIN)/tfi-notebook demo

render: $(VENV)/.demo-installed
	$(BIN)/tfi-notebook render --force -o tfi_outputs/talking.mp4

test: $(VENV)/.test-installed $(VENV)/kernels/.installed $(DOCS_VENV)/.installed lint typecheck
	$(BIN)/python tools/ensure_browser.py
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(VENV)/.test-installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check

typecheck: $(VENV)/.test-installed
	$(BIN)/mypy

unit: $(VENV)/.test-installed
	$(BIN)/python -m pytest -p no:nb_regression -m "not browser and not render" --ignore tests/notebooks

notebooks: $(VENV)/.test-installed
	$(BIN)/python tools/regenerate_notebooks.py
	$(BIN)/python tools/notebook_pictures.py

# which lines of the package the notebooks run
notebook-coverage: $(VENV)/.test-installed
	$(BIN)/python tools/notebook_coverage.py

# what Binder would do, in an environment of its own; minutes
check-binder:
	$(PYTHON) tools/check_binder.py

# the pictures of the README and of docs/panel.md, taken of the running product
screenshots: $(VENV)/.test-installed
	$(BIN)/python -m tools.screenshots

docs: $(DOCS_VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs build --strict --quiet
	@echo "look at it with: $(PYTHON) -m http.server --bind 127.0.0.1 --directory site"

# the ways in, each from an empty environment: wheels, Pythons, oldest and newest packages; minutes
front-doors: $(VENV)/.test-installed
	$(BIN)/python -m nox

# every figure anew, beside other clients: some 15 minutes on an idle machine
bench: $(VENV)/.test-installed $(PEERS_VENV)/.installed
	$(BIN)/python tools/ensure_browser.py
	$(BIN)/python -m benchmarks

bench-report: $(VENV)/.test-installed
	$(BIN)/python -m benchmarks.report

# compile the locked sets again; needs uv. No address of a registry may be in them
lock:
	for extra in demo binder test docs; do \
	  uv pip compile pyproject.toml requirements/build.in --extra $$extra --universal \
	    --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header --quiet --upgrade --output-file requirements/$$extra.txt; \
	done
	uv pip compile requirements/peers.in --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade \
	  --output-file requirements/peers.txt

clean:
	rm -rf $(VENV) $(DOCS_VENV) $(PEERS_VENV) .nox site tfi_outputs test-artifacts dist .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# the test set holds the demo set, so either may be installed over the other
$(VENV)/.%-installed: requirements/%.txt pyproject.toml | $(BIN)/python
	@echo "installing the packages into $(VENV) (about a minute)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# older kernels, each in a folder of its own: a click takes another way in each
$(VENV)/kernels/.installed: requirements/kernel-6.30.txt requirements/kernel-7.3.txt | $(BIN)/python
	for version in 6.30 7.3; do \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	    --upgrade --target $(VENV)/kernels/$$version -r requirements/kernel-$$version.txt || exit 1; \
	done
	@touch $@

$(DOCS_VENV)/.installed: requirements/docs.txt | $(BIN)/python
	@echo "installing the site's tools into $(DOCS_VENV)"
	$(BIN)/python -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(PEERS_VENV)/.installed: requirements/peers.txt | $(BIN)/python
	@echo "installing the clients to compare with into $(PEERS_VENV)"
	$(BIN)/python -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
