"""How to train, told to the commands train and sweep in the same words."""

import shlex
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from workbench import RECIPES, Training, WorkbenchError, build_model, load_model, planted
from workbench.__main__ import app
from workbench.commands.training_options import OPTIONS
from workbench.registry import NAMES

ROWS = "".join(f"u{u},{i}\n" for u in range(12) for i in [(u + k) % 9 for k in range(6)])
HOW = {"loss": "sampled", "negatives": 4, "batch_size": 16, "learning_rate": 0.01, "epochs": 1}


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_there_is_an_option_for_all_that_training_knows(command):
    assert set(OPTIONS) == {field.name for field in fields(Training)} - {"seed", "progress"}
    offered = {p.name: p for p in get_command(app).commands[command].params}
    for name in OPTIONS:
        assert offered[name].default == getattr(Training(), name)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_ends_of_a_range_that_is_shown_are_taken(name):
    shown = get_args(OPTIONS[name])[1]
    for end in (shown.min, shown.max):
        if end is not None:
            assert getattr(Training(**{name: end}), name) == end


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--learning-rate", "0"], "learning_rate=0.0 must be above 0 and finite"),
        (["--mask-ratio", "0"], "mask_ratio=0.0 must be above 0, and 1 at most"),
    ],
)
def test_what_no_range_can_show_is_told_before_anything_is_read(option, told):
    words = ["train", "--model", "SASRec", "--data", "nowhere.csv", "--out", "nowhere"]
    done = CliRunner().invoke(app, [*words, *option])
    assert isinstance(done.exception, WorkbenchError)
    assert told in str(done.exception)
    assert told.partition("must be ")[2] in " ".join(
        CliRunner().invoke(app, ["train", "--help"]).output.split()
    )


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


def test_a_recipe_is_followed_but_for_what_is_said(tmp_path: Path):
    """Also where what is said is what there would be without the recipe."""
    (tmp_path / "log.csv").write_text("user,item\n" + ROWS)
    words = ["train", "--model", "AC-SASRec", "--data", str(tmp_path / "log.csv")]
    words += ["--out", str(tmp_path / "out"), "--recipe", "tuned", "--epochs", "1", "--keep-seen"]
    words += ["--batch-size", "256", "--option", "hidden_size=8", "--option", "n_heads=2"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    model, tuned = load_model(tmp_path / "out"), RECIPES["tuned"]
    said = {"hidden_size": 8, "n_heads": 2}
    config = model.config.to_dict()
    assert {n: config[n] for n in {**tuned.model, **said}} == {**tuned.model, **said}
    said = {"epochs": 1, "remove_seen": False, "batch_size": 256}
    training = model.card["training"]
    assert {n: training[n] for n in tuned.training} == {**tuned.training, **said}


def test_a_sweep_follows_a_recipe_and_its_cards_have_commands_without_it(tmp_path: Path):
    (tmp_path / "log.csv").write_text("user,item\n" + ROWS)
    words = ["sweep", "--model", "SASRec", "--data", str(tmp_path / "log.csv"), "--epochs", "1"]
    words += ["--out", str(tmp_path / "out"), "--recipe", "tuned", "--vary", "n_heads=1,2"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    cards = [load_model(folder).card for folder in sorted((tmp_path / "out").glob("*/"))]
    assert [card["config"]["n_heads"] for card in cards] == [1, 2]
    assert {card["config"]["norm"] for card in cards} == {"query"}
    words = shlex.split(cards[1]["command"])
    words[words.index("--out") + 1] = str(tmp_path / "again")
    done = CliRunner().invoke(app, words[3:])
    assert done.exit_code == 0, done.output
    again = load_model(tmp_path / "again").card
    for part in ("config", "metrics"):
        assert again[part] == cards[1][part]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_for_every_model(recipe):
    data = planted("content", n_users=20, n_items=40).data
    Training(**RECIPES[recipe].training)
    for name in NAMES:
        build_model(name, data, **RECIPES[recipe].model)
