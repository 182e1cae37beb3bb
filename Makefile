# Two targets: `make train` runs the main job, `make test` the tests. Both set up .venv on first use.
#   make train ARGS="model.depth=10 seed=1"

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.installed
ARGS ?= model=resnet feature=melspec

.PHONY: train test

train: $(READY)
	$(VENV)/bin/python train.py $(ARGS)

test: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy src
	$(VENV)/bin/lint-imports --no-logo
	OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n auto --dist loadfile --no-loadscope-reorder

$(READY): pyproject.toml constraints.txt
	@echo "setting up $(VENV): one or two minutes"
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q -c constraints.txt -e ".[dev]"
	touch $@
