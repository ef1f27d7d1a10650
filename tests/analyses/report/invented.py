"""A report that is made up: two models with a verdict each, one diagnostic, one user."""

import numpy as np
import pandas as pd

from analyses.conclusions import CONCLUSIONS, Answer
from analyses.diagnostic import Diagnostic
from analyses.questions import Question
from analyses.report.one_user import Item, OneUser
from analyses.report.page import Report
from analyses.report.sections import Failure, Section
from analyses.running.repeats import Repeats
from analyses.running.results import Results, Rows
from analyses.telling.summaries import Summary
from analyses.verdict import Verdict
from tests.workbench.tiny import data_of
from workbench.statistics import Interval

KEYS = ("used", "history", "necessary", "pointing", "learned", "stable")
ANSWERS: tuple[Answer, ...] = ("yes", "no", "cannot tell")


def verdict(model: str, k: int) -> Verdict:
    """A verdict with the k-th conclusion."""
    questions = tuple(
        Question(
            key,
            ANSWERS[(place + k) % 3],
            f"By NDCG@10 <{key}> it is (n = 60 users).",
            Interval(0.5, 0.25, 0.75, 60) if place % 2 else None,
            Interval(np.nan, np.nan, np.nan, 0) if place == 3 else None,
        )
        for place, key in enumerate(KEYS)
    )
    told = ("Whether another seed says the same.", f"What {model} is for.")
    gain = Interval(1.5, 1.25, 1.75, 60)
    return Verdict(
        model=model,
        reduction="attention",
        conclusion=CONCLUSIONS[k],
        why="Why.",
        questions=questions,
        instead="replacement",
        found="Found.",
        gain=gain,
        control="recency",
        beyond=Interval(0.5, 0.25, 0.75, 60),
        cannot_tell=told,
    )


def section() -> Section:
    """A section with findings, a figure whose second interval has no ends, and a table."""
    marks = pd.DataFrame(
        {"panel": "", "row": ["largest", "random"], "series": "a|b", "estimate": [0.5, 0.125]}
        | {"low": [0.25, np.nan], "high": [0.75, np.nan], "n": [60, 60]}
    )
    table = pd.DataFrame(
        {"model": ["a|b"], "n users": [1943], "tau": [0.5], "tau low": [0.25], "tau high": [0.75]}
    )
    diagnostic = Diagnostic(
        name="made_up",
        title="Made up",
        question="Is attention uniform attention?",
        measure=lambda model, cases, *, seed: pd.DataFrame(),
        findings=lambda results: ["NDCG@10 <falls>.", "As the paper reports, NDCG@10 falls."],
        tables=lambda results: {"numbers": table},
        summaries=lambda results: {
            "effects": Summary("dots", "Effects", "change", ("a|b",), marks)
        },
        captions={"effects": "What it shows."},
    )
    made = Section.of(diagnostic, Results(Rows([pd.DataFrame()]), None))  # type: ignore[arg-type]
    assert made.failures == []
    return made


def report(*, verdicts: bool = True, failing: bool = False) -> Report:
    """The report, with or without verdicts, and with a part that could not be made."""
    data = data_of([1, 2, 3], [2, 3, 4])
    judged = tuple(verdict(model, k) for k, model in enumerate(("a|b", "<b>")[: 2 * verdicts]))
    history = (Item(1, "<old>", 75.0, -0.25), Item(2, "new", 25.0, 0.5))
    example = OneUser("a|b", "u7", "attention", "replacement", "next", history)
    made = section()
    if failing:
        made.failures.append(Failure("It failed.", "Traceback"))
    manifest = {"created": "today", "command": "python", "seed": 0, "versions": {"python": "3"}}
    manifest |= {"models": {"a|b": {"weights": "1f"}}, "data": {"provenance": {}}}
    return Report(
        data=data,
        n_users=2,
        models=pd.DataFrame({"model": ["a|b", "<b>"], "ndcg@10": [0.5, np.nan]}),
        repeats=Repeats(0, 0),
        verdicts=judged,
        in_short=judged[0] if judged else None,
        example=example if judged else None,
        sections=[made],
        unjudged=[],
        notices=["A notice."],
        exclusions=["Nobody."],
        manifest=manifest,
    )
