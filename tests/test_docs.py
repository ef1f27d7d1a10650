"""Examples of the docs run as they stand, training cut short; options are told truly."""

import ast
import json
import re
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

import workbench
from analyses import diagnostics
from analyses.conclusions import CONCLUSIONS, NOT, SHOWN
from analyses.diagnostic import discover
from analyses.questions import QUESTIONS
from analyses.reliability import FAITHFUL, LABELS, SUMMARY, UNFAITHFUL
from analyses.run_all import main
from analyses.running.measuring import measure_in_memory
from analyses.verdict import RULE
from models import Batch, CalibrationConfig, ModelConfig, make_model
from workbench import RECIPES, WorkbenchError, build_model, load_model, save_model
from workbench.__main__ import app
from workbench.data import address, planted
from workbench.data.readers import FORMATS
from workbench.training.settings import Training

ROOT = Path(__file__).parents[1]
EXTENDING = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
TEXT = EXTENDING.partition("\n## A reader\n")[0]  # the rest is run by test_extending.py
PYTHON, DIFFS = (re.findall(rf"```{kind}\n(.*?)```", TEXT, re.S) for kind in ("python", "diff"))
BACKBONE, NOTEBOOK, FORMAT, DIAGNOSTIC, IN_MEMORY, EDIT, IMPORTANCE = PYTHON
REGISTRY, NAME, FORMATS_LINE, IMPORTANCE_LINE = DIFFS
SIZES = {"hidden_size": 8, "inner_size": 8, "max_length": 12}


@pytest.fixture(scope="module")
def data():
    return planted(n_users=40, n_items=30, length=10, n_causes=4).data


@pytest.fixture(params=["with times", "without times"])
def backbone(request, monkeypatch, data):
    """The names of the example, on small data."""
    if request.param == "without times":
        data = replace(data, times=None)
    train = workbench.train
    quick = {"progress": False, "epochs": 1}
    monkeypatch.setattr(workbench, "train", lambda *given, **how: train(*given, **how | quick))
    monkeypatch.setattr(workbench, "load_data", lambda name: data)
    names: dict = {}
    for code in (BACKBONE, NOTEBOOK):
        exec(compile(code, "extending.md", "exec"), names)
    return names


def test_the_backbone_reads_the_time_between_items_where_there_is_one(backbone):
    batch, data = backbone["batch"], backbone["data"]
    for model in (backbone["plain"], backbone["calibrated"]):
        with torch.no_grad():
            scores = model.scores(batch)[:, 1:]
            model.gap_embedding.weight += torch.randn_like(model.gap_embedding.weight)
            same = torch.allclose(model.scores(batch)[:, 1:], scores)
        assert same == (data.times is None)
    assert list(backbone["stages"]) == list(backbone["calibrated"].stages)
    assert backbone["calibrated"].is_adversarial


def test_the_backbone_goes_through_every_diagnostic(backbone):
    models = {backbone[name].config.name: backbone[name] for name in ("plain", "calibrated")}
    assert list(models) == ["GapSASRec", "AC-GapSASRec"]
    users, data = backbone["batch"].users.numpy(), backbone["data"]
    for diagnostic in discover().values():
        results = measure_in_memory(diagnostic, models, data, users)
        assert results.comparison.calibrated_pairs == [("AC-GapSASRec", "GapSASRec")]
        assert set(results.frame["model"]) == set(models)
        assert diagnostic.findings(results)


def test_a_backbone_without_a_name_in_the_registry_is_not_loaded_as_another(backbone, tmp_path):
    folder = save_model(backbone["plain"], tmp_path / "mine")
    with pytest.raises(WorkbenchError, match=r"no backbone 'GapSASRec' in models\.BACKBONES"):
        load_model(folder)


REGISTERED = """
from workbench import build_model, evaluate, held_out, load_data, load_model
from workbench import record_attention, train
from workbench.app.bring.brought_model import facts

data = load_data("timeless.csv")
assert data.times is None
for name in ("GapSASRec", "GapSASRec-uniform", "AC-GapSASRec", "AC-GapSASRec-light"):
    train(build_model(name, data, hidden_size=8, n_layers=1), data, name, epochs=1, progress=False)
    model = load_model(name)
    weights = record_attention(model, held_out(model, data, [0, 1])[0])["attention"]
    users, shown = evaluate(model, data).users, dict(facts(model.config))
    print(type(model).__name__, len(users), *weights.shape, "n_users" in shown)
"""


