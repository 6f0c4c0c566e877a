# Everything a checkout can do. `make` alone lists it. Needs make and Python 3.11 or newer, nothing else.

PYTHON ?= python3
# How tests are spread over processes; `make test PYTEST_PROCESSES=0` runs them in one.
PYTEST_PROCESSES ?= auto
PYTEST_PROCESSES_AT_MOST ?= 4
# More for pytest, for example `make test ARGUMENTS="tests/sessions -k refresh"`.
ARGUMENTS ?=
# `make lock LOCK_FLAGS=--upgrade` takes the newest versions; without it only what has to move moves.
LOCK_FLAGS ?=

# `make image IMAGE=registry/signet:1.0 BASE=python:3.14-slim-trixie`; TARGET=dev is the one that reloads. BUILDER is a
# program that takes a folder and the options of `docker build`; BUILD_FLAGS are more of these.
IMAGE ?= signet:dev
BASE ?=
TARGET ?= service
VERSION ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
BUILDER ?=
BUILD_FLAGS ?=

# `make load SCENARIO=mixed`. Without HOST it starts Signet and its stores by itself; with it METRICS names where each
# replica tells its metrics. LOAD_WORKERS=2 generates from two processes; UI=1 shows Locust's pages; TELL=9646 tells
# Prometheus; LENGTH=10 is ten times as long. AWAY and BACK are shell commands that take a store away from a deployment
# and bring it back.
SCENARIO ?= warm-cache
HOST ?=
METRICS ?=
LOAD_WORKERS ?= 0
LENGTH ?= 1
UI ?=
TELL ?=
AWAY ?=
BACK ?=
PEOPLE ?= 100000

IN_VENV = .venv/bin/python -m
LOCK = $(IN_VENV) uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header $(LOCK_FLAGS)

.DEFAULT_GOAL := help
.PHONY: help up observe test test-cluster check prove load load-seed load-compare bench bench-growth bench-telemetry \
	bench-revocation profile image test-image chart dashboards dashboards-preview lock clean install-local \
	install-development python

help: ## List what make can do
	@echo "Usage: make <target>"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1	\2/p' Makefile | expand -t 12

up: install-local ## Run Signet with its own PostgreSQL and Valkey until Ctrl-C
	@$(IN_VENV) local

observe: install-local ## Run a Prometheus with our rules that looks at the Signet of `make up`
	@$(IN_VENV) local.observe

test: install-development ## Run every test that is fast enough for each commit
	@$(IN_VENV) pytest -n $(PYTEST_PROCESSES) --maxprocesses=$(PYTEST_PROCESSES_AT_MOST) \
		--dist=loadgroup $(ARGUMENTS)

test-cluster: install-development ## Try the chart on the cluster that kubectl talks to; name the image in SIGNET_TEST_IMAGE
	@$(IN_VENV) pytest -n 0 -m cluster tests/cluster $(ARGUMENTS)

check: install-development ## Run the linters, the types and the rules about the code itself
	@$(IN_VENV) ruff check service tests local charts loadtests
	@$(IN_VENV) ruff format --check service tests local charts loadtests
	@$(IN_VENV) mypy service tests local loadtests
	@.venv/bin/python -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	@$(IN_VENV) codespell_lib
	@.venv/bin/hadolint Dockerfile
	@.venv/bin/zizmor --offline --quiet .github
	@$(IN_VENV) pytest -q tests/promises/test_sizes.py

prove: install-development ## Run the long tests
	@$(IN_VENV) pytest -m prove $(ARGUMENTS)

load: install-development ## Run a load test and judge it: SCENARIO=warm-cache, or another of loadtests/scenarios
	@$(IN_VENV) loadtests run '$(SCENARIO)' --workers '$(LOAD_WORKERS)' --length '$(LENGTH)' \
		$(foreach host,$(HOST),--host '$(host)') $(foreach url,$(METRICS),--metrics '$(url)') \
		$(if $(UI),--ui) $(if $(TELL),--tell '$(TELL)') $(if $(AWAY),--away '$(AWAY)') $(if $(BACK),--back '$(BACK)') $(ARGUMENTS)

load-seed: install-development ## Fill a database with people for load tests: PEOPLE=1000000
	@$(IN_VENV) loadtests seed --people '$(PEOPLE)'

load-compare: install-development ## Hold two reports side by side: A=one.json B=other.json
	@$(IN_VENV) loadtests compare '$(A)' '$(B)'

bench: install-development ## Measure how much a request costs
	@$(IN_VENV) tests.bench $(ARGUMENTS)

profile: install-development ## Show where a request's time goes: ENDPOINT=me, verify, cold, refresh, list, login or register
	@$(IN_VENV) tests.bench.where $(ENDPOINT)

bench-growth: install-development ## Measure whether a request costs more among a million users (5 minutes)
	@$(IN_VENV) tests.bench.growth

bench-telemetry: install-development ## Measure what metrics, logs and traces cost, and write it into docs/performance.md
	@$(IN_VENV) tests.bench.telemetry

bench-revocation: install-development ## Measure how long a revoked token is still accepted on another replica
	@$(IN_VENV) tests.bench.revocation

image: ## Build the image with docker, buildah or podman; see IMAGE, BASE and TARGET above
	@BASE='$(BASE)' TARGET='$(TARGET)' VERSION='$(VERSION)' BUILDER='$(BUILDER)' \
		local/image.sh '$(IMAGE)' $(BUILD_FLAGS)

test-image: install-development image ## Build the image, list what is in it and run it with nothing allowed
	@$(MAKE) --no-print-directory image IMAGE='$(IMAGE)-reload' TARGET=dev
	@TEST_IMAGE='$(IMAGE)' TEST_DEV_IMAGE='$(IMAGE)-reload' $(IN_VENV) pytest -n 0 tests/image $(ARGUMENTS)

chart: install-development ## Write anew what follows from the chart: schema, table of values, k8s/base, goldens
	@.venv/bin/python charts/generate.py
	@$(IN_VENV) tests.charts.goldens

dashboards: install-development ## Write the dashboards in charts/signet/dashboards anew
	@$(IN_VENV) charts.dashboards

dashboards-preview: install-development ## Live a minute with Signet and draw every dashboard of it into docs/images
	@$(IN_VENV) tests.preview

lock: install-development ## Lock the dependencies anew after a change of requirements/*.in
	@$(LOCK) requirements/service.in --output-file requirements/service.txt
	@$(LOCK) requirements/local.in --output-file requirements/local.txt
	@$(LOCK) requirements/loadtests.in --output-file requirements/loadtests.txt
	@$(LOCK) requirements/development.in --output-file requirements/development.txt
	@$(LOCK) requirements/reload.in --output-file requirements/reload.txt

clean: ## Remove what make and the tools have made; the data in .signet stays
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install-local: python
	@$(PYTHON) -m local.virtualenv requirements/local.txt

install-development: python
	@$(PYTHON) -m local.virtualenv requirements/development.txt

python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
		echo "signet: $(PYTHON) is not installed; install Python 3.11 or newer, or name one: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "signet: $(PYTHON) is older than Python 3.11; install a newer one, or name it: make PYTHON=python3.12" >&2; exit 1; }
