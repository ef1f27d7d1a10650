"""What a run stands on, and what its reader must know first."""

from pathlib import Path

import pytest

from analyses.running.inputs import read_inputs, shipped
from workbench import build_model, load_data, load_model, save_model, train
from workbench.errors import WorkbenchWarning
from workbench.model_folders import siblings

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


def test_siblings_are_found_in_the_folder_of_a_model(tmp_path: Path, monkeypatch):
    (tmp_path / "log.csv").write_text(
        "user,item\n" + "".join(f"u{u},i{(u + t) % 5}\n" for u in range(6) for t in range(5))
    )
    monkeypatch.chdir(tmp_path)
    data = load_data("log.csv?time=")
    for folder, seed, epochs in (("m", 0, 1), ("m/seed-1", 1, 1), ("m/seed-2", 2, 2), ("n", 0, 1)):
        model = build_model("SASRec", data, **SIZES)
        train(model, data, folder, seed=seed, epochs=epochs, progress=False)
    inputs = read_inputs("log.csv?time=", ["m", "n"], None, 0, tmp_path / "cache")
    assert list(inputs.models) == ["SASRec", "SASRec (n)"]
    assert {name: list(each) for name, each in inputs.siblings.items()} == {
        "SASRec": ["SASRec seed 1"],
        "SASRec (n)": [],
    }
    assert inputs.sources["SASRec seed 1"] == "m/seed-1"
    assert [n for n in inputs.notices if n.startswith("m/seed-2 is left out")]  # other epochs
    alone = read_inputs("log.csv?time=", ["m", "m/seed-1"], None, 0, tmp_path / "cache")
    assert list(alone.siblings["SASRec"]) == []


def test_each_shipped_model_of_a_default_report_has_two_more_seeds():
    for name in shipped():
        card = load_model(name).card
        assert list(siblings(name)) == [1, 2]
        for seed, folder in siblings(name).items():
            sibling = load_model(folder)
            assert sibling.config == load_model(name).config
            assert sibling.card["data"] == card["data"]
            assert sibling.card["training"]["seed"] == seed
            command = sibling.card["command"]
            assert command.endswith(f"/{folder.name} --seed {seed}")
            assert f"--out runs/ml-100k/{name}_" in command
