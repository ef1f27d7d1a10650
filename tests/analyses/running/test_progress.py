import json

import pytest

from analyses.running.progress import Progress, ProgressFile, read_progress
from workbench.errors import WorkbenchError


def test_the_last_moment_is_read_back(tmp_path):
    path = tmp_path / "more" / "progress.json"
    assert read_progress(path) == Progress("reading")
    for moment in (
        Progress("measuring", "attention_worth", 3, 12),
        Progress("failed", message="α: 3/4\nand more"),
    ):
        ProgressFile(path).write(moment)
        assert read_progress(path) == moment
    assert [p.name for p in path.parent.iterdir()] == ["progress.json"]
    assert json.loads(path.read_text())["stage"] == "failed"


def test_without_a_path_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ProgressFile(None).write(Progress("writing"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_replaced_only_where_it_is_an_earlier_one(tmp_path):
    ProgressFile(tmp_path / "progress.json").write(Progress())
    ProgressFile(tmp_path / "progress.json").write(Progress("finished"))
    (tmp_path / "log.csv").write_text("user,item\n")
    for place in ("log.csv", ""):
        with pytest.raises(WorkbenchError, match=r"holds something else|is a folder"):
            ProgressFile(tmp_path / place)
    assert (tmp_path / "log.csv").read_text() == "user,item\n"
