"""The README's Python runs as it stands; only training is cut short."""

import re
from pathlib import Path

import pytest

import workbench
from workbench import WorkbenchError, load_data

README = Path(__file__).parents[1] / "README.md"


def test_the_example_runs(monkeypatch, tmp_path):
    try:
        load_data("ml-100k")
    except WorkbenchError as error:
        pytest.skip(f"ml-100k cannot be had here: {error}")
    code = "\n".join(re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S))
    assert "train(" in code
    imported = set(re.findall(r"^(?:from|import) (\S+)", code, re.M))
    assert imported == {"workbench", "analyses.verdict"}
    train = workbench.train
    quick = {"progress": False, "epochs": 1}
    monkeypatch.setattr(workbench, "train", lambda *given, **how: train(*given, **how | quick))
    monkeypatch.chdir(tmp_path)  # what it writes is not wanted here
    exec(compile(code, str(README), "exec"), {})
