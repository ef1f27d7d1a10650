"""The page of a whole data set, without a browser: a stored run, and one started and stopped."""

import time
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from analyses import reporting, run_all
from analyses.diagnostic import discover
from analyses.report.stored import open_run
from analyses.shortcomings import Incomplete
from tests.app.shown import press, read, sentences
from workbench import load_data
from workbench.app import words
from workbench.app.dataset import per_user, starting, stored_results
from workbench.app.dataset.runs import Run
from workbench.app.jobs import Jobs
from workbench.errors import WorkbenchError

SCRIPT = """
from workbench.app.failures import errors_shown
from workbench.app.dataset.dataset_page import page
with errors_shown("This page"):
    page()
"""


def page(**address) -> AppTest:
    shown = AppTest.from_string(SCRIPT, default_timeout=120)
    for key, value in address.items():
        shown.query_params[key] = value
    return shown.run()


def said(shown: AppTest) -> str:
    return "\n".join([e.label for e in shown.expander] + [m.value for m in shown.markdown])


@pytest.mark.parametrize("diagnostic", ["Max-attention removal", "Gradient agreement"])
def test_a_stored_run_is_shown(stored_run, diagnostic):
    shown = page(run=str(stored_run), diagnostic=diagnostic)
    assert sentences(shown) == []
    assert "12 of 12 users" in said(shown)
    run = open_run(stored_run)
    for name in run.manifest["diagnostics"]:
        assert all(words.literal(text) in said(shown) for text in run.findings(name))
    assert diagnostic in [s.value for s in shown.subheader]


def test_tables_are_those_of_the_report(stored_run):
    shown = page(run=str(stored_run), diagnostic="What attention is worth", show="Tables")
    assert sentences(shown) == []
    report = pd.read_csv(stored_run / "tables" / "attention-worth-models.csv")
    tables = [frame.value for frame in shown.dataframe]
    assert any(
        len(t) == len(report) and t["Hit@10"].tolist() == report["Hit@10"].tolist() for t in tables
    )


def test_users_are_told_by_their_ids(stored_run):
    shown = page(run=str(stored_run), diagnostic="What attention is worth", show="Users")
    assert sentences(shown) == []
    assert {f"u{k}" for k in range(12)} == set(shown.dataframe[-1].value["user"])


def test_users_of_models_at_hand_are_shown_and_cannot_be_opened(run_at_hand):
    shown = page(run=str(run_at_hand), diagnostic="What attention is worth", show="Users")
    assert sentences(shown) == []
    assert {f"u{k}" for k in range(12)} == set(shown.dataframe[-1].value["user"])
    assert "cannot be opened" in [said.value for said in shown.info][-1]
    assert not any("opens the user" in caption.value for caption in shown.caption)


def test_lengths_count_the_whole_history(stored_run, films, monkeypatch):
    """The data as if each history were forty items longer, of which the models read nothing."""
    run, data = open_run(stored_run), load_data(films)
    longer = replace(
        data,
        items=np.concatenate([np.r_[[1] * 40, data.history(u)] for u in range(data.n_users)]),
        times=None,
        offsets=data.offsets + 40 * np.arange(data.n_users + 1),
    )
    monkeypatch.setattr(stored_results, "data_of", lambda run: longer)
    assert stored_results.lengths(run, "attention_worth") == (64, 64)
    worth = discover()["attention_worth"]
    choice = stored_results.Choice((60, 64))
    assert stored_results.answers_for(run, worth, choice).n_users == 12
    everyone = stored_results.chosen(run, worth.name, choice)
    numbers = stored_results.numbers_of_users(run, worth.name, everyone, {})
    assert numbers["length"].tolist() == [64] * 12

    def gone(run):
        raise WorkbenchError("gone")

    monkeypatch.setattr(stored_results, "data_of", gone)
    assert stored_results.lengths(run, "attention_worth") is None


