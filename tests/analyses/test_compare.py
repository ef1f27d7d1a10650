"""Two reports side by side: paired by user, decided together, refused where nothing is alike."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from markdown_it import MarkdownIt

from analyses.compare import main
from analyses.conclusions import NOT
from analyses.diagnostic import discover
from analyses.questions import Question
from analyses.report import side_by_side
from analyses.report.output import write_report
from analyses.report.sections import Section
from analyses.report.side_by_side import changes, compared
from analyses.report.stored import open_run
from analyses.run_all import main as run_all
from analyses.running import store
from analyses.running.comparison import Comparison, Part
from analyses.running.inputs import inputs_at_hand
from analyses.running.measuring import measured
from analyses.running.results import Results, Rows
from analyses.verdict import Verdict
from tests.analyses.pieces import stored_in_pieces
from workbench import build_model, load_data, save_model
from workbench.errors import WorkbenchError

SMALL = {"n_layers": 2, "n_heads": 1, "hidden_size": 8, "inner_size": 8, "max_length": 8}
ROOT = Path(__file__).parents[2]
LEARNED = "learned|*a* _b_"  # the name of a model


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Of the same users, before and after the weights of a model were drawn anew."""
    place = tmp_path_factory.mktemp("compare")
    rows = [f"u{u},i{(u * 5 + t) % 11},{t}" for u in range(12) for t in range(8)]
    (place / "small.csv").write_text("\n".join(["user,item,time", *rows, ""]))
    data = load_data(place / "small.csv")
    made = []
    for seed, folder in enumerate(("before", "after")):
        torch.manual_seed(seed)
        save_model(build_model("SASRec", data, hidden_size=8, max_length=10), place / folder)
        given = ["--data", str(place / "small.csv"), "--models", str(place / folder)]
        given += ["--only", "attention_worth", "faithfulness"]
        given += ["--out", str(place / "runs" / folder)]
        made.append(run_all(given, cache=place / "cache"))
    return made


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """Of two models, with every diagnostic, before and after one was drawn anew."""
    place = tmp_path_factory.mktemp("everything")
    data = load_data("planted:content?users=24&items=40&length=9&shortest=4")
    users = np.arange(24)
    for seed, folder in enumerate(("before", "after")):
        models = {}
        for name, kind, drawn in ((LEARNED, "SASRec", seed), ("even", "SASRec-uniform", 7)):
            torch.manual_seed(drawn)
            models[name] = build_model(kind, data, **SMALL).eval()
        inputs = inputs_at_hand(models, data, users)
        found = [measured(each, inputs, 0, None) for each in discover().values()]
        sections = [Section(each.diagnostic) for each in found]
        write_report(place / folder, inputs, found, sections, command="", seed=0, start=0)
    return place / "before", place / "after"


def results(ndcg: np.ndarray, model: str = "a", first: int = 0) -> Results:
    frame = pd.DataFrame(
        {"model": model, "user": first + np.arange(len(ndcg)), "rank": 5, "hit": 1.0, "ndcg": ndcg}
    )
    return Results(Rows([frame]), Comparison({model: Part("plain", "SASRec", model)}))


def test_what_changed_is_paired_over_the_users_of_both():
    generator = np.random.default_rng(0)
    ndcg = generator.random(60)
    better = ndcg[20:] + generator.random(40)
    found = changes(
        discover()["attention_worth"],
        results(ndcg),
        results(better, "b", first=20),
        {"a": "b"},
    )
    by_measure = {each.measure: each for each in found}
    change = by_measure["NDCG@10"]
    assert (change.model, change.difference.n) == ("b", 40)
    assert change.difference.estimate == pytest.approx((better - ndcg[20:]).mean())
    assert change.before == pytest.approx(ndcg[20:].mean())
    assert change.difference.low > 0
    assert by_measure["rank"].difference.estimate == 0


def test_a_report_beside_itself_has_not_changed(reports):
    text = main([str(reports[0]), str(reports[0])])
    assert "No change was detected among 3 comparisons" in text


def test_single_models_are_matched_whatever_they_are_called(reports):
    before, after = map(open_run, reports)
    text = compared(before, after)
    lines = [line for line in text.splitlines() if line.startswith("| ") and "NDCG@10" in line]
    (cells,) = [line.strip("| ").split(" | ") for line in lines]
    frames = [run.results("attention_worth").frame.set_index("user") for run in (before, after)]
    means = [frame["ndcg"].mean() for frame in frames]
    assert [float(cell) for cell in cells[2:4]] == pytest.approx(means, abs=5e-5)
    assert cells[-1] == "12"


def test_names_of_models_are_shown_literally(everything):
    """What Markdown reads as its own breaks no table."""
    shown = MarkdownIt().enable("table").render(compared(*map(open_run, everything)))
    rows = [row.count("<td>") for row in shown.split("<tr>")[1:] if "<td>" in row]
    assert set(rows) == {6}
    assert f"<td>{LEARNED}</td>" in shown