def register(file, difference):
    """Change a file as a diff of the docs says."""
    text = file.read_text(encoding="utf-8")
    for hunk in difference.split("...\n"):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line.startswith(" "))
        assert text.count(before) == 1
        text = text.replace(before, "".join(line[1:] for line in lines))
    file.write_text(text, encoding="utf-8")


def copied(tmp_path):
    for package in ("models", "workbench", "analyses"):
        left_out = shutil.ignore_patterns("pretrained", "__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=left_out)


TINYREC = """
import torch
from models import Batch
from workbench import import_checkpoint

model = import_checkpoint("tiny.pt", "imported")
batch = Batch(torch.tensor([[3, 1, 4], [2, 0, 0]]), torch.tensor([3, 1]))
torch.save(model.scores(batch), "scores.pt")
print(model.card["origin"]["format"], model.config.norm, model.config.n_heads)
"""
TINYREC_NAMES = (
    (r"(item|position)_embedding", r"\1s"),
    (r"encoder\.layers\.(\d+)\.(query|key|value|dense)\.", r"blocks.\1.attn.\2."),
    (r"encoder\.layers\.(\d+)\.norm", r"blocks.\1.ln_1"),
    (r"encoder\.layers\.(\d+)\.feed_forward\.norm", r"blocks.\1.ln_2"),
    (r"encoder\.layers\.(\d+)\.feed_forward\.", r"blocks.\1."),
    (r"encoder\.norm", "ln_f"),
)


def test_a_file_and_a_line_make_a_format_known(tmp_path):
    """In a copy of the packages, as docs/extending.md has it."""
    copied(tmp_path)
    formats = tmp_path / "workbench" / "importing" / "formats"
    (formats / "tinyrec.py").write_text(FORMAT, encoding="utf-8")
    register(formats / "__init__.py", FORMATS_LINE)
    norms = {"layer_norm_eps": 1e-5, "final_norm_eps": 1e-5, "input_norm": False, "norm": "pre"}
    theirs = make_model(ModelConfig("SASRec", 6, **SIZES, **norms)).eval()
    state = theirs.state_dict()
    for ours, name in TINYREC_NAMES:
        state = {re.sub(ours, name, key): tensor for key, tensor in state.items()}
    torch.save({"state_dict": state, "args": {"heads": 2}}, tmp_path / "tiny.pt")
    done = subprocess.run(
        [sys.executable, "-c", TINYREC], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "TinyRec pre 2\n"
    batch = Batch(torch.tensor([[3, 1, 4], [2, 0, 0]]), torch.tensor([3, 1]))
    found = torch.load(tmp_path / "scores.pt", weights_only=True)
    torch.testing.assert_close(found, theirs.scores(batch).detach())


def test_a_file_and_its_registration_make_a_backbone_known_by_name(data, tmp_path):
    """In a copy of the packages, as docs/extending.md has it; on data without times."""
    copied(tmp_path)
    (tmp_path / "models" / "gapsasrec.py").write_text(BACKBONE, encoding="utf-8")
    register(tmp_path / "models" / "backbones.py", REGISTRY)
    register(tmp_path / "models" / "config.py", NAME)
    rows = [f"{user},{item}" for user in range(data.n_users) for item in data.history(user)]
    (tmp_path / "timeless.csv").write_text("\n".join(["user,item", *rows]) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", REGISTERED], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"GapSASRec {data.n_users} 2 1 2 9 False"] * 4


@pytest.fixture
def newest_item(monkeypatch, tmp_path):
    """The diagnostic of the example beside the others."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "newest_item.py").write_text(DIAGNOSTIC, encoding="utf-8")
    monkeypatch.setattr(diagnostics, "__path__", [*diagnostics.__path__, str(tmp_path / "more")])
    yield
    sys.modules.pop("analyses.diagnostics.newest_item", None)
    if hasattr(diagnostics, "newest_item"):
        delattr(diagnostics, "newest_item")


def test_the_diagnostic_is_in_the_report_and_the_app(newest_item, data, tmp_path, monkeypatch):
    lines = [f"{u},{i},{t}" for u in range(data.n_users) for t, i in enumerate(data.history(u))]
    lines.append("short,1,0\nshort,2,1")  # one item of history
    (tmp_path / "small.csv").write_text("\n".join(["user,item,time", *lines]) + "\n")
    small = workbench.load_data(tmp_path / "small.csv")
    names = ("SASRec", "SASRec-uniform", "BERT4Rec")
    for name in names:
        torch.manual_seed(0)
        save_model(build_model(name, small, **SIZES), tmp_path / name)
    given = ["--data", str(tmp_path / "small.csv"), "--only", "newest_item"]
    given += ["--models", *(str(tmp_path / name) for name in names)]
    out = main([*given, "--out", str(tmp_path / "report")], cache=tmp_path / "cache")
    frame = pd.read_parquet(out / "raw" / "newest_item.parquet")
    assert frame.groupby("model", observed=True)["user"].nunique().eq(41).all()
    uniform = frame.loc[frame["model"] == "SASRec-uniform", "excess"]
    assert uniform.dropna().abs().max() < 1e-6
    assert uniform.isna().sum() == 1
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "How far does attention prefer the newest item?" in page
    assert "Whether SASRec-uniform gives the newest item another than an even share" in page
    assert "fewer than 2 items: n = 1 user" in page
    assert list((out / "figures").glob("*newest*.svg"))

    monkeypatch.setattr(sys, "argv", ["app.py", "--allow", str(out)])
    shown = AppTest.from_function(_whole_data_set, default_timeout=120)
    shown.query_params["run"] = str(out)
    shown.run()
    assert not shown.exception
    assert "The newest item" in [heading.value for heading in shown.subheader]
    (short,) = (user for user in range(41) if small.lengths[user] == 2)
    alone = measure_in_memory(
        discover()["newest_item"], {"A": load_model(tmp_path / "SASRec")}, small, np.array([short])
    )
    assert discover()["newest_item"].findings(alone) == [
        "Whether A gives the newest item another than an even share of its attention: nobody could "
        "be measured."
    ]


def _whole_data_set() -> None:
    from workbench.app.dataset.dataset_page import page

    page()


def test_the_diagnostic_is_measured_on_models_at_hand(newest_item, data, monkeypatch, capsys):
    model = build_model("SASRec", data, **SIZES)
    monkeypatch.setattr(workbench, "load_model", lambda name: model)
    monkeypatch.setattr(workbench, "load_data", lambda name: data)
    exec(compile(IN_MEMORY, "extending.md", "exec"), {})
    first, second = capsys.readouterr().out.splitlines()
    assert "learned gives the newest item" in first
    assert "even gives the newest item" in second


def test_the_edit_leaves_the_newest_three(data, monkeypatch, capsys):
    model = build_model("SASRec", data, **SIZES)
    monkeypatch.setattr(workbench, "load_model", lambda name: model)
    monkeypatch.setattr(workbench, "load_data", lambda name: data)
    names: dict = {}
    exec(compile(EDIT, "extending.md", "exec"), names)
    assert 0 <= float(capsys.readouterr().out) <= 1
    batch = workbench.held_out(model, data, users=[0, 1])[0]
    before = workbench.record_attention(model, batch, rows="all")["attention"][:, 0]
    with workbench.edit_attention(model, names["newest_three"], layers=[0], rows="all"):
        after = workbench.record_attention(model, batch, rows="all")["attention"][:, 0]
    for row in range(batch.items.shape[1]):
        newest = before[:, :, row, max(row - 2, 0) : row + 1]
        wanted = torch.zeros_like(before[:, :, row])
        wanted[..., max(row - 2, 0) : row + 1] = newest / newest.sum(-1, keepdim=True)
        torch.testing.assert_close(after[:, :, row], wanted)


FREQUENCY = """
import torch
from analyses.diagnostic import discover
from analyses.running.measuring import measure_in_memory
from models import Batch
from workbench import build_model, explain, importances
from workbench.data import planted

data = planted(n_users=40, n_items=30, length=10, n_causes=4).data
model = build_model("SASRec", data, hidden_size=8, inner_size=8, n_layers=1, max_length=12)
batch = Batch(torch.tensor([[3, 1, 3, 3], [2, 5, 0, 0]]), torch.tensor([4, 2]))
print(explain(model, batch, torch.tensor([7, 8]), "frequency").tolist())
results = measure_in_memory(discover()["faithfulness"], {"SASRec": model}, data)
print("frequency" in importances(model), results.frame.eq("frequency").any(axis=None))
"""


def test_a_file_and_a_line_make_an_importance_known(tmp_path):
    """In a copy of the packages, as docs/extending.md has it."""
    copied(tmp_path)
    explaining = tmp_path / "workbench" / "explaining"
    (explaining / "frequency.py").write_text(IMPORTANCE, encoding="utf-8")
    register(explaining / "methods.py", IMPORTANCE_LINE)
    done = subprocess.run(
        [sys.executable, "-c", FREQUENCY], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    counts, known = done.stdout.splitlines()
    assert counts == "[[3.0, 1.0, 3.0, 3.0], [1.0, 1.0, 0.0, 0.0]]"
    assert known == "True True"


def blocks() -> list[tuple[str, str]]:
    """The Python of all pages of docs/, and where it stands."""
    return [
        (f"{path.name}-{number}", block)
        for path in sorted((ROOT / "docs").glob("*.md"))
        for number, block in enumerate(
            re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S)
        )
    ]


@pytest.mark.parametrize(("place", "block"), blocks(), ids=[place for place, _ in blocks()])
def test_python_passes_the_lint_of_the_repository(place, block):
    """A later block may use what an earlier one of its page has; only files must be whole."""
    partial = ["--ignore", "F401,F821,PT017,E731"] if not block.startswith('"""') else []
    for arguments in (["check", *partial], ["format", "--check", "--diff"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", "block.py", "-"]
        done = subprocess.run(command, cwd=ROOT, input=block, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_option_is_documented_with_its_default():
    text = (Path(__file__).parents[1] / "docs" / "models.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| .+ \|$", text, re.M)
    documented = {name: ast.literal_eval(default) for name, default in rows}
    assert len(documented) == len(rows)
    documented_elsewhere = {"name", "n_items", "n_users", "backbone", "calibration", "progress"}
    wanted = {
        field.name: field.default
        for kind in (ModelConfig, CalibrationConfig, Training)
        for field in fields(kind)
        if field.name not in documented_elsewhere
    }
    assert documented == wanted


def test_recipes_are_documented_whole():
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    for name, recipe in RECIPES.items():
        (row,) = re.findall(rf"^\| `{name}` \| (.+) \| (.+) \| .+ \|$", text, re.M)
        for cell, options in zip(row, (recipe.model, recipe.training), strict=True):
            assert cell == ", ".join(f"`{key}={value}`" for key, value in options.items())


DATA_PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_examples_about_data_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for kind, block in re.findall(r"```(python|console)\n(.*?)```", DATA_PAGE, re.S):
        if kind == "python":
            exec(compile(block, "data.md", "exec"), names)
            continue
        command, expected = block.split("\n", 1)
        arguments = command.removeprefix("$ python -m workbench ").split()
        done = CliRunner().invoke(app, arguments)
        assert done.output == expected


def test_every_format_and_option_is_documented():
    rows = re.findall(r"^\| (`.*?`) \|", DATA_PAGE, re.M)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert documented == {*address.KNOWN, *FORMATS}
    for name, choices in address.TEXTS.items():
        for choice in choices:
            assert f"`{choice}`" in DATA_PAGE, name
    code = "".join(re.findall(r"```(?:python|console)\n(.*?)```", DATA_PAGE, re.S))
    for option in set(address.KNOWN):
        assert re.search(rf"[?&]{option}=", code), option


def test_the_example_about_intervals_runs(capsys):
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.S)
    names: dict = {}
    exec(compile(block, "statistics.md", "exec"), names)
    assert len(capsys.readouterr().out.splitlines()) == 5
    difference = names["difference"]
    assert (difference.n, difference.level) == (943, 0.95)
    assert (difference.p_value < 0.05) == (difference.low > 0 or difference.high < 0)


def test_the_rule_of_the_verdict_stands_in_the_documentation():
    text = (ROOT / "docs" / "judge.md").read_text(encoding="utf-8")
    page = " ".join(text.split())
    for number, sentence in enumerate(RULE, 1):
        assert f"{number}. {sentence}" in page
    for key, asked in QUESTIONS.items():
        assert f"| *{key}* | {asked.question} | {asked.line} |" in text


def test_the_verdicts_by_truth_in_the_documentation_are_those_that_reports_quote():
    kept = json.loads(SUMMARY.read_text("utf-8"))
    cases = pd.DataFrame(kept["cases"])
    cases = cases[cases["sampled users"] == 128]
    table = cases.groupby("conclusion")[[*LABELS]].sum().reindex(CONCLUSIONS, fill_value=0)
    assert table.to_numpy().sum() == kept["models"]
    page = (ROOT / "docs" / "judge.md").read_text("utf-8").replace("**", "")
    for label, counts in table.items():
        assert f"| {label}, {counts.sum()} | {' | '.join(map(str, counts))} |" in page
    told = f"it believed {table.loc[SHOWN, UNFAITHFUL]} of {table[UNFAITHFUL].sum()} unfaithful"
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"{told} models, and recognised {table.loc[SHOWN, FAITHFUL]} of" in readme
    wrong = cases[cases["obvious"] & (cases["conclusion"] == NOT)]
    assert f"wrong for {wrong[FAITHFUL].sum()} of {wrong[[*LABELS]].to_numpy().sum()}" in readme
