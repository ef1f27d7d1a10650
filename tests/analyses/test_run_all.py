import html
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from analyses import reporting
from analyses.diagnostic import discover
from analyses.report import output
from analyses.report.glossary import PAPER_ADDRESS
from analyses.report.stored import open_run
from analyses.run_all import main
from analyses.running import inputs
from analyses.running.defaults import SASREC
from analyses.running.progress import Progress, ProgressFile, read_progress
from analyses.shortcomings import Incomplete, Refused
from analyses.verdict import Verdict
from workbench import build_model, load_data, load_model, save_model, train
from workbench.ending import STOPPED
from workbench.errors import WorkbenchError

ROOT = Path(__file__).parents[2]
MONEY = ROOT.parent / "shared" / "cases" / "08-dollar-titles" / "money"
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
        named = dict(attrs)
        self.tags.append(tag)
        self.ids.add(named.get("id", ""))
        if tag == "a":
            self.anchors.append(named["href"])
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


def test_all_that_is_promised_is_written(report):
    manifest = json.loads((report / "manifest.json").read_text())
    names = list(discover())
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
    assert {"torch", "numpy", "python"} <= set(manifest["versions"])
    numbers = json.loads((report / "report.json").read_text())
    assert list(numbers["diagnostics"]) == names
    assert "## Findings" in (report / "report.md").read_text()
    assert not [p for p in report.parent.iterdir() if p.name.startswith(".partial")]


def test_the_page_loads_nothing_and_opens_with_the_findings(report):
    page = (report / "report.html").read_text()
    links = Links()
    links.feed(page)
    assert links.loads
    assert all(load.startswith("data:image/svg+xml;base64,") for load in links.loads)
    assert not re.search(r"url\(|@import|<script", page)
    own = [anchor for anchor in links.anchors if anchor != PAPER_ADDRESS]
    assert all(a.startswith("#") and a[1:] in links.ids for a in own)
    assert links.tags.count("h1") == 1
    places = [page.index(f'id="{part}"') for part in ("findings", "models", "terms")]
    assert places == sorted(places)
    assert page.index("What attention is worth") < page.index("Max-attention removal")
    assert "Agreement is agreement, not faithfulness" in page


def test_a_second_run_reuses_all_pieces_and_says_the_same(report, run, place):
    again = run("--out", str(place / "again"), "--only", "max_attention_removal", "attention_worth")
    before, after = (json.loads((f / "manifest.json").read_text()) for f in (report, again))
    for name, entry in after["diagnostics"].items():
        assert entry["pieces_made"] == 0
        assert entry["findings"] == before["diagnostics"][name]["findings"]
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
    other.write_text("user,item,time\n" + ROWS.replace(",i", ",x") + "\n")
    with pytest.raises(WorkbenchError, match=r"items"):
        main(
            ["--data", str(other), "--models", str(place / "SASRec"), "--out", str(place / "no")],
            cache=place / "cache",
        )
    assert not (place / "no").exists()


def test_models_of_one_name_get_others_and_none_is_lost(run, place):
    for folder in ("one", "two"):
        save_model(load_model(place / "SASRec"), place / folder / "SASRec")
    models = [str(place / folder / "SASRec") for folder in (".", "one", "two")]
    folder = run("--out", str(place / "thrice"), "--only", "attention_worth", models=models)
    raw = pd.read_parquet(folder / "raw" / "attention_worth.parquet")
    assert raw["model"].nunique() == 3
    for again in (models[0], f"{models[0]}/", f"{place}/one/../SASRec"):
        with pytest.raises(WorkbenchError, match="named more than once"):
            run("--out", str(place / "no"), models=[models[0], again])


def test_where_nobody_has_an_agreement_there_is_a_report(run, place):
    models = [str(place / "SASRec-uniform")]
    only = ["--only", "gradient_agreement"]
    folder = run("--out", str(place / "uniform"), *only, models=models)
    assert (folder / "report.html").exists()


def breaks(error):
    def broken(*given, **named):
        raise error

    return broken


