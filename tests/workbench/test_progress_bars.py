"""Bars move on a terminal alone; a log holds a line for each stage."""

import io
import re
import sys

import pytest
import torch

from tests.workbench.tiny import data_of
from workbench import build_model, train
from workbench.progress_bars import progress_bar
from workbench.training import sweeps
from workbench.training.sweeps import sweep
from workbench.training.variants import Variant


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=["terminal", "file"])
def said(request):
    return Terminal() if request.param == "terminal" else io.StringIO()


def test_a_bar_moves_on_a_terminal_alone(said, monkeypatch):
    monkeypatch.setattr(sys, "stderr", said)
    with progress_bar(300, "stage", "user") as bar:
        for _ in range(300):
            bar.update()
    if said.isatty():
        assert "\r" in said.getvalue()
        assert "300/300" in said.getvalue()
    else:
        lines = r"stage \.\.\.\nstage: 300 users, \d+\.\d s\n"
        assert re.fullmatch(lines, said.getvalue())


@pytest.mark.parametrize("how", [{"quiet": True}, {"passing": True}])
def test_one_that_is_quiet_or_passes_leaves_no_line(said, how, monkeypatch):
    monkeypatch.setattr(sys, "stderr", said)
    with progress_bar(3, "stage", "user", **how) as bar:
        bar.update(3)
    moved = said.isatty() and "passing" in how
    assert ("\r" in said.getvalue()) == moved
    assert "\n" not in said.getvalue()


def test_one_that_breaks_off_does_not_say_that_it_ended(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    with pytest.raises(KeyError), progress_bar(3, "stage", "user"):
        raise KeyError
    assert said.getvalue() == "stage ...\n"


def test_training_leaves_a_line_an_epoch_in_a_log(monkeypatch, capsys):
    data = data_of([1, 2, 3, 4, 5], [5, 6, 7, 8, 1], [2, 4, 6, 8, 1])
    torch.manual_seed(0)
    model = build_model("SASRec", data, hidden_size=8, inner_size=8, max_length=6)
    train(model, data, epochs=2, batch_size=1, device="cpu")
    out, err = capsys.readouterr()
    assert "\r" not in out + err
    assert err == ""
    assert [line.split("loss")[0].split() for line in out.splitlines()] == [
        ["epoch", "1"],
        ["epoch", "2"],
    ]


def test_a_sweep_leaves_a_line_a_model_in_a_log(tmp_path, monkeypatch, capsys):
    data = data_of([1, 2, 3, 4, 5], [5, 6, 7, 8, 1], [2, 4, 6, 8, 1])
    monkeypatch.setattr(sweeps, "load_data", lambda source: data)
    how = {"epochs": 1, "device": "cpu", "progress": False}
    options = {"hidden_size": 8, "inner_size": 8, "max_length": 6}
    sweep([Variant("SASRec", options)], "tiny", tmp_path, seeds=(0, 1), **how)
    out, err = capsys.readouterr()
    assert "\r" not in out + err
    assert [line.split(":")[0] for line in out.splitlines()] == [
        f"{Variant('SASRec', options).label}, seed {seed}" for seed in (0, 1)
    ]
    assert re.fullmatch(r"sweep \.\.\.\nsweep: 2 models, \d+\.\d s\n", err)
