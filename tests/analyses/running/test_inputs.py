"""What a run stands on, and what its reader must know first."""

from pathlib import Path

import pytest

from analyses.running.inputs import read_inputs
from workbench import build_model, load_data, save_model
from workbench.errors import WorkbenchWarning

SIZES = {"hidden_size": 8, "inner_size": 8, "max_length": 8}


def test_what_a_reader_of_files_assumed_is_a_notice(tmp_path: Path):
    rows = [f"u{u},i{(u + t) % 5},{60 * t}" for u in range(4) for t in range(5)]  # times of 1970
    file = tmp_path / "log.csv"
    file.write_text("\n".join(["user,item,time", *rows]) + "\n")
    with pytest.warns(WorkbenchWarning, match="1970"):
        data = load_data(file)
    folder = save_model(build_model("SASRec", data, **SIZES), tmp_path / "model")
    with pytest.warns(WorkbenchWarning, match="1970"):
        inputs = read_inputs(str(file), [str(folder)], None, 0, tmp_path / "cache")
    assert [notice for notice in inputs.notices if "1970-01-01" in notice]
