# Every task of the project; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
LOWEST ?= .venv-lowest
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest lint format bench bench-speed bench-classical bench-anomaly bench-generative docs clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-16s %s\n", $$1, $$2}'

# The environment is made once and again when what it is made from changes; without UMAP, whose
# compiler is large, until tests need it. PyTorch is installed by
# its pinned version first: a range would bring the newest build with several gigabytes of CUDA.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade -c constraints.txt 'pip>=25.1'
	$(PIP) install -c constraints.txt torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(PIP) install -c constraints.txt -e '.[plot,table,image,yaml]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install -c constraints.txt -e '.[all]' --group dev
	@touch $@

demo: $(VENV)/.installed  ## train five autoencoders on digits, write a report: under 90 seconds
	$(BIN)/isthmus demo -o isthmus-demo

test: $(VENV)/.installed-dev  ## run tests, doctests and the README's blocks: under 10 minutes
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

$(LOWEST)/.installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip --quiet install --upgrade 'pip>=25.1'
	$(LOWEST)/bin/python -m pip --quiet install -c constraints-lowest.txt \
		-e '.[plot,table,image,yaml]' --group test
	@touch $@

test-lowest: $(LOWEST)/.installed  ## run the tests with the lowest versions that are promised
	$(LOWEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal

lint: $(VENV)/.installed-dev  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev  ## bring the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev  ## re-run every claim and write benchmarks/results/*.json (about 5 hours)
	$(PIP) install -c constraints.txt --group bench
	$(BIN)/python -m benchmarks

bench-speed: $(VENV)/.installed-dev  ## only the training throughput beside a hand-written loop
	$(BIN)/python -m benchmarks speed

bench-classical: $(VENV)/.installed-dev  ## only the published tables of 1987 to 2014 beside ours (about 2 hours)
	$(BIN)/python -m benchmarks --classical

bench-anomaly: $(VENV)/.installed-dev  ## only anomaly detection, beside PyOD and scikit-learn (about 2 hours)
	$(PIP) install -c constraints.txt --group bench
	$(BIN)/python -m benchmarks --anomaly

bench-generative: $(VENV)/.installed-dev  ## only the generative family: likelihoods, samples, factors (about 3 hours)
	$(BIN)/python -m benchmarks --generative

docs: $(VENV)/.installed-dev  ## write docs/results.md from the ledger and redraw the pictures
	$(BIN)/python -m benchmarks --docs
	$(BIN)/python docs/make_pictures.py

clean:  ## remove the environment, caches and the demo
	rm -rf $(VENV) $(LOWEST) isthmus-demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
