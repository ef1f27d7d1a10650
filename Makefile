# One virtual environment, made when missing or when the requirements change.
VENV ?= .venv
PYTHON := $(VENV)/bin/python

.PHONY: report test lint app

$(VENV)/.installed: requirements.txt
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(PYTHON) -m pip install --quiet --requirement requirements-dev.txt
	touch $@

report: $(VENV)/.installed  ## the report on MovieLens 100k with the shipped models
	$(PYTHON) -m analyses.run_all

test: $(VENV)/.installed-dev
	$(PYTHON) -m pytest

lint: $(VENV)/.installed-dev
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy models workbench analyses benchmarks tests

app: $(VENV)/.installed
	$(VENV)/bin/streamlit run app.py
