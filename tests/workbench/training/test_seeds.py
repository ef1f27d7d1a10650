"""Training with several seeds: what is trained, where it goes, and how it is trained alone."""

import re
import shlex
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from workbench import WorkbenchError, build_model, load_model, train
from workbench.__main__ import app
from workbench.data import planted
from workbench.model_folders import siblings
from workbench.training.settings import LARGEST_SEED, Training

ROWS = "".join(f"u{u},{i}\n" for u in range(12) for i in [(u + k) % 9 for k in range(6)])
SIZES = ("hidden_size=8", "inner_size=8", "n_layers=1", "max_length=6")


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs a command line, which the cards are to tell."""
    (tmp_path / "log.csv").write_text("user,item\n" + ROWS)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["workbench", *words])
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == 0, done.output
        return done.output

    return run


def words(*more: str) -> list[str]:
    options = [word for size in SIZES for word in ("--option", size)]
    return ["train", "--model", "SASRec", "--data", "log.csv", "--epochs", "2", *options, *more]


def test_each_seed_has_a_folder_and_a_command_of_its_own(command, tmp_path):
    said = command(*words("--out=m", "--seed", "4", "--seeds", "3"))
    assert all(f"seed {seed}: test hit@10" in said for seed in (4, 5, 6))
    assert siblings("m") == {5: (folder := siblings("m")[5]), 6: folder.parent / "seed-6"}
    models = [load_model("m"), *map(load_model, siblings("m").values())]
    assert [model.card["training"]["seed"] for model in models] == [4, 5, 6]
    tables = [model.item_embedding.weight for model in models]
    assert not torch.equal(tables[0], tables[1])
    again = shlex.split(models[1].card["command"])
    assert again[:3] == ["python", "-m", "workbench"]
    assert again[-4:] == ["--out", "m/seed-5", "--seed", "5"]
    assert "--seeds" not in again
    again[again.index("--out") + 1] = "alone"
    command(*again[3:])
    torch.testing.assert_close(load_model("alone").state_dict(), models[1].state_dict())


def test_further_seeds_are_added_to_a_model_that_is_there(command):
    command(*words("--out", "m"))
    first = load_model("m")
    assert siblings("m") == {}
    said = command(*words("--seeds", "2", "--out", "m"))
    assert said.count("nothing is trained") == 1
    assert list(siblings("m")) == [1]
    assert load_model("m").card == first.card


def test_siblings_are_ordered_by_seed_and_other_folders_are_none(tmp_path):
    for name in ("seed-10", "seed-9", "seed-x", "seed-2x", "other", "seed-3"):
        (tmp_path / name).mkdir()
        if name != "seed-3":  # which holds no model yet
            (tmp_path / name / "card.json").write_text("{}")
    assert list(siblings(tmp_path)) == [9, 10]


def test_the_largest_seed_that_there_is(command):
    said = command(*words("--out", "m", "--seed", str(LARGEST_SEED)))
    assert f"seed {LARGEST_SEED}: test hit@10" in said
    assert load_model("m").card["training"]["seed"] == LARGEST_SEED


@pytest.mark.parametrize(
    "more", [["--seed", str(LARGEST_SEED + 1)], ["--seed=4294967290", "--seeds=9"]]
)
def test_a_larger_one_is_refused_before_any_work(command, more):
    done = CliRunner().invoke(app, words("--out", "m", *more))
    assert done.exit_code != 0
    assert "--seed" in f"{done.exception} {done.output}"
    assert not Path("m").exists()


def test_a_larger_one_is_refused_in_python_too():
    data = planted(n_users=20, n_items=20, n_causes=4).data
    with pytest.raises(
        WorkbenchError, match=r"seed=4294967296 must be a whole number between 0 and 4294967295"
    ):
        train(build_model("SASRec", data, hidden_size=8), data, seed=LARGEST_SEED + 1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--option", "n_heads=1", "--option", "n_heads=2"], "--option n_heads is given twice"),
        (["--progress", "m"], "is a place of the model"),
        (["--progress", "m/card.json"], "is a place of the model"),
        (["--batch-size", str(10**18)], "--batch-size"),
        (["--negatives", str(10**11)], "--negatives"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(command, more, said):
    done = CliRunner().invoke(app, words("--out", "m", *more))
    assert done.exit_code != 0
    assert said in f"{done.exception} {done.output}"
    assert not Path("m").exists()


def test_values_to_be_varied_twice_are_refused(command):
    twice = ["--vary", "hidden_size=8", "--vary", "hidden_size=16"]
    done = CliRunner().invoke(
        app, ["sweep", "--model", "SASRec", "--data", "log.csv", "--out", "s", *twice]
    )
    assert "--vary hidden_size is given twice" in str(done.exception)


def test_weights_that_are_no_numbers_are_not_kept(command):
    done = CliRunner().invoke(app, words("--out", "m", "--learning-rate", "1e300"))
    assert "lower the learning rate (1e+300)" in str(done.exception)
    assert not Path("m/card.json").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": 0}, "epochs=0 must be a whole number, 1 or more."),
        ({"patience": 0}, "patience=0 must be a whole number, 1 or more."),
        ({"batch_size": 0}, "batch_size=0 must be a whole number, 1 or more."),
        ({"batch_size": 2.0}, "batch_size=2.0 must be a whole number, 1 or more."),
        ({"epochs": True}, "epochs=True must be a whole number, 1 or more."),
        ({"learning_rate": -1e-3}, "learning_rate=-0.001 must be above 0 and finite."),
        ({"learning_rate": float("nan")}, "learning_rate=nan must be above 0 and finite."),
        ({"weight_decay": "much"}, "weight_decay='much' must be 0 or more and finite."),
        ({"mask_ratio": 0}, "mask_ratio=0 must be above 0, and 1 at most."),
    ],
)
def test_nonsense_is_not_trained_by(options, said):
    with pytest.raises(WorkbenchError, match=re.escape(said)):
        Training(**options)
