# The front door. `make demo` and `make test` need Python >= 3.11 and a network for pip, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup setup-bench demo test faults check bench bench-full bench-gpu clean

setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "filiberto needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/filiberto run

# Two at a time, each on one thread: tiny models gain nothing by more, and on busy cores threads wait
# for each other.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

# Every kill, signal and full disk in full, an hour on two cores; `make test` has some of each.
faults: setup
	OMP_NUM_THREADS=1 FAULTS=full $(BIN)/python -m pytest tests/faults tests/train/test_distributed.py

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

setup-bench: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'

# Under ten minutes on two cores; `make bench-full` an hour.
bench: setup-bench
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/step.py --repeats 2 --seconds 5 --cases mini:128 mini:512 small:128 \
		--contestants trainer "trainer, tuned" filiberto

bench-full: setup-bench
	$(BIN)/python benchmarks/step.py --contestants trainer "trainer, tuned" "trainer, compiled" filiberto \
		--cases tiny:128 tiny:512 mini:128 mini:512 small:128 small:512 modernbert/small:128 modernbert/small:512
	$(BIN)/python benchmarks/step.py --contestants filiberto --out step-32k.json \
		--cases small:128:32768 small:512:32768 modernbert/small:128:32768 modernbert/small:512:32768
	$(BIN)/python benchmarks/step.py --contestants article filiberto --cases mini:128 --out step-short.json

# Reads the shards of a finished run where RUN names one (text needs Daft, which a GPU box may lack); with
# PYTHON_GPU another Python than the one set up here.
PYTHON_GPU ?= $(BIN)/python
bench-gpu: $(if $(filter $(BIN)/python,$(PYTHON_GPU)),setup-bench)
	$(PYTHON_GPU) benchmarks/step.py --device cuda --repeats 1 --seconds 6 --contestants filiberto \
		--cases mini:512::0.30 small:512::0.30 base:512::0.30 base:512::0.15 large:512::0.30 \
		modernbert/base:512::0.30 $(if $(RUN),--run $(RUN))
	$(PYTHON_GPU) benchmarks/step.py --device cuda --repeats 1 --seconds 6 --out step-gpu-trainer.json \
		--contestants "trainer, compiled" filiberto --cases base:512::0.30 $(if $(RUN),--run $(RUN))

clean:
	rm -rf $(VENV)
