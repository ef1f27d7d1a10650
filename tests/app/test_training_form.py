"""A model trained by a job of the app: how far it is, and what is left of one that failed."""

import json
import time

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.app.shown import press
from workbench import load_model
from workbench.app import training_form
from workbench.app.training_form import TrainingJob, told

OPTIONS = ["--option=hidden_size=8", "--option=inner_size=8", "--option=max_length=24"]


def wait(job: TrainingJob) -> None:
    while job.alive:
        time.sleep(0.1)


def test_a_model_is_trained_and_its_epochs_are_told(films, tmp_path):
    arguments = ["--model=SASRec", f"--data={films}", "--epochs=2", *OPTIONS]
    job = TrainingJob(tmp_path / "SASRec-films", arguments, 2)
    assert told(job)[0] == 0
    wait(job)
    assert job.failure() is None
    share, text = told(job)
    assert share == 1
    assert "epoch 2 of 2 at most" in text
    card = load_model(job.out).card
    assert [epoch["epoch"] for epoch in job.history()] == [1, 2]
    assert "--progress" not in card["command"]


def test_why_a_training_failed_is_told(tmp_path):
    job = TrainingJob(tmp_path / "m", ["--model=--help", "--data=planted", "--epochs=2"], 2)
    wait(job)
    assert str(job.failure()).startswith("no model '--help'; choose from SASRec")
    assert list(tmp_path.iterdir()) == []


FORM = """
from workbench import load_data
from workbench.app import training_form
training_form.show_form({source!r}, load_data({source!r}))
"""


@pytest.mark.parametrize(
    ("recipe", "epochs", "told"),
    [
        (None, None, [100, []]),
        ("tuned", None, [200, ["--recipe=tuned"]]),
        ("tuned", 3, [3, ["--recipe=tuned", "--epochs=3"]]),
    ],
)
def test_a_recipe_may_be_chosen_and_its_epochs_cut(films, monkeypatch, recipe, epochs, told):
    monkeypatch.setattr(training_form, "_start", lambda *given: st.json(given[-2:]))
    page = AppTest.from_string(FORM.format(source=str(films)), default_timeout=60).run()
    if recipe is not None:
        page.selectbox(key="train_recipe").select(recipe)
    if epochs is not None:
        page.number_input(key="train_epochs").set_value(epochs)
    press(page, "Train")
    assert not page.exception
    assert json.loads(page.json[0].value) == told
