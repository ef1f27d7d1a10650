"""What is shown of a stored run: as the report has it, and the same however it is parted."""

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analyses.diagnostic import discover
from analyses.report.folder import MANIFEST
from analyses.report.stored import StoredRun, open_run
from analyses.running import store
from tests.analyses.pieces import stored_in_pieces
from workbench.app.dataset import stored_results
from workbench.app.dataset.stored_results import Choice
from workbench.errors import WorkbenchError

KNOWN = discover()
SOME = np.array([0, 2, 3, 5, 6, 7, 9, 11])


@pytest.fixture(scope="module")
def parted(stored_run, tmp_path_factory) -> StoredRun:
    """The same run with three pieces of each model, none of which stays in memory."""
    return stored_in_pieces(stored_run, tmp_path_factory.mktemp("parted") / "run", [3, 8])


@pytest.fixture
def left_in_file(monkeypatch):
    monkeypatch.setattr(store, "HELD", 2)


def assert_same(
    found: dict[str, pd.DataFrame],
    expected: dict[str, pd.DataFrame],
    *,
    rtol: float = 1e-9,
    atol: float = 0,
) -> None:
    assert list(found) == list(expected)
    for name, table in found.items():
        pd.testing.assert_frame_equal(
            table.reset_index(drop=True),
            expected[name].reset_index(drop=True),
            check_dtype=False,
            check_categorical=False,
            check_column_type=False,
            rtol=rtol,
            atol=atol,
        )


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_said_of_all_users_is_the_reports_to_the_last_bit(stored_run, name):
    run = open_run(stored_run)
    answers = stored_results.answers_for(run, KNOWN[name], Choice())
    results = run.results(name)
    summaries = KNOWN[name].summaries(results)
    exactly = {"rtol": 0, "atol": 0}
    drawn = ({k: s.table for k, s in each.items()} for each in (answers.summaries, summaries))
    assert_same(*drawn, **exactly)
    for summary, expected in zip(answers.summaries.values(), summaries.values(), strict=True):
        assert replace(summary, table=expected.table) == expected
        assert summary.seen == expected.seen
    assert_same(answers.tables, KNOWN[name].tables(results), **exactly)
    assert answers.findings == run.findings(name)
    assert answers.n_users == results.rows.n_users


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_said_of_some_users_does_not_depend_on_pieces(
    stored_run, parted, left_in_file, name
):
    pieces = parted.results(name).rows.source.pieces
    assert not any(isinstance(piece, pd.DataFrame) for piece in pieces)
    choice = Choice(users=SOME)
    found, expected = (
        stored_results.answers_for(run, KNOWN[name], choice)
        for run in (parted, open_run(stored_run))
    )
    assert found.findings == expected.findings
    assert found.n_users == expected.n_users
    assert_same(found.tables, expected.tables, atol=0.0011)  # what is rounded for reading
    drawn = ({k: s.table for k, s in each.summaries.items()} for each in (found, expected))
    assert_same(*drawn, atol=1e-9)


@pytest.mark.parametrize("name", KNOWN)
def test_the_numbers_of_users_do_not_depend_on_pieces(stored_run, parted, left_in_file, name):
    runs = parted, open_run(stored_run)
    kept = [stored_results.kept_of_users(run, name) for run in runs]
    assert kept[0] == kept[1]
    conditions = {column: values[-1] for column, values in kept[0].conditions.items()}
    users = [stored_results.chosen(run, name, Choice(users=SOME)) for run in runs]
    assert users[0].tolist() == users[1].tolist()
    tables = [stored_results.numbers_of_users(run, name, users[0], conditions) for run in runs]
    pd.testing.assert_frame_equal(*tables)
    assert stored_results.lengths(runs[0], name) == stored_results.lengths(runs[1], name)


def test_a_report_of_another_schema_is_refused(stored_run, tmp_path):
    shutil.copytree(stored_run, tmp_path / "run")
    path = tmp_path / "run" / MANIFEST
    manifest = json.loads(path.read_text())
    for other, told in (({"schema": 2}, "2"), ({}, "unknown")):
        path.write_text(json.dumps({k: v for k, v in manifest.items() if k != "schema"} | other))
        with pytest.raises(WorkbenchError, match=rf"\(schema {told}, and 3 is read\); run the rep"):
            open_run(tmp_path / "run")


def test_a_run_that_was_made_again_is_shown_as_it_is(stored_run, tmp_path):
    shutil.copytree(stored_run, tmp_path / "run")
    run, path = open_run(tmp_path / "run"), tmp_path / "run" / MANIFEST
    assert stored_results.as_it_is(run).manifest == run.manifest
    path.write_text(json.dumps(run.manifest | {"created": "later"}))
    assert stored_results.as_it_is(run).manifest["created"] == "later"
    path.unlink()
    with pytest.raises(WorkbenchError, match="no report here"):
        stored_results.as_it_is(run)


def test_the_figures_of_all_users_are_shown_without_their_table(stored_run, tmp_path, monkeypatch):
    monkeypatch.setattr(StoredRun, "results", None)
    answers = stored_results.answers_for(open_run(stored_run), KNOWN["seeds"], Choice())
    assert answers.summaries or answers.tables


def test_reports_of_folders_named_at_the_start_are_listed_after_those_here(
    stored_run, tmp_path, monkeypatch
):
    for place in ("here/mine", "named", "more/theirs"):
        shutil.copytree(stored_run, tmp_path / place)
    monkeypatch.setattr(stored_results, "REPORTS", tmp_path / "here")
    monkeypatch.setattr(
        sys, "argv", ["app", f"--allow={tmp_path / 'named'}", "--allow", str(tmp_path / "more")]
    )
    listed = stored_results.stored_runs()
    assert listed == [tmp_path / place for place in ("here/mine", "named", "more/theirs")]
    assert [run.folder for run in stored_results.judged_runs()] == listed
