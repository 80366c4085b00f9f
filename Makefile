# The front door. `make demo` and `make test` need Python >= 3.11 and a network for pip, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup setup-bench demo test check bench bench-full bench-gpu clean

setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "filiberto needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/filiberto run

test: setup
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

setup-bench: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'

# Under ten minutes on two cores; `make bench-full` an hour.
bench: setup-bench
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/step.py --repeats 2 --seconds 6 --contestants trainer "trainer, tuned" filiberto

bench-full: setup-bench
	$(BIN)/python benchmarks/step.py --cases tiny:128 tiny:512 mini:128 mini:512 small:128 small:512

# Reads the shards of a finished run where RUN names one (text needs Daft, which a GPU box may lack).
bench-gpu: setup-bench
	$(BIN)/python benchmarks/step.py --device cuda --repeats 2 --mask-rate 0.30 \
		--cases mini:512 small:512 base:512 large:512 --contestants "trainer, tuned" filiberto \
		$(if $(RUN),--run $(RUN))

clean:
	rm -rf $(VENV)
