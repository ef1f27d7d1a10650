"""Examples of docs/extending.md run as they stand, training cut short; options are told truly."""

import ast
import re
import sys
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest
import torch

import models
import workbench
from analyses import diagnostics
from analyses.diagnostic import discover
from analyses.run_all import main
from models import CalibrationConfig, ModelConfig, config
from workbench import build_model, load_model, save_model
from workbench.data import planted
from workbench.training.trainer import Training

TEXT = (Path(__file__).parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")
BACKBONE, DIAGNOSTIC = re.findall(r"```python\n(.*?)```", TEXT, re.S)
SIZES = {"hidden_size": 8, "inner_size": 8, "max_length": 12}


@pytest.fixture(scope="module")
def data():
    return planted(n_users=40, n_items=30, length=10, n_causes=4).data


@pytest.fixture
def backbone(monkeypatch, data):
    """The names of the example, on small data."""
    train = workbench.train
    quick = {"progress": False, "epochs": 1}
    monkeypatch.setattr(workbench, "train", lambda *given, **how: train(*given, **how | quick))
    monkeypatch.setattr(workbench, "load_data", lambda name: data)
    names: dict = {}
    exec(compile(BACKBONE, "extending.md", "exec"), names)
    return names


def test_the_backbone_reads_the_time_between_items(backbone):
    batch = backbone["batch"]
    for model in (backbone["plain"], backbone["calibrated"]):
        with torch.no_grad():
            scores = model.scores(batch)[:, 1:]
            model.gap_embedding.weight += torch.randn_like(model.gap_embedding.weight)
            assert not torch.allclose(model.scores(batch)[:, 1:], scores)
    assert list(backbone["stages"]) == list(backbone["calibrated"].stages)
    assert backbone["calibrated"].is_adversarial


def test_the_backbone_goes_through_every_diagnostic(backbone, data):
    found = {backbone[name].config.name: backbone[name] for name in ("plain", "calibrated")}
    assert list(found) == ["GapSASRec", "AC-GapSASRec"]
    users = backbone["batch"].users.numpy()
    for diagnostic in discover().values():
        frame = diagnostic.measure(found, data, users=users, seed=0, progress=lambda n: None)
        assert set(frame["model"]) == set(found)
        assert diagnostic.conclude(frame)


def test_the_backbone_is_saved_and_loaded_once_it_has_a_name(backbone, monkeypatch, tmp_path):
    monkeypatch.setattr(config, "BACKBONES", (*config.BACKBONES, "GapSASRec"))
    monkeypatch.setitem(models._CLASSES, "GapSASRec", backbone["GapSASRec"])
    made = models.make_model(ModelConfig("Mine", 30, backbone="GapSASRec", **SIZES))
    found = load_model(save_model(made, tmp_path / "mine"))
    assert type(found) is backbone["GapSASRec"]
    assert found.config == made.config


def test_the_diagnostic_is_in_the_report(data, monkeypatch, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "newest_item.py").write_text(DIAGNOSTIC, encoding="utf-8")
    monkeypatch.setattr(diagnostics, "__path__", [*diagnostics.__path__, str(tmp_path / "more")])
    lines = [f"{u},{i},{t}" for u in range(data.n_users) for t, i in enumerate(data.history(u))]
    lines.append("short,1,0\nshort,2,1")  # one item of history
    (tmp_path / "small.csv").write_text("\n".join(["user,item,time", *lines]) + "\n")
    small = workbench.load_data(tmp_path / "small.csv")
    for name in ("SASRec", "SASRec-uniform", "BERT4Rec"):
        torch.manual_seed(0)
        save_model(build_model(name, small, **SIZES), tmp_path / name)
    given = ["--data", str(tmp_path / "small.csv"), "--only", "newest_item"]
    given += ["--models", *(str(tmp_path / n) for n in ("SASRec", "SASRec-uniform", "BERT4Rec"))]
    try:
        out = main([*given, "--out", str(tmp_path / "report")], cache=tmp_path / "cache")
    finally:
        sys.modules.pop("analyses.diagnostics.newest_item", None)
    frame = pd.read_parquet(out / "raw" / "newest_item.parquet")
    assert frame.groupby("model", observed=True)["user"].nunique().eq(41).all()
    uniform = frame.loc[frame["model"] == "SASRec-uniform", "excess"]
    assert uniform.dropna().abs().max() < 1e-6
    assert uniform.isna().sum() == 1
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "How far does attention prefer the newest item?" in page
    assert "SASRec-uniform gives the newest item about an even share" in page
    assert "fewer than 2 items: n = 1 user" in page
    assert list((out / "figures").glob("*newest*.svg"))


def test_every_option_is_documented_with_its_default():
    text = (Path(__file__).parents[1] / "docs" / "models.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| .+ \|$", text, re.M)
    documented = {name: ast.literal_eval(default) for name, default in rows}
    assert len(documented) == len(rows)
    told_otherwise = {"name", "n_items", "n_users", "backbone", "calibration", "progress"}
    wanted = {
        field.name: field.default
        for kind in (ModelConfig, CalibrationConfig, Training)
        for field in fields(kind)
        if field.name not in told_otherwise
    }
    assert documented == wanted
