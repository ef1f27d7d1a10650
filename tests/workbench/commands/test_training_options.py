"""How to train, told to the commands train and sweep in the same words."""

from dataclasses import fields
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from workbench import Training, load_model
from workbench.__main__ import app
from workbench.commands.training_options import OPTIONS

ROWS = "".join(f"u{u},{i}\n" for u in range(12) for i in [(u + k) % 9 for k in range(6)])
HOW = {"loss": "sampled", "negatives": 4, "batch_size": 16, "learning_rate": 0.01, "epochs": 1}


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_there_is_an_option_for_all_that_training_knows(command):
    assert set(OPTIONS) == {field.name for field in fields(Training)} - {"seed", "progress"}
    offered = {p.name: p for p in get_command(app).commands[command].params}
    for name in OPTIONS:
        assert offered[name].default == getattr(Training(), name)


def test_a_sweep_trains_as_it_is_told(tmp_path: Path):
    (tmp_path / "log.csv").write_text("user,item\n" + ROWS)
    words = ["sweep", "--model", "SASRec", "--data", str(tmp_path / "log.csv")]
    words += ["--out", str(tmp_path / "out"), "--vary", "hidden_size=8"]
    for name, value in HOW.items():
        words += ["--" + name.replace("_", "-"), str(value)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    (folder,) = (tmp_path / "out").glob("*/")
    card = load_model(folder).card
    assert {name: card["training"][name] for name in HOW} == HOW
    assert "--loss sampled" in card["command"]
