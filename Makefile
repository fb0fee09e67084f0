# make demo   sets everything up, then shows a simulated board at work
# make test   sets everything up, then runs the whole test suite
# Nothing else needs to be prepared: Python >= 3.11 with its venv module, make and git are enough. Nothing needs root.

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	command -v $(name) >/dev/null 2>&1 && $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test coverage check lint types firmware labgrid hil soak bench pictures fuzz clean
.DEFAULT_GOAL := demo

$(VENV)/made: Makefile
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed, with its venv module" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/runtime: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/complete: $(VENV)/runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

demo: $(VENV)/runtime
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

# The fast tests first.
test: $(VENV)/complete
	$(PYTEST) tests

# The same with branch coverage, which takes half as long again.
coverage: $(VENV)/complete
	$(PYTEST) --cov --cov-report=term:skip-covered tests

check: lint types

lint: $(VENV)/complete
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/complete
	$(BIN)/mypy

# Of the emulated board sim:mps2, from Debian's sources; kept in the user's cache, and built again only when what it is built of changes.
firmware: $(VENV)/runtime
	$(BIN)/python hil_tests/firmware/build_mps2.py

# For the tests of the labgrid provider: an environment of its own, as labgrid's fork of pyserial and pyserial itself are written to the
# same place. Both are also kept beside each other there, so that the tests can choose.
LABGRID := .labgrid

labgrid: $(LABGRID)/complete

$(LABGRID)/complete: Makefile pyproject.toml
	$(PYTHON) -m venv $(LABGRID)
	$(LABGRID)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[labgrid]' pytest-xdist
	for build in pyserial pyserial-labgrid; do \
		$(LABGRID)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(LABGRID)/serial/$$build $$build || exit 1; \
	done
	@touch $@

# Every test of the suite for boards on every simulated board, and on real ones by BOARDS="--devsession-board /dev/ttyACM0"; PIN is one
# that may be driven.
PIN ?= 2
BOARDS ?= $(foreach url,sim: sim:microbit sim:mps2 sim:circuitpython,--devsession-board $(url))

hil: $(VENV)/complete
	DEVSESSION_HIL_PIN=$(PIN) $(PYTEST) -q -c pyproject.toml hil_tests $(BOARDS)

soak: $(VENV)/complete
	DEVSESSION_SOAK=1 $(PYTEST) -m soak tests

# The last one, of file jobs, takes about half an hour; with --quick three minutes.
bench: $(VENV)/complete
	for file in $(filter-out %/bench_files.py,$(wildcard tests/benchmarks/bench_*.py)); do $(BIN)/python $$file || exit 1; done
	$(BIN)/python tests/benchmarks/bench_files.py --json build/file-jobs.json --chart pictures/file-jobs.svg

# Of the shell and of `devsession top`, as they are on simulated boards.
pictures: $(VENV)/complete
	$(BIN)/python tests/shell/take_pictures.py pictures

fuzz: $(VENV)/complete
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python tests/protocol/fuzz_engine.py -max_total_time=60

clean:
	rm -rf $(VENV) $(LABGRID) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