def test_many_users_are_shown_a_page_at_a_time(stored_run, monkeypatch):
    monkeypatch.setattr(per_user, "PAGE", 5)
    shown = page(run=str(stored_run), diagnostic="What attention is worth", show="Users")
    assert shown.dataframe[-1].value["user"].tolist() == [f"u{k}" for k in range(5)]
    shown.selectbox(key="users_page").set_value("3 of 3").run()
    assert shown.dataframe[-1].value["user"].tolist() == ["u10", "u11"]
    shown.selectbox(key="users_by").set_value("NDCG@10 · SASRec").run()
    shown.toggle(key="users_highest").set_value(True).run()
    shown.selectbox(key="users_page").set_value("1 of 3").run()
    assert sentences(shown) == []
    raw = pd.read_parquet(stored_run / "raw" / "attention_worth.parquet")
    best = raw[raw["model"] == "SASRec"].sort_values(["ndcg", "user"], ascending=[False, True])
    assert shown.dataframe[-1].value["user"].tolist() == [f"u{k}" for k in best["user"][:5]]


RIGHT, WRONG = "Right: AC-SASRec", "Wrong: AC-SASRec"


@pytest.mark.parametrize("show", ["Figures", "Tables", "Users"])
@pytest.mark.parametrize("diagnostic", ["What attention is worth", "Max-attention removal"])
def test_two_slices_stand_side_by_side(stored_run, diagnostic, show):
    address = {"slice": RIGHT, "beside": WRONG, "show": show}
    shown = page(run=str(stored_run), diagnostic=diagnostic, **address)
    assert sentences(shown) == []
    ranks = pd.read_parquet(stored_run / "raw" / "attention_worth.parquet")
    ranks = ranks[ranks["model"] == "AC-SASRec"]
    right = {f"u{user}" for user in ranks["user"][ranks["rank"] <= 10]}
    assert 0 < len(right) < 12
    counts = [f"n = {n}**" for n in (len(right), 12 - len(right))]
    assert [c for m in shown.markdown for c in counts if m.value.endswith(c)] == counts
    cautions = [text for w in shown.warning if "chosen by the ranks" in (text := read(w.value))]
    assert [f"its Hit@10 is {hit} by" in text for hit, text in zip((1, 0), cautions, strict=True)]
    if show == "Users":
        first, second = (set(frame.value["user"]) for frame in shown.dataframe[-2:])
        assert (first, second) == (right, {f"u{k}" for k in range(12)} - right)


def test_every_diagnostic_tells_of_the_two_users_of_a_list(stored_run):
    shown = page(run=str(stored_run), slice="A list of users", listed_users="u3, u4, nobody")
    for name in open_run(stored_run).manifest["diagnostics"]:
        for show in ("Figures", "Tables", "Users"):
            shown.session_state["show"] = show
            shown.button_group(key="diagnostic").set_value(discover()[name].title).run()
            assert sentences(shown) == []
            assert discover()[name].title in [s.value for s in shown.subheader]
            assert "n = 2**" in said(shown)
            assert "nobody" in [w.value for w in shown.warning][-1]


def _lengths() -> None:
    from types import SimpleNamespace
    from typing import Any

    import streamlit as st

    from workbench.app.dataset import dataset_page, stored_results

    stored_results.lengths = lambda run, diagnostic: (2, 387)
    run: Any = None
    asked: Any = SimpleNamespace(name="faithfulness")
    st.text(str(dataset_page._choose_lengths(run, asked)))


def test_lengths_that_no_user_of_a_question_has_do_not_stop_the_page(monkeypatch):
    monkeypatch.setattr(stored_results, "lengths", stored_results.lengths)  # put back afterwards
    shown = AppTest.from_function(_lengths, default_timeout=120)
    shown.session_state["lengths"] = (2, 736)
    shown.run()
    assert not shown.exception
    assert shown.text[0].value == "None"


@pytest.mark.parametrize(("ids", "n"), [("", "0 measured users"), ("u3", "1 measured user ")])
def test_too_few_users_are_told_beside_what_is_not(stored_run, ids, n):
    shown = page(run=str(stored_run), beside="A list of users", listed_users=ids)
    (sentence,) = sentences(shown)
    assert n in sentence
    assert "choose other users" in sentence
    assert "n = 12**" in said(shown)