def test_what_changed_does_not_depend_on_pieces(everything, tmp_path, monkeypatch):
    parted = [stored_in_pieces(run, tmp_path / run.name, [5, 17]) for run in everything]
    monkeypatch.setattr(store, "HELD", 2)
    for name in discover():
        pieces = parted[0].results(name).rows.source.pieces
        assert len(pieces) >= 6
        assert not any(isinstance(piece, pd.DataFrame) for piece in pieces)
    told = compared(*map(open_run, everything))
    again = compared(*parted)
    for run, one in zip(everything, parted, strict=True):
        again = again.replace(str(one.folder), str(run))
    assert again == told


def test_the_smallest_change_is_compared_for_everybody(everything):
    known, (before, after) = discover()["smallest_change"], map(open_run, everything)
    given = [run.results(known.name) for run in (before, after)]
    found = changes(known, *given, {name: name for name in before.comparison.names})
    size = next(each for each in found if each.measure == "items taken away")
    frames = [each.rows.where(model=size.model).once(["user"], ["size"]) for each in given]
    sizes = [frame.set_index("user")["size"] for frame in frames]
    assert size.difference.n == (sizes[0] - sizes[1]).notna().sum() > 10
    assert size.difference.estimate == pytest.approx((sizes[1] - sizes[0]).mean())


def test_a_setting_of_a_condition_is_no_measure(everything):
    """How many weights are removed is not decided beside what that does to a user."""
    known, (before, after) = discover()["max_attention_removal"], map(open_run, everything)
    given = [run.results(known.name) for run in (before, after)]
    found = changes(known, *given, {name: name for name in before.comparison.names})
    measured = ["change of NDCG@10", "top-1 changed", "JSD (nats)", "weight taken"]
    measured += ["rank before", "rank after"]
    assert [each.measure for each in found if each.model == LEARNED] == measured


def test_verdicts_of_other_users_and_other_attention_say_so(tmp_path, monkeypatch):
    data = load_data("planted:content?users=40&items=40&length=9&shortest=4")
    models = {"a": build_model("SASRec", data, **SMALL).eval()}
    for folder, users in (("before", np.arange(24)), ("after", np.arange(12, 40))):
        inputs = inputs_at_hand(models, data, users)
        found = [measured(discover()["faithfulness"], inputs, 0, None)]
        sections = [Section(each.diagnostic) for each in found]
        write_report(tmp_path / folder, inputs, found, sections, command="", seed=0, start=0)
    before, after = open_run(tmp_path / "before"), open_run(tmp_path / "after")
    told = "They stand on 24 users before and 28 users after, of whom 12 are the same"
    assert told in compared(before, after)
    assert "Both stand on the same 24 users." in compared(before, before)
    reductions = iter(["layer 2", "layer 2 head 1"])

    def judged(measured):
        question = Question("used", "no", "NDCG@10 falls by 0.")
        return (Verdict("a", next(reductions), NOT, "Why.", (question,), "replacement"),)

    monkeypatch.setattr(side_by_side, "verdicts", judged)
    told = f"a: {NOT}, as before (layer 2 head 1; before: layer 2)."
    assert told in compared(before, before)


def test_what_became_of_a_verdict_is_told(reports, monkeypatch):
    answers = iter([("must not be shown as a reason", "no"), ("can be shown as a reason", "yes")])

    def judged(measured):
        conclusion, answer = next(answers)
        question = Question("used", answer, "NDCG@10 falls by 0.02.")
        return (Verdict("SASRec", "attention", conclusion, "Why.", (question,), "replacement"),)

    monkeypatch.setattr(side_by_side, "verdicts", judged)
    text = main([str(folder) for folder in reports])
    assert "can be shown as a reason; before: must not be shown as a reason" in text
    assert "Does ranking need learned attention? Yes; before: no. NDCG@10 falls by 0.02." in text


def test_reports_of_other_data_are_refused(reports, tmp_path):
    manifest = json.loads((reports[1] / "manifest.json").read_text())
    manifest["data"]["checksum"] = "another"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(WorkbenchError, match="different data"):
        compared(open_run(reports[0]), open_run(tmp_path))


def test_where_nobody_reads_on_the_end_is_silent(reports):
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "analyses.compare", *map(str, reports)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=writes, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writes)
    assert done.returncode == 1
    assert done.stderr == f"reading {reports[0]} and {reports[1]}\n"


def test_a_folder_that_is_no_report_ends_in_one_sentence(tmp_path, reports):
    command = [sys.executable, "-m", "analyses.compare", str(reports[0]), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{tmp_path}: no report here" in done.stderr
