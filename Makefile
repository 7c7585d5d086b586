# Every verb sets up what it needs: nothing but Python 3.11+, pip, and (for `test`) apt is expected on the machine.

RUN  := .venv/.installed-run
DEV  := .venv/.installed-dev
BIN  := .venv/bin
PYTEST_ARGS ?=

.PHONY: help run test lint bench chaos docs lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUN) ## issue the certificates of examples/ and keep serving them, until Ctrl-C
	$(BIN)/certwright up -f examples/ --data-dir data --export export

test: lint tools ## lint, types, layers, and every test but the chaos tests
	$(BIN)/pytest -n 2 -m "not chaos" $(PYTEST_ARGS)

lint: $(DEV) ## style, format, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(DEV) tools ## measure issuance against the embedded server
	$(BIN)/python -m bench $(BENCH_ARGS)

chaos: $(DEV) ## kill -9 real processes many times while they issue (long)
	$(BIN)/pytest -m chaos -s $(PYTEST_ARGS)

docs: $(DEV) ## regenerate docs/reference/ from the code
	$(BIN)/python tools/reference.py

lock: $(DEV) ## pin the newest versions of everything in requirements*.lock
	tools/lock.sh

clean: ## remove what the verbs above made, the data of `make run` included
	rm -rf .venv .cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist src/*.egg-info data export

.PHONY: tools
tools:
	@tools/need.sh openssl keytool=default-jre-headless
	@tools/install-test-tools.sh

$(RUN): requirements.lock pyproject.toml
	tools/venv.sh requirements.lock
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml
	tools/venv.sh requirements-dev.lock
	@touch $@ $(RUN)
