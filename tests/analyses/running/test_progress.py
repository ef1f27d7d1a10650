import json

from analyses.running.progress import Progress, ProgressFile, read_progress


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