@pytest.fixture
def broken(monkeypatch):
    """Replaces parts of diagnostics by ones that raise: part -> (diagnostic, error)."""

    def replace_parts(**parts):
        known = discover()
        for part, (name, error) in parts.items():
            known[name] = replace(known[name], **{part: breaks(error)})
        monkeypatch.setattr(reporting, "discover", lambda: known)

    return replace_parts


def test_a_diagnostic_that_cannot_be_drawn_loses_no_report(run, place, broken):
    error = KeyError(("largest", "SASRec"))
    broken(
        summaries=("attention_worth", error),
        findings=("gradient_agreement", RuntimeError("<no>")),
    )
    out, seen = place / "undrawn", place / "undrawn.json"
    only = ["--only", "attention_worth", "gradient_agreement"]
    with pytest.raises(Incomplete) as caught:
        run("--out", str(out), *only, "--progress", str(seen))
    assert caught.value.folder == out
    manifest = json.loads((out / "manifest.json").read_text())
    drawn = manifest["diagnostics"]["attention_worth"]
    undrawn = (
        "The figures could not be made (KeyError: ('largest', 'SASRec')); what was measured is in "
        "raw/attention_worth.parquet."
    )
    assert drawn["findings"][0] == drawn["failures"][0]["sentence"] == undrawn
    assert "in broken" in drawn["failures"][0]["traceback"]
    assert drawn["findings"][1].startswith(("No difference", "Whether", "SASRec"))
    assert drawn["figures"] == []
    assert drawn["tables"] == ["models", "differences"]
    assert len(pd.read_parquet(out / "raw" / "attention_worth.parquet")) == 30 * len(NAMES)
    entry = manifest["diagnostics"]["gradient_agreement"]
    assert [f.split(";")[0] for f in entry["findings"]] == [
        "The findings could not be made (RuntimeError: <no>)"
    ]
    assert "distribution" in entry["figures"]
    page = (out / "report.html").read_text()
    assert undrawn in html.unescape(page)
    assert "<no>" not in page
    assert f"What attention is worth: {undrawn}" in str(caught.value)
    moment = read_progress(seen)
    assert (moment.stage, moment.message) == ("failed", str(caught.value))


def test_a_diagnostic_that_cannot_be_measured_loses_no_report(run, place, broken):
    broken(measure=("attention_worth", WorkbenchError("nobody\nis there")))
    out = place / "unmeasured"
    with pytest.raises(Incomplete, match="What attention is worth: This could not be measured"):
        run("--out", str(out), "--only", "attention_worth", "gradient_agreement")
    stored = open_run(out)
    assert stored.findings("attention_worth") == [
        "This could not be measured (WorkbenchError: nobody is there); nothing else of the report "
        "depends on it."
    ]
    with pytest.raises(WorkbenchError, match="nobody is there"):
        stored.results("attention_worth")
    assert len(stored.results("gradient_agreement").frame)
    assert stored.findings("gradient_agreement")[-1].startswith("Agreement is agreement")


def test_a_conclusion_that_is_named_ends_the_command_otherwise(run, place, monkeypatch):
    def judged(measured):
        names = next(iter(measured.values())).comparison.names
        conclusions = ["can be shown as a reason", *["must not be shown as a reason"] * 2]
        return tuple(
            Verdict(name, "attention", conclusion, "Why.", (), "replacement")
            for name, conclusion in zip(names, conclusions, strict=True)
        )

    monkeypatch.setattr(output, "verdicts", judged)
    given = ["--only", "attention_worth", "--users", "9", "--out"]
    with pytest.raises(WorkbenchError, match="there is none without faithfulness; add it behind"):
        run(*given, str(place / "ungated"), "--fail-on", "must not be shown")
    assert not (place / "ungated").exists()
    given.insert(1, "faithfulness")
    out = run(*given, str(place / "fine"), "--fail-on", "these data")
    assert (
        "SASRec: its attention (mean of layers and heads) can be shown"
        in (out / "report.md").read_text()
    )
    with pytest.raises(Refused, match=NAMES[1]) as caught:
        run(*given, str(place / "refused"), "--fail-on", "must not be shown")
    assert caught.value.code == 3
    assert (caught.value.folder / "report.html").exists()
    with pytest.raises(SystemExit):
        run(*given, str(place / "none"), "--fail-on", "nonsense")
    assert not (place / "none").exists()


