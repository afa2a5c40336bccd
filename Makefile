# Every target works from nothing: it makes the virtual environment that it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# One thread a process: the work is spread over processes, and results do not depend on the thread count.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg

.PHONY: setup demo ui check format test test-all bench clean

setup: $(VENV)/.dev

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "clinsynth needs Python 3.11 or newer; name one: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.user: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) install -q -e . -c constraints.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.user
	$(PIP) install -q -e '.[dev]' -c constraints.txt
	@touch $@

# Tests run in as many processes, a file of tests in one of them.
JOBS ?= 2

# Exit 3 says that quality control set samples aside: a demo with that is done.
KIND ?= ecg
demo: $(VENV)/.user
	$(BIN)/clinsynth demo $(KIND) || test $$? -eq 3

ui: $(VENV)/.user
	$(BIN)/clinsynth ui

# mypy wants the package by its name, and the checkout's folder may have any: a link gives it the name.
check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p build/typecheck && ln -sfn ../.. build/typecheck/clinsynth
	$(BIN)/mypy -m clinsynth -m clinsynth.__main__ -p clinsynth.conditioning -p clinsynth.generators \
	  -p clinsynth.evaluation -p clinsynth.app
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow and not gpu" -n $(JOBS) --dist loadfile

test-all: $(VENV)/.dev
	$(BIN)/python -m pytest

bench: $(VENV)/.dev
	@for file in benchmarks/bench_*.py; do $(BIN)/python "$$file" || exit 1; done

clean:
	rm -rf build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache clinsynth-demo
	find app conditioning evaluation generators tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
