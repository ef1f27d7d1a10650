import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from analyses.run_all import main
from analyses.running import inputs
from analyses.running.store import ROOT
from workbench import build_model, load_data, load_model, save_model
from workbench.errors import WorkbenchError

NAMES = ("SASRec", "SASRec-uniform", "AC-SASRec")
ROWS = "\n".join(
    f"u{user},i{(user * 7 + step * step) % 23},{step}" for user in range(30) for step in range(9)
)


class Links(HTMLParser):
    """Everything a browser would load or follow, and every id and heading."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.anchors: list[str] = []
        self.ids: set[str] = set()
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.ids.add(found.get("id", ""))
        if tag == "a":
            self.anchors.append(found["href"])
        else:
            self.loads += [v for k, v in attrs if k in ("src", "href", "srcset", "data")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "small.csv").write_text("user,item,time\n" + ROWS + "\n")
    data = load_data(folder / "small.csv")
    for name in NAMES:
        model = build_model(name, data, n_layers=2, n_heads=2, hidden_size=8, max_length=10)
        save_model(model, folder / name)
    return folder


@pytest.fixture(scope="module")
def run(place):
    def call(*extra: str, models: list[str] | None = None) -> Path:
        models = models or [str(place / name) for name in NAMES]
        arguments = ["--data", str(place / "small.csv"), "--models", *models, *extra]
        return main(arguments, cache=place / "cache")

    return call


@pytest.fixture(scope="module")
def report(place, run):
    return run("--out", str(place / "report"))


def test_everything_promised_is_written(report):
    manifest = json.loads((report / "manifest.json").read_text())
    names = ["attention_worth", "max_attention_removal", "attention_maps"]
    names += ["gradient_agreement", "calibration_variants"]
    assert list(manifest["diagnostics"]) == names
    assert {p.stem for p in (report / "raw").iterdir()} == set(names)
    for path in manifest["files"]:
        assert (report / path).stat().st_size > 0
    figures = sorted(p.name for p in (report / "figures").iterdir())
    assert len(figures) == 2 * len({Path(f).stem for f in figures}) > 20
    raw = pd.read_parquet(report / "raw" / "max_attention_removal.parquet")
    assert raw["user"].nunique() == 30
    assert set(raw["model"]) == set(NAMES)
    assert set(manifest["models"]) == set(NAMES)
    assert manifest["data"]["checksum"]
    assert {"torch", "captum", "numpy", "python"} <= set(manifest["versions"])
    assert not [p for p in report.parent.iterdir() if p.name.startswith(".partial")]


def test_the_page_loads_nothing_and_opens_with_the_findings(report):
    page = (report / "report.html").read_text()
    links = Links()
    links.feed(page)
    assert links.loads
    assert all(load.startswith("data:image/png;base64,") for load in links.loads)
    assert not re.search(r"url\(|@import|<script", page)
    assert all(a.startswith("#") and a[1:] in links.ids for a in links.anchors)
    assert links.tags.count("h1") == 1
    places = [page.index(f'id="{part}"') for part in ("findings", "models", "pictures", "tables")]
    assert places == sorted(places)
    assert page.index("What attention is worth") < page.index("Max-attention removal")
    assert "Agreement is agreement, not faithfulness" in page


def test_a_second_run_reuses_every_piece_and_tells_the_same(report, run, place):
    again = run("--out", str(place / "again"), "--only", "max_attention_removal", "attention_worth")
    before, after = (json.loads((f / "manifest.json").read_text()) for f in (report, again))
    for name, told in after["diagnostics"].items():
        assert told["pieces_made"] == 0
        assert told["findings"] == before["diagnostics"][name]["findings"]
    for table in (again / "tables").iterdir():
        assert (report / "tables" / table.name).read_bytes() == table.read_bytes()


def test_forced_measurements_are_the_same_to_the_bit(report, run, place):
    again = run("--out", str(place / "forced"), "--only", "gradient_agreement", "--force")
    made = json.loads((again / "manifest.json").read_text())["diagnostics"]["gradient_agreement"]
    assert made["pieces_reused"] == 0
    name = "raw/gradient_agreement.parquet"
    pd.testing.assert_frame_equal(pd.read_parquet(again / name), pd.read_parquet(report / name))


def test_only_and_users_and_an_earlier_report_is_replaced(run, place):
    out = str(place / "part")
    run("--out", out, "--only", "attention_worth", "--users", "7")
    folder = run("--out", out, "--only", "attention_worth", "--users", "8")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert list(manifest["diagnostics"]) == ["attention_worth"]
    assert manifest["users"] == {"measured": 8, "of": 30}
    assert any("8 of 30 users" in notice for notice in manifest["notices"])
    assert len(pd.read_parquet(folder / "raw" / "attention_worth.parquet")) == 8 * len(NAMES)


def test_models_of_other_data_are_refused_in_a_sentence(run, place):
    other = place / "other.csv"
    other.write_text("user,item,time\n" + "\n".join(ROWS.splitlines()[:40]) + "\n")
    with pytest.raises(WorkbenchError, match=r"items"):
        main(
            ["--data", str(other), "--models", str(place / "SASRec"), "--out", str(place / "no")],
            cache=place / "cache",
        )
    assert not (place / "no").exists()


def test_models_of_one_name_are_told_apart_and_none_is_lost(run, place):
    for folder in ("one", "two"):
        save_model(load_model(place / "SASRec"), place / folder / "SASRec")
    models = [str(place / folder / "SASRec") for folder in (".", "one", "two")]
    folder = run("--out", str(place / "thrice"), "--only", "attention_worth", models=models)
    raw = pd.read_parquet(folder / "raw" / "attention_worth.parquet")
    assert raw["model"].nunique() == 3
    with pytest.raises(WorkbenchError, match="named more than once"):
        run("--out", str(place / "no"), models=models[:1] * 2)


def test_nobody_with_an_agreement_is_told(run, place):
    models = [str(place / "SASRec-uniform")]
    only = ["--only", "gradient_agreement"]
    folder = run("--out", str(place / "uniform"), *only, models=models)
    assert (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (["--only", "nonsense"], "known are attention_worth"),
        (["--users", "0"], "--users 0 leaves nobody"),
        (["--seed", "-1"], "--seed -1 is negative; give 0 or more"),
    ],
)
def test_bad_arguments_are_told_in_a_sentence(run, place, extra, told):
    with pytest.raises(WorkbenchError, match=told):
        run("--out", str(place / "bad"), *extra)
    assert not (place / "bad").exists()


def test_a_folder_that_is_no_report_is_left_alone(run, place):
    folder = place / "mine"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    with pytest.raises(WorkbenchError, match="no report"):
        run("--out", str(folder), "--only", "attention_worth")
    assert [p.name for p in folder.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("given", [["--data", "/nowhere/at/all.csv"], ["--out", "a" * 300]])
def test_the_command_ends_in_one_sentence_and_code_2(given):
    command = [sys.executable, "-m", "analyses.run_all", *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"error: [^\n]+\n", done.stderr)


def test_on_planted_data_small_models_are_trained_once_and_the_page_says_so(
    place, monkeypatch, tmp_path
):
    trained = []

    def train(model, data, out, **options):
        trained.append(model.config.name)
        save_model(model, out)

    monkeypatch.setattr(inputs, "train", train)
    arguments = ["--data", "planted", "--only", "attention_worth", "--users", "20", "--out"]
    for name in ("first", "second"):
        folder = main([*arguments, str(tmp_path / name)], cache=tmp_path / "cache")
    assert trained == list(inputs.SASREC)
    assert "trained within a minute on these data" in (folder / "report.html").read_text()