def test_a_pipeline_does_not_pass_a_model_that_could_not_be_judged(run, place):
    """Of histories of one item none can matter more than another."""
    data = load_data(place / "small.csv")
    save_model(build_model("SASRec", data, hidden_size=8, max_length=1), place / "one")
    given = ["--only", "faithfulness", "--users", "9", "--out", str(place / "unjudged")]
    with pytest.raises(Refused, match="SASRec has no verdict: none of these users") as caught:
        run(*given, "--fail-on", "must not be shown", models=[str(place / "one")])
    assert caught.value.code == 3
    assert "SASRec has no verdict" in (place / "unjudged" / "report.md").read_text()


def test_where_nothing_can_be_measured_nothing_is_written(run, place, broken):
    broken(measure=("attention_worth", WorkbenchError("nobody is there")))
    with pytest.raises(WorkbenchError, match=r"^nobody is there$"):
        run("--out", str(place / "nothing"), "--only", "attention_worth")
    assert not (place / "nothing").exists()


def test_a_report_that_lacks_a_part_ends_with_code_1_and_says_so(place):
    program = """
from dataclasses import replace
import runpy, sys
from analyses import diagnostic
known = diagnostic.discover()
known["attention_worth"] = replace(known["attention_worth"], summaries=lambda results: 1 / 0)
diagnostic.discover = lambda: known
runpy.run_module("analyses.run_all", run_name="__main__")
"""
    out = place / "code"
    given = ["--data", str(place / "small.csv"), "--models", str(place / "SASRec")]
    given += ["--out", str(out), "--only", "attention_worth", "--users", "5"]
    command = [sys.executable, "-c", program, *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == f"report: {out / 'report.html'}\n"
    assert "ZeroDivisionError: division by zero" in done.stderr.splitlines()[-1]
    assert (out / "report.html").exists()


def test_how_far_it_is_can_be_read_at_any_time(run, place, monkeypatch):
    seen = []
    write = ProgressFile.write

    def keep(file, moment):
        write(file, moment)
        assert read_progress(file.path) == moment
        seen.append(moment)

    monkeypatch.setattr(ProgressFile, "write", keep)
    only = ["attention_worth", "max_attention_removal"]
    path = place / "progress.json"
    out = run("--out", str(place / "watched"), "--only", *only, "--progress", str(path))
    stages = [moment.stage for moment in seen]
    assert list(dict.fromkeys(stages)) == [
        *("reading", "measuring", "drawing", "writing", "finished")
    ]
    assert stages == sorted(stages, key=list(dict.fromkeys(stages)).index)
    for name in only:
        moments = [m for m in seen if m.stage == "measuring" and m.diagnostic == name]
        assert [moments[0].done, moments[-1].done] == [0, 30 * len(NAMES)]
        assert [m.done for m in moments] == sorted(m.done for m in moments)
        assert {m.total for m in moments} == {30 * len(NAMES)}
    drawing = [m for m in seen if m.stage == "drawing"]
    assert sorted(m.diagnostic for m in drawing) == sorted(only)
    assert [(m.done, m.total) for m in drawing] == [(0, 2), (1, 2)]
    assert seen[-1] == Progress("finished", message=str(out / "report.html"))
    assert [p.name for p in place.iterdir() if p.name.startswith(".progress")] == []


def test_why_it_failed_can_be_read(run, place):
    path = place / "failed.json"
    with pytest.raises(WorkbenchError) as caught:
        run("--out", str(place / "no"), "--users", "0", "--progress", str(path))
    assert read_progress(path) == Progress("failed", message=str(caught.value))


def report_of(data: Path | str, folders: list[Path], place: Path, *extra: str) -> Path:
    given = ["--data", str(data), "--models", *map(str, folders), *extra]
    return main([*given, "--out", str(place / "report")], cache=place / "cache")


@pytest.mark.filterwarnings("error:constrained_layout")  # where names leave no room for panels
def test_titles_and_names_are_drawn_as_they_are(tmp_path):
    rows = [row.split(",") for row in ROWS.splitlines()]
    lines = [f"${user}$,{item},{time},$$ {item} \\frac {{" for user, item, time in rows]
    (tmp_path / "money.csv").write_text("user,item,time,title\n" + "\n".join(lines) + "\n")
    data = load_data(tmp_path / "money.csv")
    assert data.title(1).startswith("$$ i")
    folders = [tmp_path / place / "AC-SASRec" for place in ("one", "two", "_$x^$")]
    for folder in folders:
        save_model(build_model("AC-SASRec", data, n_layers=1, hidden_size=8), folder)
    out = report_of(tmp_path / "money.csv", folders, tmp_path)
    manifest = json.loads((out / "manifest.json").read_text())
    # the third of a name is called by its path, slashes and all, which is in names of figures
    last = f"AC-SASRec ({folders[2]})"
    assert list(manifest["models"])[2] == last
    names = manifest["diagnostics"]["attention_maps"]["figures"]
    assert f"stages of {last}" in names
    stored = open_run(out)
    assert len({stored.picture("attention_maps", name, "png") for name in names}) == len(names)
    assert html.escape(last) in (out / "report.html").read_text()


@pytest.mark.skipif(not MONEY.exists(), reason="needs ../shared/cases")
@pytest.mark.filterwarnings("ignore:Glyph")
def test_the_case_of_dollar_titles(tmp_path):
    data = load_data(MONEY)
    assert any("$$" in data.title(item) for item in range(1, data.n_items + 1))
    save_model(build_model("SASRec", data, hidden_size=8, max_length=10), tmp_path / "SASRec")
    out = report_of(MONEY, [tmp_path / "SASRec"], tmp_path, "--only", "attention_maps")
    assert (out / "report.html").exists()


def test_repeats_are_counted(tmp_path):
    rows = "u0,a,0 u0,b,1 u0,a,2 u0,a,3 u1,a,0 u1,b,1 u1,c,2 u2,c,0 u2,b,1 u2,c,2"
    (tmp_path / "small.csv").write_text("user,item,time\n" + rows.replace(" ", "\n") + "\n")
    source = f"{tmp_path / 'small.csv'}?duplicates=keep"
    data = load_data(source)
    save_model(build_model("SASRec", data, hidden_size=8, max_length=10), tmp_path / "SASRec")
    out = report_of(source, [tmp_path / "SASRec"], tmp_path, "--only", "attention_worth")
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["data"]["repeats"] == {"interactions": 3, "held_out": 2}
    page = " ".join((out / "report.html").read_text().split())
    assert "Of 10 interactions, 3 (30.0 %) repeat an item" in page
    assert "of the 3 users measured, the held-out item of 2 (66.7 %) was in the history" in page


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--only", "nonsense"], "known are attention_maps, attention_worth"),
        (["--users", "0"], "--users 0 leaves nobody"),
        (["--seed", "-1"], "--seed -1; give a whole number between 0 and 4294967295"),
        (["--seed", "9" * 23], f"--seed {'9' * 23}; give a whole number between 0 and "),
    ],
)
def test_bad_arguments_end_in_a_sentence(run, place, extra, sentence):
    with pytest.raises(WorkbenchError, match=sentence):
        run("--out", str(place / "bad"), *extra)
    assert not (place / "bad").exists()


