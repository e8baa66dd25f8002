# Thin names for the commands of this project; `make help` lists them.
PYTHON_IN_VENV := .venv/bin/python
TESTS ?= tests
ARGS ?=
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help env demo test lint format clean

help:
	@echo 'make demo    environment, synthetic crowd, training, AP and pictures'
	@echo 'make test    environment, lint and the whole test suite'
	@echo '             (TESTS=tests/test_ops for a part, ARGS="-m \"not slow\"" for pytest,'
	@echo '             JOBS=4 for four files at a time; two need about 8 GiB of memory)'
	@echo 'make env     the environment alone, in .venv (nothing to do when it stands);'
	@echo '             OPS=1 adds the compiled operators of mmcv, OPS=0 takes them away'
	@echo 'make lint    check the style and the types of the code;  make format  fixes style'
	@echo 'make clean   remove builds and caches, but not .venv, data and work_dirs'

env:
	@PYTHON='$(PYTHON)' OPS='$(OPS)' bash requirements/make_env.sh

demo: env
	$(PYTHON_IN_VENV) tools/demo.py $(ARGS)

test: lint
	$(PYTHON_IN_VENV) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS) $(ARGS)

lint: env
	$(PYTHON_IN_VENV) -m ruff check .
	$(PYTHON_IN_VENV) -m ruff format --check .
	$(PYTHON_IN_VENV) -m mypy

format: env
	$(PYTHON_IN_VENV) -m ruff check --fix .
	$(PYTHON_IN_VENV) -m ruff format .

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find centergroup_mm configs tools tests -name __pycache__ -type d -prune -exec rm -rf {} +
