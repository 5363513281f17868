# Everything a developer or CI runs. Each target sets up what it needs; `make help` lists them.

BIN := .venv/bin
WORKERS ?= 2
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test check bench fuzz soak golden docs clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: .venv/ready ## virtual environment, Java, jars of Delta and Avro, class archive; at once when nothing is missing
	@$(BIN)/python -m lakehouse.engine.jvm --install-java

demo: setup ## run the New York flights of 2013 through bronze, silver and gold, in three instalments
	@$(BIN)/python demo/run.py $(ARGS)

test: setup ## all tests but the long ones, on two workers with a session each; ARGS="-k merge -x" picks
	@$(BIN)/python -m tests.s3
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: .venv/ready ## lint, format, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup ## seconds of help, validate and plan; Bronze beside Spark's stream; rules; merges and a pipeline beside the same by hand
	@$(BIN)/python benchmarks/language.py
	@$(BIN)/python benchmarks/bronze.py
	@$(BIN)/python benchmarks/quality.py
	@$(BIN)/python benchmarks/merges.py
	@$(BIN)/python benchmarks/run.py $(ARGS)

fuzz: .venv/ready ## the properties that need no Spark, with ten thousand examples instead of a hundred
	@$(BIN)/python -m pytest -n $(WORKERS) --dist=load -m "hypothesis and not spark and not soak" --hypothesis-profile=fuzz $(ARGS)

soak: setup ## hours of random runs and kills
	@$(BIN)/python -m pytest -m soak $(ARGS)

golden: .venv/ready ## write the golden files anew; the review is the diff
	@$(BIN)/python -m pytest tests/spec tests/planning --golden $(ARGS)

docs: .venv/ready ## write the reference pages anew from the models
	@$(BIN)/python scripts/reference.py

clean: ## remove what the other targets made in this folder
	@rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist spark-warehouse
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: pyproject.toml constraints.txt scripts/venv
	@test -x $(BIN)/python || scripts/venv
	@echo "installing lakehouse and its tools into .venv"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[dev,demo]'
	@touch $@
