"""Whether model and data belong together: the same answer wherever they meet."""

import json
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from analyses.run_all import main as run_all
from models import ModelConfig, make_model
from tests.workbench.tiny import data_of
from workbench import (
    WorkbenchError,
    WorkbenchWarning,
    adapt,
    build_model,
    evaluate,
    load_data,
    load_model,
    save_model,
    train,
)
from workbench.__main__ import app
from workbench.explore.survey import survey
from workbench.matching import matched

DATA = data_of([1, 2, 3], [3, 2, 1, 4])
SOON = 1_600_000_000
SIZES = {"hidden_size": 8, "inner_size": 8, "max_length": 8}


def model_with(card, name="SASRec", n_items=DATA.n_items, needs_times=False):
    config = SimpleNamespace(name=name, n_items=n_items)
    return SimpleNamespace(
        config=config, card=card, needs_times=needs_times, needs_users=False, item_ids=None
    )


def check_fit(model, data, name=None):
    """What is said of data that are taken as they are."""
    found, said = matched(model, data, name)
    assert found is data
    return said


def test_answers_by_card():
    assert check_fit(model_with({"data": {"checksum": DATA.checksum}}), DATA) is None
    assert check_fit(model_with({}), DATA) is None  # made by hand, its maker knows of what
    other = check_fit(model_with({"data": {"checksum": "another"}}), DATA)
    assert other.startswith("SASRec learned from other data than tiny (the checksums differ)")
    for card in ({"config": {}}, {"data": {}}, {"data": "ml-100k"}, {"data": None, "origin": {}}):
        unknown = check_fit(model_with(card), DATA, "SASRec (runs/a)")
        assert unknown.startswith("which data SASRec (runs/a) learned from is not known")
    for sentence in (other, unknown):
        assert "\n" not in sentence
        assert sentence.endswith(".")


@pytest.mark.parametrize("card", [{}, {"data": {"checksum": DATA.checksum}}])
def test_refusals(card):
    with pytest.raises(WorkbenchError, match="Mine knows 7 items and tiny has 12; give the data"):
        check_fit(model_with(card, "Mine", n_items=7), DATA)
    with pytest.raises(WorkbenchError, match="AC-TiSASRec needs the time of every item, and tiny"):
        check_fit(model_with(card, "AC-TiSASRec", needs_times=True), DATA)
    timed = data_of([1, 2, 3], times=[0, 1, 2])
    assert check_fit(model_with({}, "AC-TiSASRec", needs_times=True), timed) is None


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One log and the same rows in another order; a model trained on the first, and one unknown."""
    folder = tmp_path_factory.mktemp("fit")
    rng = np.random.default_rng(0)
    rows = [(f"u{u}", f"i{rng.integers(9)}", SOON + 100 * n) for u in range(12) for n in range(8)]
    rows += [(f"u{i}", f"i{i}", SOON + 900) for i in range(9)]  # every item occurs
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    for name, written in (("log", shuffled), ("sorted", sorted(rows))):
        lines = ["user_id,item_id,timestamp", *(f"{u},{i},{t}" for u, i, t in written)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    data = load_data(folder / "log.csv")
    torch.manual_seed(0)
    built = build_model("SASRec", data, **SIZES)
    with warnings.catch_warnings():
        warnings.simplefilter("error", WorkbenchWarning)
        train(built, data, folder / "trained", epochs=2, progress=False)
        evaluate(built, data)
    for name, card in (("unknown", {"origin": {}}), ("before", built.card)):
        untold = build_model("SASRec", data, **SIZES)
        untold.item_ids = None
        save_model(untold, folder / name, card)
    assert load_data(folder / "sorted.csv").n_items == data.n_items
    return folder


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        ("trained", "log", None),
        ("trained", "sorted", None),
        ("before", "log", None),
        ("before", "sorted", "learned from other data than sorted"),
        ("unknown", "log", "which data SASRec learned from is not known"),
    ],
)
def test_all_who_measure_say_the_same(place, model, data, said):
    folder, file = str(place / model), str(place / f"{data}.csv")
    loaded, read = load_model(folder), load_data(file)
    sentence = matched(loaded, read)[1]
    assert said in sentence if said else sentence is None
    for measure in (survey, evaluate):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = measure(loaded, read)
        ours = [w for w in caught if issubclass(w.category, WorkbenchWarning)]
        assert [str(w.message) for w in ours] == ([sentence] if said else [])
        assert all(w.filename == __file__ for w in ours)
    done = CliRunner().invoke(app, ["evaluate", "--model", folder, "--data", file, "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["hit@10"] == found.metrics["hit@10"]
    warned = f"warning: {sentence}\n" if said else ""
    assert done.stderr == f"reading {file} and {folder}\n{warned}"
    options = ["--data", file, "--models", folder, "--out", str(place / f"{model}-{data}")]
    report = run_all([*options, "--only", "attention_worth"], cache=place / "cache")
    notices = json.loads((report / "manifest.json").read_text())["notices"]
    named = matched(loaded, read, f"SASRec ({folder})")[1]
    assert notices == ([named] if said else [])


def test_all_who_measure_refuse_the_same(place):
    few = place / "few.csv"
    few.write_text("user_id,item_id,timestamp\nu,a,1\nu,b,2\nu,c,3\n")
    loaded, read = load_model(place / "trained"), load_data(few)
    refusal = "knows 0 of the 3 items of few, and 3 of its 3 interactions are with others, which is"
    for measure in (matched, evaluate, survey):
        with pytest.raises(WorkbenchError, match=refusal):
            measure(loaded, read)
    done = CliRunner().invoke(
        app, ["evaluate", "--model", str(place / "trained"), "--data", str(few)]
    )
    assert refusal in str(done.exception)
    with pytest.raises(WorkbenchError, match=refusal):
        run_all(["--data", str(few), "--models", str(place / "trained"), "--out", str(place / "n")])


def test_an_adapted_model_is_questioned_once_it_has_a_card():
    inner = make_model(ModelConfig("Inner", DATA.n_items, attention_dropout=0, **SIZES))

    def score(batch, embeddings):
        return inner.scores(batch, embeddings=embeddings)

    model = adapt(inner, embed=inner.embed, score=score, n_items=DATA.n_items, max_length=8)
    assert check_fit(model, DATA) is None
    model.card = {"data": {"checksum": DATA.checksum}}
    assert check_fit(model, DATA) is None
    assert "learned from other data" in check_fit(model, data_of([1, 2], [2, 3]))
