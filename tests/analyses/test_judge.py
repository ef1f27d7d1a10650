"""The command that judges what reports say."""

from pathlib import Path

import pandas as pd
import pytest

from analyses import judge
from analyses.conclusions import CONCLUSIONS
from analyses.judging import cells, map_rows, verdict_rows, zoo
from analyses.judging.entries import AS_TRAINED, DECORATED, MISLABELLED, VERSIONS, entries
from analyses.running import held_out
from workbench import WorkbenchError
from workbench.training.variants import PLAIN, UNIFORM

PLAN = [
    cells.ZooModel(cells.Cell("distance", 60, "easy"), PLAIN),
    cells.ZooModel(cells.Cell("distance", 60, "easy"), UNIFORM),
    cells.ZooModel(cells.Cell("distance", 60, "hopeless"), PLAIN),
]


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(judge, "plan", lambda scale: PLAN)
    monkeypatch.setattr(cells, "EPOCHS", 1)
    monkeypatch.setattr(cells, "PATIENCE", 1)
    monkeypatch.setattr(held_out, "SAMPLE", 12)
    monkeypatch.setattr(verdict_rows, "USERS", 20)
    monkeypatch.setattr(verdict_rows, "FEWER", (6,))
    monkeypatch.setattr(map_rows, "CASES", 30)


def test_what_is_measured_of_a_zoo(tmp_path, monkeypatch):
    words = ["--out", str(tmp_path / "judge")]
    folder = judge.main([*words, "--processes", "1"], cache=tmp_path / "cache")
    measured = pd.read_csv(folder / "measured.csv")
    every = measured.groupby(["difficulty", "model", "version"]).size()
    assert len(every) == 2 + 1 + 1
    assert set(measured["version"]) == {AS_TRAINED, MISLABELLED}
    assert (measured.loc[measured["difficulty"] == "hopeless", "label"] == "unfaithful").all()
    assert "replacement" in pd.read_csv(folder / "importances.csv")["importance"].tolist()
    models = pd.read_csv(folder / "models.csv")
    assert len(models) == 3
    assert models["best possible hit@1"].between(0, 1).all()
    verdicts = pd.read_csv(folder / "verdicts.csv")
    assert verdicts.groupby(["difficulty", "model", "version"]).size().tolist() == [2] * len(every)
    assert set(verdicts["measured users"]) == {"all", "6"}
    assert set(verdicts["conclusion"]) <= set(CONCLUSIONS)
    assert verdicts["label"].notna().all()
    confusion = pd.read_csv(folder / "confusion.csv")
    assert confusion[confusion.columns.intersection(CONCLUSIONS)].sum(axis=None) == len(every)

    page = (folder / judge.PAGE).read_text()
    assert "On seeds that chose the rule" in page
    assert f"<pre>python -m analyses.judge --out {folder}</pre>" in page
    assert (folder / "verdicts-by-truth.png").exists()

    # nothing is trained or measured twice
    monkeypatch.setattr(zoo, "_train", None)
    monkeypatch.setattr(map_rows, "truth_table", None)
    monkeypatch.setattr(verdict_rows, "verdicts", None)
    judge.main(["--out", str(tmp_path / "judge")], cache=tmp_path / "cache")
    pd.testing.assert_frame_equal(pd.read_csv(folder / "measured.csv"), measured)


def test_without_models_there_is_nothing_to_judge(tmp_path):
    with pytest.raises(WorkbenchError, match="no trained model"):
        judge.main(["--out", str(tmp_path), "--no-training"], cache=tmp_path)


def test_only_what_is_trained_is_judged(tmp_path):
    zoo.train_zoo(PLAN[:1], tmp_path)
    assert {entry.trained.cell for entry in entries(PLAN, tmp_path)} == {PLAN[0].cell}


def test_unfaithful_models_are_made_in_the_base_of_the_plan(monkeypatch):
    monkeypatch.setattr("analyses.judging.entries.finished", lambda plan, zoo: list(plan))
    base = cells.Cell("distance")
    made = [(e.trained.label, e.version) for e in entries([cells.ZooModel(base)], Path())]
    assert [version for _, version in made] == [name for name in VERSIONS if name != DECORATED]
    uniform = entries([cells.ZooModel(base, UNIFORM)], Path())
    assert [entry.version for entry in uniform] == [AS_TRAINED, DECORATED]
    others = [cells.ZooModel(base, kept_off=True), cells.ZooModel(base, seed=1)]
    assert [entry.version for entry in entries(others, Path())] == [AS_TRAINED, AS_TRAINED]
