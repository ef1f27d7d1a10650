"""The command that judges what reports say."""

import pandas as pd
import pytest

from analyses import judge
from analyses.judging import cells, zoo
from analyses.judging.entries import VERSIONS, entries
from workbench import WorkbenchError

PLAN = [
    cells.Trained(cells.Cell("distance", 60, "easy"), cells.PLAIN),
    cells.Trained(cells.Cell("distance", 60, "easy"), cells.UNIFORM),
    cells.Trained(cells.Cell("distance", 60, "hopeless"), cells.PLAIN),
]


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(judge, "plan", lambda scale: PLAN)
    monkeypatch.setattr(cells, "EPOCHS", 1)
    monkeypatch.setattr(cells, "PATIENCE", 1)


def test_what_is_measured_of_a_zoo(tmp_path, monkeypatch):
    folder = judge.main(["--out", str(tmp_path / "judge")], cache=tmp_path / "cache")
    measured = pd.read_csv(folder / "measured.csv")
    every = measured.groupby(["difficulty", "model", "version"]).size()
    assert len(every) == 5 + 2 + 5
    assert set(measured["version"]) == set(VERSIONS)
    assert (measured.loc[measured["difficulty"] == "hopeless", "label"] == "unfaithful").all()
    assert "replacement" in pd.read_csv(folder / "importances.csv")["importance"].tolist()
    models = pd.read_csv(folder / "models.csv")
    assert len(models) == 3
    assert models["best possible hit@1"].between(0, 1).all()

    # nothing is trained or measured twice
    monkeypatch.setattr(zoo, "_train", None)
    monkeypatch.setattr(judge, "truth_table", None)
    judge.main(["--out", str(tmp_path / "judge")], cache=tmp_path / "cache")
    pd.testing.assert_frame_equal(pd.read_csv(folder / "measured.csv"), measured)


def test_without_models_there_is_nothing_to_judge(tmp_path):
    with pytest.raises(WorkbenchError, match="no trained model"):
        judge.main(["--out", str(tmp_path), "--no-training"], cache=tmp_path)


def test_only_what_is_trained_is_judged(tmp_path):
    zoo.train_zoo(PLAN[:1], tmp_path)
    assert {entry.trained.cell for entry in entries(PLAN, tmp_path)} == {PLAN[0].cell}
