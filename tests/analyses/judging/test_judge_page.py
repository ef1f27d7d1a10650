"""What the page of the judge says and draws."""

import numpy as np
import pandas as pd
import pytest

from analyses.conclusions import NOT, OPEN, SHOWN
from analyses.judging import judge_page
from analyses.judging.judgement import scores
from analyses.judging.signals import DECISIONS, NUMBERS
from analyses.judging.verdict_rows import QUESTIONS, VERDICT_NUMBERS


def verdicts():
    """Ten models on 128 users and on 16, of which one faithful is missed, one other believed."""
    said = [SHOWN, SHOWN, NOT, SHOWN, NOT, NOT, NOT, NOT]
    label = ["faithful"] * 3 + ["unfaithful"] * 5
    rows = [
        {
            "role": "confirming",
            "rule": "content",
            "users": 2000,
            "difficulty": "default",
            "model": "SASRec",
            "version": "as trained",
            "measured users": users,
            "reduction": "attention",
            "conclusion": conclusion if users == "all" else OPEN,
            "obvious": k == 2,
            "label": truth,
            "found": 0.9,
            "hit@1": 0.9,
        }
        | {key: "yes" for key in QUESTIONS}
        | {f"{name}{end}": k / 8 for name in VERDICT_NUMBERS for end in ("", " low", " high")}
        | {name: k / 8 for name in NUMBERS}
        | {name: True for name in DECISIONS.values()}
        for users in ("all", "16")
        for k, (conclusion, truth) in enumerate(zip(said, label, strict=True))
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def tables():
    judged = verdicts()
    evidence = judge_page.evidence(
        pd.DataFrame(
            {
                "rule": ["content"] * 4 + ["distance"] * 2,
                "importance": ["attention", "saliency"] * 3,
                "model": ["a", "a", "b", "b", "a", "a"],
                "top1": [1.0, 0.5, 0.25, 0.0, 0.75, 0.5],
            }
        )
    )
    return {
        "verdicts": judged,
        "wrong": judge_page.wrong(judged),
        "evidence": evidence,
        **scores(judged),
    }


def test_error_rates_are_told_with_those_who_stand_in_the_way(tables):
    said = judge_page.sentences(tables)
    assert "20 % [1, 72] of 5 unfaithful models were called believable" in said[0]
    assert "67 % [9, 99] of 3 faithful ones were recognised" in said[0]
    assert said[1].endswith("were called believable: SASRec (as trained) on content: 1.")
    assert len(tables["wrong"]) == 2  # on fewer users is not counted


def test_errors_are_told_apart_by_whether_what_matters_most_is_obvious(tables):
    table = judge_page.figures(tables)["errors by case"].table
    told = table[table["series"] == "faithful, recognised"].set_index("row")["estimate"]
    assert told["obvious: yes"] == 0
    assert told["obvious: no"] == 1


def test_on_fewer_users_it_cannot_tell(tables):
    table = judge_page.figures(tables)["too few users"].table
    told = table.set_index(["series", "at"])["estimate"]
    assert told[("faithful", 16)] == 1
    assert told[("faithful", 128)] == 0


def test_what_finds_the_cause_by_rule_and_model(tables):
    row = tables["evidence"].set_index(["rule", "importance"]).loc[("distance", "attention")]
    assert row["a"] == 0.75
    assert np.isnan(row["b"])
    figure = judge_page.heatmap(tables["evidence"])
    title = " ".join(figure.get_suptitle().split())  # whatever lines it has
    assert "attention ranks the cause first most often (0.67" in title


def test_the_page_asks_for_nothing(tables):
    summaries = judge_page.figures(tables)
    page = judge_page.render(tables, summaries, judge_page.drawn(tables, summaries), "the command")
    assert "<pre>the command</pre>" in page
    assert "http" not in page.replace("http://www.w3.org", "")
