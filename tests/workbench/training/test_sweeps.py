"""Sweeps: what is trained, what is not trained again, and which weights are kept."""

import json
import shlex
from pathlib import Path

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from models import CalibrationConfig
from workbench import WorkbenchError, build_model, load_data, load_model, sweep, train
from workbench.__main__ import app
from workbench.model_folders import siblings
from workbench.registry import variant
from workbench.training.sweeps import keep_best
from workbench.training.variants import Variant, studies, vary

SIZES = {"hidden_size": 8, "inner_size": 8, "n_layers": 1, "max_length": 6}
TINY = [Variant("SASRec", SIZES), Variant("AC-SASRec", SIZES | {"order": False})]
ROWS = "".join(f"u{u},{i}\n" for u in range(12) for i in [(u + k) % 9 for k in range(6)])


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "log.csv").write_text("user,item\n" + ROWS)
    return str(tmp_path / "log.csv")


def run(source: str, out: Path, variants: list[Variant] = TINY, **how) -> pd.DataFrame:
    return sweep(variants, source, out, **{"epochs": 2, "progress": False, **how})


def test_each_variant_and_seed_is_trained_once(source, tmp_path):
    first = run(source, tmp_path / "out", seeds=(0, 1))
    assert len(first) == 4
    written = pd.read_csv(tmp_path / "out" / "sweep.csv")
    pd.testing.assert_frame_equal(written, first.reset_index(drop=True))
    weights = [Path(f) / "model.safetensors" for f in first["folder"]]
    stamps = [path.stat().st_mtime_ns for path in weights]
    more = run(source, tmp_path / "out", [*TINY, Variant("AC-SASRec-light", SIZES)], seeds=(0, 1))
    assert len(more) == 6
    assert [path.stat().st_mtime_ns for path in weights] == stamps


def test_seeds_begin_with_other_weights(source, tmp_path):
    alone = run(source, tmp_path / "alone", TINY[:1], seeds=(0, 1))
    one, other = (load_model(folder).item_embedding.weight for folder in alone["folder"])
    assert not torch.equal(one, other)


def test_the_command_of_a_card_trains_the_same_model_alone(source, tmp_path):
    found = run(source, tmp_path / "out", TINY[1:])
    model = load_model(found["folder"][0])
    words = shlex.split(model.card["command"])
    assert words[:4] == ["python", "-m", "workbench", "train"]
    assert words[words.index("--out") + 1] == found["folder"][0]
    words[words.index("--out") + 1] = str(tmp_path / "again")
    done = CliRunner().invoke(app, words[3:])
    assert done.exit_code == 0, done.output
    again = load_model(tmp_path / "again")
    torch.testing.assert_close(model.state_dict(), again.state_dict(), rtol=0, atol=1e-6)


def test_an_option_of_none_is_left_out_of_the_command(source, tmp_path):
    """A command line has no word for it."""
    found = run(source, tmp_path / "out", TINY[:1], objective=None)
    assert "--objective" not in load_model(found["folder"][0]).card["command"]


def test_models_are_compared_by_the_rankings_that_chose_their_epochs(source, tmp_path):
    found = run(source, tmp_path / "out", TINY[:1], remove_seen=True)
    card = load_model(found["folder"][0]).card
    assert found["valid ndcg@10"][0] == card["metrics_seen_removed"]["valid"]["ndcg@10"]
    assert found["valid ndcg@10"][0] != card["metrics"]["valid"]["ndcg@10"]
    words = shlex.split(card["command"])
    assert "--remove-seen" in words
    assert "True" not in words
    words[words.index("--out") + 1] = str(tmp_path / "again")
    done = CliRunner().invoke(app, words[3:])
    assert done.exit_code == 0, done.output
    assert load_model(tmp_path / "again").card["training"]["remove_seen"]


def test_other_options_in_the_same_folder_are_told(source, tmp_path):
    run(source, tmp_path / "out")
    with pytest.raises(WorkbenchError, match="not trained with these options"):
        run(source, tmp_path / "out", epochs=3)


