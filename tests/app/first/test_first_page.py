"""The first page: the verdicts of the latest report, or how to make one."""

import pytest
from streamlit.testing.v1 import AppTest

from analyses.report.stored import open_run
from tests.app.shown import press, read, sentences, tables
from workbench.app import words
from workbench.app.dataset import starting, stored_results

SCRIPT = "from workbench.app.first.first_page import page; page()"


@pytest.fixture
def open_page(monkeypatch, tmp_path):
    """Open the page with the reports of a folder; an empty one by default."""

    def open_at(reports=tmp_path) -> AppTest:
        monkeypatch.setattr(stored_results, "REPORTS", reports)
        return AppTest.from_string(SCRIPT, default_timeout=120).run()

    return open_at


def test_without_a_report_a_button_starts_one(open_page, monkeypatch):
    started = []
    monkeypatch.setattr(starting, "_start", lambda *given: started.append(given))
    page = open_page()
    assert sentences(page) == []
    assert tables(page) == []
    press(page, "Judge the shipped models")
    ((source, models, users, only),) = started
    assert (source, users) == ("ml-100k", starting.FEW)
    assert "SASRec" in models
    assert "faithfulness" in only


def test_the_verdicts_are_those_of_the_latest_report(open_page, stored_run):
    page = open_page(stored_run.parent)
    assert sentences(page) == []
    run = open_run(stored_run)
    (table,) = tables(page)
    assert [[row[0], row[1], row[-1]] for row in table.rows] == [
        [verdict.model, verdict.conclusion, verdict.to_show] for verdict in run.verdicts()
    ]
    example = run.example()
    assert example is not None
    said = "\n".join(read(text.value) for text in page.markdown)
    assert f"**{example.attended[0].title}**" in said
    for verdict in run.verdicts():
        assert said.count(verdict.why) == 1
    assert words.literal(example.recommended) in "\n".join(t.value for t in page.markdown)
    labels = [link.label for link in page.get("page_link")]
    assert "Look at this user" in labels


def test_a_user_of_models_at_hand_is_shown_without_a_link(open_page, run_at_hand):
    page = open_page(run_at_hand.parent)
    assert sentences(page) == []
    assert len(tables(page)) == 1
    assert "Look at this user" not in [link.label for link in page.get("page_link")]


def test_a_damaged_report_is_passed_over(open_page, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    page = open_page()
    assert sentences(page) == []
    assert "Judge the shipped models" in [button.label for button in page.button]
