# Everything that a fresh clone needs; pip throughout, since constraints.txt pins the CPU build of torch.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup model demo demo-quick test test-model check bench-corpus bench-demos bench-scoring bench-training bench-memory bench-kills clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

model: setup
	$(BIN)/midspec model get smollm2-135m

demo: model
	$(BIN)/midspec demo

demo-quick: model
	$(BIN)/midspec demo --quick

test: setup
	$(BIN)/python -m pytest

test-model: model
	$(BIN)/python -m pytest -m slow

bench-corpus: setup
	$(BIN)/python -m benchmarks.corpus

bench-demos: setup
	$(BIN)/python -m benchmarks.demos

bench-scoring: model
	$(BIN)/pip install --quiet --constraint constraints.txt lm-eval==0.4.13
	$(BIN)/python -m benchmarks.scoring

bench-training: model
	$(BIN)/pip install --quiet --constraint constraints.txt trl==1.16.0
	$(BIN)/python -m benchmarks.training

bench-memory: model
	$(BIN)/python -m benchmarks.memory

bench-kills: setup
	$(BIN)/python -m benchmarks.kills

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/file_sizes.py

clean:
	rm -rf .venv store
