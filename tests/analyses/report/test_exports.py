import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analyses.questions import QUESTIONS
from analyses.report.exports import as_json, as_markdown
from analyses.report.folder import SCHEMA
from tests.analyses.report.invented import KEYS, report


@pytest.fixture(scope="module")
def content():
    return json.loads(as_json(report(failing=True)), parse_constant=lambda name: pytest.fail(name))


def test_every_number_stands_under_its_key(content):
    assert content["schema"] == SCHEMA
    verdict = content["verdicts"]["a|b"]
    assert verdict["conclusion"] == "can be shown as a reason"
    assert verdict["gain"] == {"estimate": 1.5, "low": 1.25, "high": 1.75, "n": 60, "nonzero": 0}
    assert list(verdict["questions"]) == list(KEYS)
    pointing = verdict["questions"]["pointing"]
    assert (pointing["answer"], pointing["estimate"]["low"]) == ("yes", 0.25)
    diagnostic = content["diagnostics"]["made_up"]
    assert diagnostic["findings"][0] == "NDCG@10 <falls>."
    assert diagnostic["failures"] == ["It failed."]
    figure = diagnostic["figures"]["effects"]
    assert figure["seen"].startswith("Highest: largest (0.500)")
    assert figure["marks"][0] == {
        "panel": "",
        "row": "largest",
        "series": "a|b",
        "estimate": 0.5,
        "low": 0.25,
        "high": 0.75,
        "n": 60,
    }
    assert diagnostic["tables"]["numbers"][0]["tau high"] == 0.75
    assert content["example"]["items"][1]["effect"] == 0.5


def test_every_key_is_documented(content):
    page = (Path(__file__).parents[3] / "docs" / "report.md").read_text(encoding="utf-8")
    verdict = content["verdicts"]["a|b"]
    parts = [content, verdict, verdict["questions"]["pointing"], content["example"]]
    parts += [verdict["reliability"], content["diagnostics"]["made_up"]]
    for part in parts:
        for key in part:
            assert f"`{key}`" in page or f"`{key}.NAME`" in page, key


def test_what_is_no_number_is_null(content):
    marks = content["diagnostics"]["made_up"]["figures"]["effects"]["marks"]
    assert marks[1]["low"] is None
    assert content["models"]["<b>"]["ndcg@10"] is None
    assert content["verdicts"]["a|b"]["questions"]["pointing"]["control"]["n"] == 0


def test_a_report_without_verdicts_has_the_same_keys(content):
    bare = json.loads(as_json(report(verdicts=False)))
    assert bare.keys() == content.keys()
    assert bare["verdicts"] == {}
    assert bare["example"] is None


def test_the_text_has_the_verdict_first_and_whole_tables():
    text = as_markdown(report())
    names = "Verdict", "In short", "The six questions", "Findings", "Models", "The rule", "Terms"
    places = [text.index(f"## {name}") for name in names]
    assert places == sorted(places)
    history = QUESTIONS["history"]
    assert f"| {history.question} ({history.line}) | no (+0.500 [+0.250, +0.750]; n = " in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [len(line.replace("\\|", "").split("|")) for line in rows]
    tables = [
        list(group) for group in np.split(np.array(cells), np.flatnonzero(np.diff(cells)) + 1)
    ]
    assert all(len(set(table)) == 1 for table in tables)
    assert "a\\|b" in text
    assert pd.Series(rows).str.contains("1,943").sum() == 1
