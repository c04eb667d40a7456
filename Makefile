# make demo   set up, then rehearse the main job: no token, no network, nothing spent
# make test   set up, then the checks and the tests: a few minutes
# make slow   the simulations of many days that `make test` leaves out; a change lands with both
# make nightly  a real small model under llama.cpp, 300 injected faults, the longest runs and more
#             repetitions: an hour
# make docs   build the pages into build/site, which needs no network to be read
# make reference  write docs/reference anew, from the program
# make pictures   draw docs/pictures anew: the terminal, from real runs, the drawings, and the
#                 dashboard in Chromium
# make messages   collect the messages of the sources into the translations, and compile these
# make bench  measure speed and memory beside the peers: a quarter of an hour (not part of the tests)
# make bench-quick   the same with fewer rows, in a few minutes

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PEERS  := .venv-bench
# Tests often wait for processes: three workers keep two processors busy.
JOBS   ?= $(shell $(PYTHON) -c "import os; print(3 * os.cpu_count() // 2)")
PYTEST  = $(BIN)/pytest -n $(JOBS) --dist worksteal
TESTS  ?= not slow and not nightly
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The tests start the program hundreds of times: it is compiled once, and not by each process.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test checks core slow nightly docs reference pictures messages bench bench-quick clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: $(VENV)/installed
	@mkdir -p build
	$(BIN)/midnight rehearse jobs/label_reviews.toml jobs/label_reviews.csv \
		--calls-per-day 120 --output build/labels.csv
	@echo "" && head -n 4 build/labels.csv

# mypy uses one processor for half a minute: meanwhile the core is tested on the others.
test: $(VENV)/ready-to-test
	$(MAKE) --no-print-directory --jobs=2 checks core
	$(PYTEST) tests --ignore tests/core -m "$(TESTS)"

checks: $(VENV)/ready-to-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

core: $(VENV)/ready-to-test
	$(PYTEST) tests/core --cov --cov-report=term:skip-covered

slow: $(VENV)/ready-to-test
	$(PYTEST) tests --ignore tests/core -m "slow and not nightly"

nightly: $(VENV)/ready-to-test
	$(BIN)/pytest tests -m nightly
	KILLS=50 MIDNIGHT_FAULTS=300 $(PYTEST) tests/faults tests/e2e/test_kill.py
	MIDNIGHT_FUZZ=1000 $(PYTEST) tests/files/test_differential.py

docs: $(VENV)/ready-for-docs
	$(BIN)/python tools/docs/reference.py --check
	$(BIN)/zensical build --clean --strict
	@echo "built: build/site/index.html"

reference: $(VENV)/installed
	$(BIN)/python tools/docs/reference.py

pictures: $(VENV)/ready-for-docs $(VENV)/ready-to-test
	$(BIN)/python tools/docs/drawings.py
	$(BIN)/python tools/docs/screens.py
	@mkdir -p build/pictures
	PICTURES=build/pictures $(BIN)/pytest tests/server/dashboard/test_in_browser.py -k can_be_heard
	@cd docs/pictures && for name in dashboard-*.png; do cp ../../build/pictures/$$name $$name; done

messages: $(VENV)/ready-to-test
	$(BIN)/python tools/messages.py

# What these write is in English, whoever has them written.
docs reference pictures: export MIDNIGHT_LANG = en

bench: $(VENV)/installed $(PEERS)/peers
	$(BIN)/python benchmarks/all.py

bench-quick: $(VENV)/installed $(PEERS)/peers
	$(BIN)/python benchmarks/all.py --quick

clean:
	rm -rf $(VENV) $(PEERS) build dist .mypy_cache .ruff_cache .hypothesis .coverage

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --editable .
	@touch $@

# Of what tests need, a small part is imported: it is compiled then, and the rest never.
$(VENV)/ready-to-test: $(VENV)/installed
	$(INSTALL) --no-compile --editable '.[dev]'
	@touch $@

$(VENV)/ready-for-docs: $(VENV)/installed
	$(INSTALL) --editable '.[docs]'
	@touch $@

# The peers of the measurements live apart from the program, each where it can be installed.
$(PEERS)/peers: benchmarks/peers.txt | $(VENV)/bin/python
	$(PYTHON) -m venv $(PEERS)
	@while read -r peer; do \
		$(PEERS)/bin/python -m pip install -qq --disable-pip-version-check "$$peer" \
			|| echo "skipped: $$peer cannot be installed here, and is not measured"; \
	done < benchmarks/peers.txt
	@touch $@