def test_a_folder_that_is_no_report_is_left_alone(run, place):
    folder = place / "mine"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    with pytest.raises(WorkbenchError, match="no report"):
        run("--out", str(folder), "--only", "attention_worth")
    assert [p.name for p in folder.iterdir()] == ["letter.txt"]


def test_a_link_to_a_folder_stays_one(run, place):
    (place / "disk").mkdir()
    (place / "link").symlink_to(place / "disk")
    run("--out", str(place / "link"), "--only", "attention_worth", "--users", "5")
    assert (place / "link").is_symlink()
    assert (place / "disk" / "report.html").exists()


def test_a_place_where_no_piece_can_be_kept_is_told_before_anything_is_read(place, monkeypatch):
    (place / "file").touch()
    monkeypatch.setattr(reporting, "read_inputs", breaks(AssertionError("read")))
    given = ["--data", str(place / "small.csv"), "--models", str(place / "SASRec")]
    with pytest.raises(WorkbenchError, match=r"^what is measured is kept in .*; run the command"):
        main([*given, "--out", str(place / "kept")], cache=place / "file" / ".cache")


def begun_by_two(place: Path, data: str) -> subprocess.Popen:
    """A run of two processes; what it says on both streams."""
    given = ["--data", data, "--models", *(str(place / name) for name in NAMES)]
    given += ["--out", str(place / "by-two"), "--processes", "2", "--force"]
    return subprocess.Popen(
        [sys.executable, "-m", "analyses.run_all", *given],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_bad_input_of_two_processes_is_an_error_and_no_stop(place):
    (place / "foreign.csv").write_text("user,item,time\n" + ROWS.replace(",i", ",x") + "\n")
    run = begun_by_two(place, "foreign.csv")
    told, _ = run.communicate()
    assert run.returncode == 2
    begins = [line.split(" ")[0] for line in told.splitlines()]
    assert begins == ["reading", "warning:", "error:"]


def test_who_stops_two_processes_is_told_once_that_it_goes_on(place):
    run = begun_by_two(place, "small.csv")
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("measuring"):
            break
    run.send_signal(signal.SIGTERM)
    told, _ = run.communicate()
    assert (run.returncode, told) == (130, f"{STOPPED}\n")


@pytest.mark.parametrize("given", [["--data", "/nowhere/at/all.csv"], ["--out", "a" * 300]])
def test_the_command_ends_in_one_sentence_and_code_2(given):
    command = [sys.executable, "-m", "analyses.run_all", *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"(reading [^\n]+\n)?error: [^\n]+\n", done.stderr)


def test_on_planted_data_small_models_are_trained_once_and_the_page_says_so(
    place, monkeypatch, tmp_path
):
    trained = []

    def train(model, data, out, **options):
        trained.append(model.config.name)
        save_model(model, out)

    monkeypatch.setattr(inputs, "train", train)
    source = "planted:distance?noise=.3&users=60"
    arguments = ["--data", source, "--only", "attention_worth", "--users", "20", "--out"]
    for name in ("first", "second"):
        folder = main([*arguments, str(tmp_path / name)], cache=tmp_path / "cache")
    assert trained == list(SASREC)
    about = json.loads((folder / "manifest.json").read_text())["data"]
    assert (about["name"], about["users"]) == ("planted-distance", 60)
    assert "trained within a minute on these data" in (folder / "report.html").read_text()


def test_other_seeds_of_a_model_are_in_the_report_and_in_what_is_read_of_it(place, run, tmp_path):
    data = load_data(place / "small.csv")
    how = {"epochs": 1, "progress": False}
    for name in NAMES[:2]:
        for seed in (0, 1):
            model = build_model(name, data, hidden_size=8, max_length=10)
            folder = tmp_path / name / (f"seed-{seed}" if seed else "")
            train(model, data, folder, seed=seed, **how)
    models = [str(tmp_path / name) for name in NAMES[:2]]
    only = ["--only", "attention_worth", "seeds", "attention_maps"]
    stored = open_run(run("--out", str(tmp_path / "report"), *only, models=models))
    assert [*stored.manifest["models"]] == [*NAMES[:2]]
    (sibling,) = stored.manifest["models"]["SASRec"]["siblings"].values()
    assert sibling["source"] == str(tmp_path / "SASRec" / "seed-1")
    assert sibling["card"]["training"]["seed"] == 1
    for name in ("attention_worth", "seeds"):
        results = stored.results(name)
        assert results.comparison.trainings("SASRec") == ["SASRec", "SASRec seed 1"]
        assert discover()[name].findings(results) == stored.findings(name)
        assert any("2 and 2 trainings" in said for said in stored.findings(name))
    assert set(stored.results("attention_maps").frame["model"]) == {*NAMES[:2]}
