# Everything that a fresh clone needs. pip's own settings decide where it comes from, and which build of
# torch: with PyTorch's index of CPU builds (pytorch.org names it) in PIP_EXTRA_INDEX_URL it is the small one.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup model demo demo-quick test test-model check docs docs-serve gallery test-wheel test-browser test-gpu browser bench-report bench-corpus bench-demos bench-scoring bench-training bench-memory bench-kills clean

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

# Needs a CUDA GPU, and a torch that is built for it.
test-gpu: setup
	MIDSPEC_TEST_GPU=1 $(BIN)/python -m pytest -m gpu tests/gpu

# Needs Chromium (Debian: apt-get install chromium), or the one that CHROME names.
test-browser: browser
	$(BIN)/python -m pytest -m browser tests/browser

bench-report: browser
	$(BIN)/python -m benchmarks.report

browser: setup
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[browser]'

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

.venv/installed-docs: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

.venv/installed-release: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[release]'
	touch $@

docs: .venv/installed-docs
	$(BIN)/mypy website
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build
	$(BIN)/python -m website.check site

docs-serve: .venv/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve

# The finished experiments whose reports the documentation shows; needs Chromium.
EXPERIMENTS ?= experiments/cheese.yaml $(wildcard experiments/laptop/*.yaml)
STORE ?= store

gallery: browser
	$(BIN)/python -m website.gallery $(EXPERIMENTS) --store $(STORE)

test-wheel: .venv/installed-release
	rm -rf build/dist
	$(BIN)/python -m hatchling build --target sdist --directory build/dist
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/dist build/dist/midspec-*.tar.gz
	$(BIN)/twine check --strict build/dist/*
	$(BIN)/python tests/wheel.py build/dist

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/file_sizes.py

clean:
	rm -rf .venv site build
