# One virtual environment, made when missing or when the requirements change.
VENV ?= .venv
PYTHON := $(VENV)/bin/python

.PHONY: report test lint docs app claims pretrained

$(VENV)/.installed: requirements.txt
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(PYTHON) -m pip install --quiet --requirement requirements-dev.txt
	touch $@

report: $(VENV)/.installed  ## the report on MovieLens 100k with the shipped models
	$(PYTHON) -m analyses.run_all

test: $(VENV)/.installed-dev  ## two processes with a thread each, which two cores finish soonest
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile

lint: $(VENV)/.installed-dev
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy models workbench analyses benchmarks tests

docs: $(VENV)/.installed-dev  ## the documentation as pages, in site/; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --quiet --strict

app: $(VENV)/.installed
	$(PYTHON) -m workbench app

# found in ./data, or in the folder that ATTENTION_WORKBENCH_DATA names
CLAIMED ?= amazon-beauty amazon-sports-outdoors amazon-toys-games yelp

# `make claims CLAIMED=my.csv CLAIMS=reports/my` takes less; the page in docs keeps what it was made of
claims: $(VENV)/.installed  ## docs/claims.md; days of training on two cores
	$(PYTHON) -m analyses.claims --data $(CLAIMED) $(if $(CLAIMS),--out $(CLAIMS))

TUNED := --vary hidden_dropout,attention_dropout=0.2,0.5 --out runs/ml-100k --best models/pretrained
CAUSAL := SASRec SASRec-uniform AC-SASRec AC-SASRec-light AC-SASRec-light-positions AC-SASRec-direct \
          SSE-PT AC-SSE-PT AC-SSE-PT-light TiSASRec AC-TiSASRec AC-TiSASRec-light
MASKED := BERT4Rec AC-BERT4Rec AC-BERT4Rec-light  # an epoch of theirs is longer

SEEDED := SASRec SASRec-uniform AC-SASRec AC-SASRec-light AC-SASRec-light-positions AC-SASRec-direct

pretrained: $(VENV)/.installed  ## the shipped models, about two hours on two cores
	$(PYTHON) -m workbench sweep $(CAUSAL:%=--model %) $(TUNED) --processes 2
	$(PYTHON) -m workbench sweep $(MASKED:%=--model %) $(TUNED) --processes 2 --patience 5
	for model in $(SEEDED); do $(PYTHON) -m workbench train --model $$model --seeds 3 \
	  --out runs/ml-100k/$${model}_hidden_dropout=0.5_attention_dropout=0.5_seed=0 \
	  --option hidden_dropout=0.5 --option attention_dropout=0.5 || exit 1; done
	$(PYTHON) -m workbench sweep $(SEEDED:%=--model %) $(TUNED)  # copies what was added