def test_what_is_finished_is_known_where_its_folder_has_moved(source, tmp_path):
    first = run(source, tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "moved")
    again = run(source, tmp_path / "moved")
    assert again["test ndcg@10"].tolist() == first["test ndcg@10"].tolist()
    card = load_model(again["folder"][0]).card
    assert str(tmp_path / "out") in card["command"]


def test_an_option_that_is_none_is_told_before_any_is_trained(source, tmp_path):
    with pytest.raises(WorkbenchError, match="unexpected keyword argument 'epoch' for training"):
        run(source, tmp_path / "out", epoch=3)
    assert not (tmp_path / "out").exists()


def test_a_variant_that_cannot_be_is_told_before_any_is_trained(source, tmp_path):
    with pytest.raises(WorkbenchError, match="'order' means nothing"):
        run(source, tmp_path / "out", [*TINY, Variant("SASRec", {"order": True})])
    assert not (tmp_path / "out").exists()


def test_the_best_by_validation_are_kept(source, tmp_path):
    found = run(source, tmp_path / "out", vary(TINY[:1], {("hidden_size",): [4, 8]}))
    (kept,) = keep_best(found, tmp_path / "best")
    assert kept == tmp_path / "best" / "SASRec"
    best = found.loc[found["valid ndcg@10"].idxmax()]
    card = json.loads((kept / "card.json").read_text())
    assert f"hidden_size={card['config']['hidden_size']}" in best["variant"]
    assert (
        card["metrics"]["valid"]["ndcg@10"] == best["valid ndcg@10"] == found["valid ndcg@10"].max()
    )


def test_further_seeds_of_the_best_are_kept_with_it(source, tmp_path):
    found = run(source, tmp_path / "out", TINY[:1])
    folder = Path(found["folder"][0])
    model = build_model("SASRec", load_data(source), **SIZES)
    train(model, load_data(source), folder / "seed-1", seed=1, epochs=2, progress=False)
    (kept,) = keep_best(found, tmp_path / "best")
    assert list(siblings(kept)) == [1]
    assert load_model(kept / "seed-1").card == load_model(folder / "seed-1").card


def test_options_are_crossed_and_those_joined_share_values():
    found = vary([Variant("A"), Variant("B", {"x": 0})], {("y", "z"): [1, 2], ("w",): [3]})
    assert [v.label for v in found] == [
        "A y=1 z=1 w=3",
        "A y=2 z=2 w=3",
        "B x=0 y=1 z=1 w=3",
        "B x=0 y=2 z=2 w=3",
    ]


def test_the_studies_are_the_papers():
    found = studies()
    labels = {v.label for v in found["ablation"]}
    assert {"SASRec", "AC-SASRec", "AC-SASRec-light", "AC-SASRec distance=False"} <= labels
    strategies = {v.options.get("correction", "gate") for v in found["correction"]}
    assert strategies == {"gate", "fixed", "annealing"}
    default = CalibrationConfig().alpha
    assert [v.options.get("alpha", default) for v in found["alpha"]] == [0.1, 0.3, 0.5, 0.7, 0.9]
    once = [v for study in found.values() for v in study]
    assert len({v.label for v in once}) == len(
        {(v.model, *sorted(v.options.items())) for v in once}
    )


def test_the_name_of_a_variant_can_be_read_off_its_model(source):
    data = load_data(source)
    for each in (v for study in studies().values() for v in study):
        assert variant(build_model(each.model, data, **each.options).config) == each.label


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "nothing to train"),
        (["--study", "oblation"], "no study 'oblation'; choose from ablation"),
        (["--model", "SASRec", "--vary", "alpha"], "write it as NAME=VALUE"),
    ],
)
def test_what_makes_no_sweep_is_told(words, told, source, tmp_path):
    done = CliRunner().invoke(
        app, ["sweep", "--data", source, "--out", str(tmp_path / "o"), *words]
    )
    assert isinstance(done.exception, WorkbenchError)
    assert told in str(done.exception)
    assert not (tmp_path / "o").exists()
