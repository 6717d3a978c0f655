# What is done again and again; .ci/run calls the same. BIN=/other/venv/bin uses another one.
BIN ?= .venv/bin

.PHONY: setup check format test bench

setup:  ## a virtual environment with all that check, format, test and bench need
	python3 -m venv .venv
	.venv/bin/python -m pip install -q -r tests/requirements.txt

check:  ## style, types, who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict grouping backbone run_grouping.py
	$(BIN)/mypy tests/benchmarks tests/demos tests/helpers
	$(BIN)/lint-imports

format:  ## the style that check wants
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test:  ## the fast tests; CONTRIBUTING.md tells how to run the others
	$(BIN)/python -m pytest

bench:  ## what can be measured without photos of your own; minutes
	$(BIN)/python -m tests.benchmarks bench_clustering --sizes 20000 50000 --methods ours
	$(BIN)/python -m tests.benchmarks bench_embedding
	$(BIN)/python -m tests.benchmarks bench_report --photos 100 --megapixels 3