def test_the_same_users_may_stand_twice(stored_run):
    shown = page(run=str(stored_run), diagnostic="Max-attention removal", beside="All users")
    assert sentences(shown) == []
    assert said(shown).count("n = 12**") == 2


def test_a_slice_that_the_run_does_not_have_is_all(stored_run):
    shown = page(run=str(stored_run), slice="Right: Nobody's")
    assert sentences(shown) == []
    assert shown.selectbox(key="slice").value == "All users"


def test_a_new_run_proposes_what_the_run_shown_stands_on(
    stored_run, films, models, tmp_path, monkeypatch
):
    started = []
    monkeypatch.setattr(starting, "_start", lambda *given: started.append(given))
    shown = page(run=str(stored_run))
    assert shown.selectbox(key="start_data").value == str(films)
    assert shown.multiselect(key="start_models").value == [str(model) for model in models]
    press(shown, "Start")
    shown.toggle(key="start_all").set_value(True)
    press(shown, "Start")
    assert [given[:3] for given in started] == [
        (str(films), [str(model) for model in models], users) for users in (starting.FEW, None)
    ]
    other = page(run=str(tmp_path))  # which holds no report
    assert other.selectbox(key="start_data").value == "ml-100k"


def test_what_was_not_found_is_an_empty_cell(stored_run):
    shown = page(run=str(stored_run), diagnostic="Smallest change", show="Users")
    assert sentences(shown) == []
    assert [frame.proto.placeholder for frame in shown.dataframe] == [""]
    assert shown.dataframe[0].proto.HasField("placeholder")


def test_a_folder_without_a_report_ends_in_one_sentence(tmp_path):
    (sentence,) = sentences(page(run=str(tmp_path)))
    assert "no report here" in sentence


def test_a_report_that_lacks_what_failed_is_shown(films, models, tmp_path, monkeypatch):
    known = discover()

    def broken(*given, **named):
        raise KeyError("no $x$ here")

    for name, part in (("attention_worth", "measure"), ("max_attention_removal", "summaries")):
        known[name] = replace(known[name], **{part: broken})
    monkeypatch.setattr(reporting, "discover", lambda: known)
    out = tmp_path / "films"
    given = ["--data", str(films), "--models", *models, "--out", str(out)]
    only = ["--only", "attention_worth", "max_attention_removal", "calibration_variants"]
    with pytest.raises(Incomplete):
        run_all.main([*given, *only], cache=tmp_path / "cache")
    why = "This could not be measured (KeyError: 'no $x$ here')"
    shown = page(run=str(out))
    assert words.literal(why) in said(shown)
    (sentence,) = sentences(shown)
    assert why in sentence
    shown = page(run=str(out), diagnostic="The parts of the calibration")
    assert sentences(shown) == []
    assert words.literal("The figures could not be made") in said(shown)
    shown = page(run=str(out), diagnostic="Max-attention removal", show="Tables")
    assert sentences(shown) == []
    assert len(shown.dataframe)


def wait(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_run_is_started_and_cancelled_and_leaves_nothing_half_written(films, models, tmp_path):
    arguments = ["--data", str(films), "--models", *models]
    runs = Jobs()
    (run,) = runs.start(lambda: Run(tmp_path / "mine", arguments, ["max_attention_removal"]))
    assert runs.of(Run) == [run]
    run.cancel()
    assert not run.alive
    assert "Cancelled" in str(run.failure())
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_cannot_be_told_why(tmp_path):
    run = Run(tmp_path / "mine", ["--data", "/nowhere.csv"], ["attention_worth"])
    wait(lambda: not run.alive)
    assert "/nowhere.csv" in str(run.failure())


def test_too_many_runs_at_once_are_refused(films, models, tmp_path):
    runs = Jobs()
    arguments = ["--data", str(films), "--models", *models]
    try:
        for name in ("one", "two"):
            runs.start(partial(Run, tmp_path / name, arguments, ["max_attention_removal"]))
        with pytest.raises(WorkbenchError, match="2 jobs are under way"):
            runs.start(partial(Run, tmp_path / "three", arguments, ["attention_worth"]))
    finally:
        runs.cancel_all()
