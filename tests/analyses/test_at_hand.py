"""Reports of models at hand: those of the command, and of modules that no folder holds."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from analyses import run_all
from analyses.at_hand import report
from analyses.report.stored import open_run
from analyses.running.comparison import Comparison
from analyses.running.inputs import inputs_at_hand
from analyses.shortcomings import Incomplete
from workbench import WorkbenchError, adapt, build_model, load_data, load_model, save_model

ROOT = Path(__file__).parents[2]
DATA = "planted:content?users=30&items=40&length=9&shortest=3"
ONLY = ["faithfulness", "order", "max_attention_removal"]
SIZES = {"n_layers": 1, "n_heads": 2, "hidden_size": 8, "inner_size": 8, "max_length": 8}


@pytest.fixture(scope="module")
def data():
    return load_data(DATA)


@pytest.fixture(scope="module")
def plain(data):
    torch.manual_seed(0)
    model = build_model("SASRec", data, **SIZES)
    model.item_ids = data.item_ids
    return model.eval()


class Own(nn.Module):
    """Attention by what an item is, and nothing else; the sharper, the larger `sharpness` is."""

    def __init__(self, n_items: int, sharpness: float) -> None:
        super().__init__()
        self.items, self.softmax = nn.Embedding(n_items + 1, 8), nn.Softmax(-1)
        self.sharpness = sharpness

    def scores(self, batch, x):
        seen = batch.valid[:, None] & torch.ones(x.shape[1], x.shape[1]).tril().bool()
        terms = (self.sharpness * x @ x.transpose(1, 2)).masked_fill(~seen, -1e9)
        mixed = self.softmax(terms[:, None])[:, 0] @ x
        return mixed[torch.arange(len(x)), batch.rows] @ self.items.weight.T


def own_of(data, sharpness: float = 1.0, **part):
    torch.manual_seed(1)
    module = Own(data.n_items, sharpness)
    return adapt(
        module,
        embed=lambda batch: module.items(batch.items),
        score=module.scores,
        attention=["softmax"],
        n_items=data.n_items,
        max_length=8,
        **{"name": "Own"} | part,
    )


@pytest.fixture(scope="module")
def own(data):
    return own_of(data)


@pytest.fixture(scope="module")
def popular(data):
    counts = torch.bincount(torch.as_tensor(data.items), minlength=data.n_items + 1).float()
    return adapt(
        lambda batch: counts.expand(len(batch.items), -1),
        n_items=data.n_items,
        max_length=8,
        name="Popular",
    )


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    return {path.name: pd.read_csv(path) for path in sorted((folder / "tables").iterdir())}


def test_it_is_the_report_that_the_command_writes(plain, data, tmp_path):
    save_model(plain, tmp_path / "model")
    arguments = ["--data", DATA, "--models", str(tmp_path / "model"), "--only", *ONLY]
    by_command = run_all.main([*arguments, "--out", str(tmp_path / "a")], cache=tmp_path / "cache")
    model = load_model(tmp_path / "model")
    folder = report({"SASRec": model}, data, tmp_path / "b", only=ONLY)
    assert folder == tmp_path / "b"
    one, other = (open_run(each) for each in (by_command, folder))
    assert one.verdicts() == other.verdicts() != ()
    assert (
        one.manifest["models"]["SASRec"]["weights"] == other.manifest["models"]["SASRec"]["weights"]
    )
    expected, found = tables(by_command), tables(folder)
    assert list(found) == list(expected)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table)


def test_models_that_no_folder_holds_are_judged_beside_others(own, popular, plain, data, tmp_path):
    """The first of them has no attention, and was taken apart in another way than the others."""
    models = {"Popular": popular, "Own": own, "SASRec": plain}
    users = [3, 1, 2, 4, 5, 6, 7, 8]
    run = open_run(report(models, data, tmp_path / "r", users=users, only=ONLY))
    assert [verdict.model for verdict in run.verdicts()] == ["Own", "SASRec"]
    alone = open_run(report({"Own": own}, data, tmp_path / "s", users=users, only=ONLY))
    assert [v for v in run.verdicts() if v.model == "Own"] == [*alone.verdicts()]
    assert run.manifest["users"] == {"measured": 8, "of": 30}
    assert run.manifest["models"]["Popular"]["config"]["n_items"] == data.n_items
    assert run.manifest["models"]["Own"]["source"] is None
    assert run.manifest["models"]["Popular"]["weights"] is None
    page = (run.folder / "report.html").read_text()
    assert "Own weights" in page
    assert "Popular weights" not in page
    assert "Popular" in page
    assert "analyses.at_hand.report(" in page
    assert "8 of 30 users were asked for." in page
    assert "Only 8 of 30 users were measured." in page


def test_adapted_models_of_one_family_are_compared(data, plain, tmp_path):
    models = {
        "Own": own_of(data, family="Mine"),
        "even": own_of(data, 0.0, family="Mine", uniform=True),
        "sharp": own_of(data, 4.0),
        "SASRec": plain,
    }
    asked = ["attention_worth", "boost", "faithfulness"]
    run = open_run(report(models, data, tmp_path / "r", only=asked))
    pairs = pd.read_csv(tmp_path / "r" / "tables" / "attention-worth-differences.csv")
    assert list(zip(pairs["model"], pairs["compared with"], strict=True)) == [("Own", "even")]
    assert all(entry["failures"] == [] for entry in run.manifest["diagnostics"].values())
    assert run.comparison.uniform_pairs == [("Own", "even")]
    assert list(run.comparison.families) == ["Mine", "sharp alone", "SASRec"]


def test_a_family_of_one_beside_others_is_told_of(data, plain):
    models = {"Own": own_of(data, family="sasrec"), "sharp": own_of(data, 4.0), "SASRec": plain}
    assert [said for said in inputs_at_hand(models, data).notices if "family" in said] == [
        "Own is compared with no other model, since no other is of its family, 'sasrec'."
    ]
    right = models | {"Own": own_of(data, family="SASRec")}
    for fine in (right, {"Own": models["Own"]}, {"sharp": models["sharp"], "SASRec": plain}):
        assert not any("family" in said for said in inputs_at_hand(fine, data).notices)


def test_an_adapted_model_called_as_a_backbone_is_no_training_of_it(data, plain):
    models = {"mine": own_of(data, name="SASRec", family="SASRec"), "SASRec": plain}
    for renamed in (models, {"SASRec": models["mine"], "ours": plain}):
        comparison = Comparison.of(renamed)
        assert len(set(comparison.variants.values())) == 2
        assert [*comparison.families] == ["SASRec"]
    alone = Comparison.of({"SASRec": own_of(data, name="SASRec"), "ours": plain})
    assert [*alone.families] == ["SASRec alone", "SASRec"]


def test_attention_that_is_not_even_is_not_taken_for_uniform(data, popular):
    with pytest.raises(WorkbenchError, match="what passes softmax is not uniform"):
        own_of(data, 4.0, uniform=True)
    with pytest.raises(WorkbenchError, match="of a model whose attention is not named"):
        adapt(popular.module, n_items=data.n_items, max_length=8, uniform=True)


def test_the_data_are_told_of_as_the_command_tells(tmp_path, popular):
    """Here, that there are no times; and what was called stands at the end."""
    rows = "".join(f"u{k},i{(k * k + n) % 9}\n" for k in range(9) for n in range(4))
    (tmp_path / "log.csv").write_text("user,item\n" + rows)
    data = load_data(tmp_path / "log.csv")
    model = adapt(
        lambda batch: torch.ones(len(batch.items), data.n_items + 1),
        n_items=data.n_items,
        max_length=8,
    )
    folder = report({"flat": model}, data, tmp_path / "r", users=[1, 2], only=["order"])
    manifest = open_run(folder).manifest
    *assumed, few = manifest["notices"]
    assert any("times" in notice for notice in assumed)
    assert few == "Only 2 of 9 users were measured."
    assert manifest["command"] == (
        f"analyses.at_hand.report({{'flat': ...}}, data, {str(folder)!r}, seed=0, "
        "users=[2 of them], only=['order'])"
    )


def test_a_model_that_cannot_be_reordered_numbers_the_items(own, plain, data, tmp_path):
    """Whatever place it has among the models, of which others can be."""
    turned = own_of(data)
    turned.item_ids = np.r_[data.item_ids[:1], data.item_ids[:0:-1]]
    for models in ({"SASRec": plain, "turned": turned}, {"turned": turned, "SASRec": plain}):
        inputs = inputs_at_hand(models, data)
        assert inputs.models["turned"] is turned
        assert inputs.data.item_ids.tolist() == turned.item_ids.tolist()
    own.item_ids = data.item_ids
    with pytest.raises(WorkbenchError, match="Own numbers its items or users otherwise"):
        inputs_at_hand({"turned": turned, "Own": own}, data)
    own.item_ids = None


def test_a_module_whose_configuration_is_of_an_unknown_kind(popular, data, tmp_path):
    class Sizes:
        name, n_items, max_length, n_layers, n_heads = "Mine", data.n_items, 8, 0, 0

    class Mine(nn.Module):
        config, card, stages, device = Sizes(), {}, (), torch.device("cpu")
        item_ids = user_ids = None
        needs_times = needs_users = False

        def scores(self, batch, items=None):
            return popular.scores(batch, items)

    run = open_run(report({"Mine": Mine()}, data, tmp_path / "r", only=["order"]))
    assert run.manifest["models"]["Mine"]["config"] == {
        "name": "Mine",
        "n_items": data.n_items,
        "max_length": 8,
        "n_layers": 0,
        "n_heads": 0,
    }


def test_what_trains_a_model_is_named_for_models_of_this_repository(plain, data, tmp_path):
    rows = "".join(f"u{k},i{(k * k + n) % 9}\n" for k in range(9) for n in range(4))
    (tmp_path / "log.csv").write_text("user,item\n" + rows)
    others = load_data(tmp_path / "log.csv")
    with pytest.raises(WorkbenchError, match=r"or a model trained on these\.$"):
        inputs_at_hand({"Own": own_of(data)}, others)
    with pytest.raises(WorkbenchError, match=r"on these \(python -m workbench train\)\.$"):
        inputs_at_hand({"SASRec": plain}, others)


def test_what_cannot_be_is_told_before_anything_is_measured(own, plain, popular, data, tmp_path):
    out, models = tmp_path / "r", {"Own": own}
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for sentence, given, options in (
        ("two models are called Own", (models, data, out), {"siblings": {"Own": {"Own": own}}}),
        ("of SASRec, which is none", (models, data, out), {"siblings": {"SASRec": {"a": plain}}}),
        ("a is no other training of Own", (models, data, out), {"siblings": {"Own": {"a": plain}}}),
        ("siblings are a dict, by", (models, data, out), {"siblings": {"a": own}}),
        ("siblings are a dict, by", (models, data, out), {"siblings": None}),
        ("no diagnostic is called 'nonsense'", (models, data, out), {"only": ["nonsense"]}),
        ("only='order' is a word", (models, data, out), {"only": "order"}),
        (r"only=\[\] names no diagnostic; name one", (models, data, out), {"only": []}),
        ("seed -1; give a whole number", (models, data, out), {"seed": -1}),
        ("seed 0.5; give a whole number", (models, data, out), {"seed": 0.5}),
        ("Again is Own itself, or has", (models, data, out), {"siblings": {"Own": {"Again": own}}}),
        ("no model", ({}, data, out), {}),
        ("models are a dict of them by name, and no list", ([own], data, out), {}),
        ("models are a dict of them by name, and no Seq", (data, data, out), {}),
        ("a dict was given in the place of what workbench.load_data", (models, models, out), {}),
        ("'x.csv' is a name or a path", (models, "x.csv", out), {}),
        ("'SASRec' is a name or a path", ({"a": "SASRec"}, data, out), {}),
        ("a Own was given in the place of", ({"a": own.module}, data, out), {}),
        ("a model is called ''; give it a name", ({"": own}, data, out), {}),
        (r"called 'a\\nb'; give it a name on one line", ({"a\nb": own}, data, out), {}),
        ("a model is called 3", ({3: own}, data, out), {}),
        ("None is none; name one", (models, data, None), {}),
        ("holds files that are no report", (models, data, tmp_path / "full"), {}),
        ("cannot be written", (models, data, tmp_path / ("x" * 300)), {}),
    ):
        with pytest.raises(WorkbenchError, match=sentence):
            report(*given, **options)
    assert not out.exists()


def test_what_nobody_can_be_asked_is_left_out(popular, data, tmp_path):
    run = open_run(report({"Popular": popular}, data, tmp_path / "r", users=range(6)))
    assert "boost" not in run.manifest["diagnostics"]
    assert "order" in run.manifest["diagnostics"]
    assert any(
        "Boost leaves out Popular: Popular has no attention" in sentence
        for sentence in run.manifest["exclusions"]
    )


def test_a_diagnostic_that_fails_is_told_and_the_rest_is_written(popular, data, tmp_path):
    with pytest.raises(Incomplete, match="Popular has no attention") as caught:
        report({"Popular": popular}, data, tmp_path / "r", only=["order", "boost"])
    assert "order" in open_run(caught.value.folder).manifest["diagnostics"]


def test_a_script_without_a_guard_runs_once(tmp_path):
    (tmp_path / "script.py").write_text(
        "from analyses.at_hand import report\n"
        "from workbench import build_model, load_data\n"
        "print('begun')\n"
        f"data = load_data({DATA!r})\n"
        f"model = build_model('SASRec', data, **{SIZES!r})\n"
        "report({'SASRec': model}, data, 'out', only=['order', 'attention_worth'])\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "begun\n"
    assert (tmp_path / "out" / "report.html").exists()


def test_metrics_of_other_data_are_not_in_the_table_of_models(data, plain, tmp_path):
    """Where the card is about these data they are, also of users at hand only."""
    plain.card = {"data": data.identity(), "metrics": {"test": {"hit@10": 0.25}}}
    other = build_model("SASRec", data, **SIZES).eval()
    other.card = {"data": {"checksum": "another"}, "metrics": {"test": {"hit@10": 0.75}}}
    untold = build_model("SASRec", data, **SIZES).eval()
    untold.card = {"metrics": {"test": {"hit@10": 0.75}}}
    models = {"these": plain, "others": other, "untold": untold}
    try:
        out = report(models, data, tmp_path / "out", users=np.arange(5), only=["order"])
    finally:
        plain.card = {}
    told = json.loads((out / "report.json").read_text())
    assert {name: row["hit@10"] for name, row in told["models"].items()} == {
        "these": 0.25,
        "others": None,
        "untold": None,
    }
    page = (out / "report.html").read_text()
    assert ">Hit@10<" in page
    assert ">hit@10<" not in page
    left_out = [each for each in told["exclusions"] if "test metrics on the card" in each]
    assert [each.split(" are left out")[0].split()[-1] for each in left_out] == ["others", "untold"]
    assert "0.7500" not in (out / "report.html").read_text().split('<h2 id="models">')[1][:2000]
