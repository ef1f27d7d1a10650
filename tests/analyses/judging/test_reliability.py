"""How often a verdict was wrong on planted data."""

import json

import pandas as pd
import pytest

from analyses.conclusions import BESIDE, CONCLUSIONS, NOT, OPEN, SHOWN
from analyses.judging import reliability as module
from analyses.judging.reliability import reliability, summarised
from tests.analyses.report.invented import verdict


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """Six models: seeds that choose the rule do not count."""
    table = pd.DataFrame(
        [
            ("confirming", "all", 128, SHOWN, "faithful"),
            ("confirming", "all", 128, SHOWN, "unfaithful"),
            ("confirming", "16", 16, SHOWN, "unfaithful"),
            ("confirming", "all", 50, SHOWN, "faithful"),
            ("confirming", "all", 50, BESIDE, "partly"),
            ("choosing", "all", 128, NOT, "faithful"),
        ],
        columns=["role", "measured users", "sampled users", "conclusion", "label"],
    )
    made = summarised(table, "the command")
    assert (made["command"], made["models"]) == ("the command", 4)
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(made))
    monkeypatch.setattr(module, "SUMMARY", path)
    module._summary.cache_clear()
    yield
    module._summary.cache_clear()


def test_cases_are_those_with_the_same_conclusion_on_no_more_users():
    """The verdict stands on 60 users."""
    known = reliability(verdict("a", CONCLUSIONS.index(SHOWN)))
    assert known.users == 50
    assert known.sentence == (
        "Of 1 model of planted data, whose causes are known, that got this verdict, it was wrong "
        "for 0, 0.000 [0.000, 0.975] (1 faithful, 0 partly, 0 unfaithful; on 50 users each)."
    )


def test_what_leaves_it_open_is_not_wrong():
    known = reliability(verdict("a", CONCLUSIONS.index(BESIDE)))
    assert "1 model got this verdict: 0 faithful, 1 partly, 0 unfaithful" in known.sentence


def test_what_was_never_concluded_is_said():
    known = reliability(verdict("a", CONCLUSIONS.index(OPEN)))
    assert "no model got this verdict" in known.sentence
    known = reliability(verdict("a", CONCLUSIONS.index(NOT)))
    assert "no model got this verdict" in known.sentence  # seeds that chose the rule do not count
