"""How often a verdict was wrong on planted data."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from analyses import reliability as module
from analyses.conclusions import BESIDE, CONCLUSIONS, NOT, OPEN, SHOWN
from analyses.judging.judgement import summarised
from analyses.reliability import is_obvious, reliability
from analyses.verdict import Verdict
from tests.analyses.report.invented import verdict
from workbench.statistics import Interval


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """Eight models: seeds that choose the rule do not count."""
    table = pd.DataFrame(
        [
            ("confirming", "all", 128, SHOWN, False, "faithful"),
            ("confirming", "all", 128, SHOWN, False, "unfaithful"),
            ("confirming", "16", 16, SHOWN, False, "unfaithful"),
            ("confirming", "all", 50, SHOWN, False, "faithful"),
            ("confirming", "all", 50, SHOWN, True, "unfaithful"),
            ("confirming", "all", 50, BESIDE, False, "partly"),
            ("confirming", "all", 50, NOT, True, "faithful"),
            ("choosing", "all", 128, NOT, False, "faithful"),
        ],
        columns=["role", "measured users", "sampled users", "conclusion", "obvious", "label"],
    )
    made = summarised(table, "the command")
    assert (made["command"], made["models"]) == ("the command", 6)
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(made))
    monkeypatch.setattr(module, "SUMMARY", path)
    module._summary.cache_clear()
    yield
    module._summary.cache_clear()


def on_data(conclusion: str, low: float) -> Verdict:
    """A verdict where a control names what matters most, for so many users at least."""
    made = verdict("a", CONCLUSIONS.index(conclusion))
    control = Interval(low + 0.05, low, low + 0.1, 60)
    questions = [replace(q, control=control) if q.key == "pointing" else q for q in made.questions]
    return replace(made, questions=tuple(questions))


LIKE = (
    "On planted data whose causes are known and in which, as here, {} control such as the last "
    "item is known to name what matters most for more than 75 % of the users, 1 model got this "
    "verdict; it was wrong for {} ({}; on 50 users each; versions of fewer trainings, so that the "
    "interval is rather too narrow). Faithful attention was recognised in {} of 1 model there that "
    "had it."
)


def test_cases_are_those_with_the_same_conclusion_on_no_more_users_of_such_data():
    """The verdict stands on 60 users."""
    known = reliability(on_data(SHOWN, 0.25))
    assert known.users == 50
    parts = "1 faithful, 0 partly, 0 unfaithful"
    assert known.sentence == LIKE.format("no", "0, or 0.0 [0.0, 97.5] %", parts, 1)


def test_where_a_control_names_what_matters_most_others_are_counted():
    known = reliability(on_data(SHOWN, 0.8))
    parts = "0 faithful, 0 partly, 1 unfaithful"
    assert known.sentence == LIKE.format("a", "1, or 100.0 [2.5, 100.0] %", parts, 0)
    assert reliability(on_data(NOT, 0.8)).counts["faithful"] == 1


def test_what_a_control_names_has_to_be_known():
    assert is_obvious(on_data(SHOWN, 0.76))
    assert not is_obvious(on_data(SHOWN, 0.75))
    assert not is_obvious(verdict("a", CONCLUSIONS.index(SHOWN)))  # it has no interval


def test_what_leaves_it_open_is_not_wrong():
    known = reliability(on_data(BESIDE, 0.25))
    assert "1 model got this verdict: 0 faithful, 1 partly, 0 unfaithful" in known.sentence
    assert "wrong" not in known.sentence


def test_what_was_never_concluded_is_said():
    for conclusion, low in ((OPEN, 0.25), (OPEN, 0.8), (BESIDE, 0.8)):
        assert "no model got this verdict" in reliability(on_data(conclusion, low)).sentence
    known = reliability(on_data(NOT, 0.25))
    assert "no model got this verdict" in known.sentence  # seeds that chose the rule do not count


def test_data_in_which_nothing_is_faithful_are_said_to_be_such(kept):
    made = json.loads(module.SUMMARY.read_text())
    for case in made["cases"]:
        case["faithful"] = 0
    module.SUMMARY.write_text(json.dumps(made))
    said = reliability(on_data(SHOWN, 0.25)).sentence
    assert said.endswith("No model there had faithful attention.")
