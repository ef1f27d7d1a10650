"""A model trained by a job of the app: how far it is, and what is left of one that failed."""

import json
import shutil
import time

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.app.shown import press, sentences
from workbench import load_model
from workbench.app import training_form, uploads
from workbench.app.jobs import Job, Jobs
from workbench.app.training_form import TrainingJob, told
from workbench.data.fetch import CACHE_VARIABLE

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


class Stand(Job):
    """Stands for a job that is under way."""

    alive, started = True, 0

    def __init__(self, out):
        self.out = out

    def cancel(self):
        pass


class Training(Stand):
    def __init__(self, out, arguments, epochs):
        super().__init__(out)


@pytest.fixture
def under_way(monkeypatch, tmp_path):
    """The jobs of a server of which one is under way, and no training does anything."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    there = Jobs()
    there.start(lambda: Stand(tmp_path / "report"))
    monkeypatch.setattr(training_form, "jobs", lambda: there)
    monkeypatch.setattr(training_form, "TrainingJob", Training)
    monkeypatch.setattr(training_form, "show_jobs", lambda *given: None)
    return there


def test_all_kinds_are_started_or_none(films, under_way):
    page = AppTest.from_string(FORM.format(source=str(films)), default_timeout=60).run()
    press(page, "Train")
    (told,) = sentences(page)
    assert told == (
        "1 job is under way on this machine already, which leaves 1 of 2 places free; start only "
        "1, wait for one to end, or cancel it."
    )
    assert under_way.of(Training) == []
    page.multiselect(key="train_kinds").set_value(["AC-SASRec"])
    press(page, "Train")
    assert sentences(page) == []
    assert [job.out.name for job in under_way.of(Training)] == ["AC-SASRec-films"]


def test_which_kind_is_there_already_is_told(films, models, under_way):
    shutil.copytree(models[0], uploads.models() / "SASRec-films")
    page = AppTest.from_string(FORM.format(source=str(films)), default_timeout=60).run()
    press(page, "Train")
    said = "SASRec-films is there already; write another name, or leave that kind out."
    assert sentences(page) == [said]
    page.multiselect(key="train_kinds").set_value(["AC-SASRec"])
    press(page, "Train")
    assert sentences(page) == []
    press(page, "Train")
    said = "AC-SASRec-films is there already; write another name."
    assert sentences(page) == [said]
    page.multiselect(key="train_kinds").set_value(["SASRec", "AC-SASRec"])
    press(page, "Train")
    said = "SASRec-films and AC-SASRec-films are there already; write another name."
    assert sentences(page) == [said]
