# Every target does its own set-up; a second run finds it done. See .ci/setup.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PY := .venv/bin/python
BIN := .venv/bin
NPX := ./node_modules/.bin
# The browser that .ci/setup found, read when a recipe runs.
BROWSER = CANDOR_CHROMIUM="$$(cat var/setup/chromium)"
# `make test ARGS="-k gate"` hands arguments to pytest; `make test ONLY=tests/unit/test_gate.py` runs
# one file or folder.
ARGS ?=
ONLY ?=

# Locks hold versions and hashes, and no word on where they came from.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate

SUITES := $(wildcard tests/unit tests/vectors tests/fuzz tests/guarantees tests/e2e tests/real_apps)
TYPED := relay $(wildcard tests/support tests/real_apps)

CHECKS := check-ruff check-mypy check-layers check-docker check-biome check-tsc check-dist

.PHONY: help setup demo run build check $(CHECKS) test bench nightly lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1 \t\2/' | expand -t 20

setup: ## install what the other targets need (they do it themselves)
	@.ci/setup

demo: build ## the whole path in a real browser, with a summary (HEADED=1 to watch)
	@.ci/setup python browser
	@$(BROWSER) $(PY) -m tests.demo $(ARGS)

run: build ## a relay for your own browser, with instructions
	@.ci/setup python node
	@$(PY) -m tests.demo.run_own $(ARGS)

build: ## the extension, into extension/dist/chromium and extension/dist/firefox
	@.ci/setup node
	@cd extension && node build.mjs

check: ## linters, types, layers, size budgets (2 minutes at most)
	@.ci/setup python node
	@$(MAKE) --jobs=2 --keep-going --output-sync=target $(CHECKS)

check-ruff:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

check-mypy:
	@$(BIN)/mypy $(TYPED)

check-layers:
	@$(BIN)/lint-imports --no-logo

check-docker:
	@$(BIN)/hadolint docker/Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker/compose.yaml

check-biome:
	@cd extension && $(NPX)/biome ci --colors=off --error-on-warnings .

check-tsc:
	@cd extension && $(NPX)/tsc --noEmit

check-dist:
	@cd extension && node build.mjs && node size.mjs && node lint.mjs

test: setup build ## unit, vectors, guarantees, end to end (ONLY=FILE for one of them, ARGS="..." for pytest)
	@$(if $(ONLY),,cd extension && $(NPX)/vitest run)
	@$(BROWSER) $(PY) -m pytest $(or $(ONLY),$(SUITES)) $(ARGS)

bench: setup build ## cost and throughput beside peers, 10 minutes (CANDOR_EFFORT=full: 40)
	@$(BROWSER) $(PY) -m tests.bench $(ARGS)

nightly: export CANDOR_EFFORT := full
nightly: test ## the same tests with full effort

lock: ## write the lock files anew from pyproject.toml and package.json (needs uv)
	@$(LOCK) pyproject.toml --output-file requirements.lock
	@$(LOCK) pyproject.toml --group dev --output-file requirements-dev.lock
	@$(LOCK) --group build --output-file requirements-build.lock
	@$(LOCK) --group bench --output-file requirements-bench.lock
	@$(LOCK) --group apps --output-file requirements-apps.lock
	@cd tests/bench && npm install --package-lock-only --loglevel=error
	@cd extension && npm install --package-lock-only --loglevel=error

clean: ## remove everything these targets made
	@rm -rf .venv var extension/node_modules extension/dist .coverage .coverage.* .hypothesis \
	  .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist
	@find relay tests -name __pycache__ -type d -prune -exec rm -rf {} +
