"""Verdicts that say the same share a card."""

from dataclasses import replace

import pytest

from analyses.conclusions import BESIDE, CONCLUSIONS, NOT, SHOWN
from analyses.questions import Question
from analyses.report import together as module
from analyses.report.exports import as_markdown
from analyses.report.page import render
from analyses.report.together import Together, together
from analyses.verdict import Verdict
from tests.analyses.report.invented import report
from workbench.statistics import Interval

POINTING = Question(
    "pointing",
    "no",
    "It names the item for 25 %.",
    Interval(0.25, 0.125, 0.5, 40),
    Interval(0.9, 0.8, 0.95, 40),
)
A = Verdict(
    model="A",
    reduction="attention layer 2",
    conclusion=NOT,
    why="What it names moves nothing.",
    questions=(POINTING,),
    instead="replacement",
    found="Its attention names it for 25 %.",
    part_share=Interval(0.4, 0.3, 0.5, 40),
)
B = replace(A, model="B", reduction="attention", instead="saliency", part_share=None)
C = replace(A, model="C", conclusion=BESIDE, why="It points.")


@pytest.fixture(autouse=True)
def counted(monkeypatch):
    """How often each conclusion is wrong is known."""

    class Known:
        def __init__(self, verdict):
            self.sentence = f"Often wrong: {verdict.model[-1] == 'x'}."

    monkeypatch.setattr(module, "reliability", Known)


def test_those_that_conclude_the_same_for_one_reason_are_told_together():
    first, second = together([A, C, B])
    assert (first.verdicts, second.verdicts) == ((A, B), (C,))
    assert first.headline == "A and B: attention must not be shown as a reason."
    assert first.why == "What it names moves nothing."
    assert first.instead == "Show instead: for A, replacement; for B, saliency."
    assert first.rows == [
        ("A", "25 [12, 50] %", "90 [80, 95] %", "layer 2, mean of heads: 40 [30, 50] %"),
        ("B", "25 [12, 50] %", "90 [80, 95] %", "mean of layers and heads"),
    ]


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        (
            (40, 40),
            "; percentages are of 40 users, each half of them judged by the part of attention",
        ),
        ((40, 1_128), "; percentages are of 40 to 1,128 users, each half of them "),
        ((None, None), " loses most."),
    ],
)
def test_the_note_says_on_how_many_users_the_rows_stand(sizes, said):
    def of(n: int | None) -> Verdict:
        estimate = None if n is None else Interval(0.25, 0.125, 0.5, n)
        return replace(A, questions=(replace(POINTING, estimate=estimate),))

    assert said in Together(tuple(map(of, sizes))).note


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ((0.1, 0.2), "What does better still: for A, replacement; for B, saliency."),
        ((-0.1, 0.2), "What does better still: for B, saliency."),
        ((-0.1, -0.2), "Nothing else does detectably better."),
    ],
)
def test_beside_attention_that_can_be_shown_stands_what_is_known_to_do_better(gains, said):
    some = tuple(
        replace(each, conclusion=SHOWN, gain=Interval(low + 1, low, low + 2, 40))
        for each, low in zip((A, B), gains, strict=True)
    )
    assert Together(some).instead == said


def test_one_is_told_with_its_numbers():
    (alone,) = together([A])
    assert alone.headline == A.headline
    assert alone.why == f"{A.why} {A.found}"
    assert alone.instead == A.shown_instead
    assert alone.rows == []


@pytest.mark.parametrize("conclusion", CONCLUSIONS)
def test_every_conclusion_of_several_is_a_sentence_as_that_of_one_is(conclusion):
    some = tuple(replace(each, conclusion=conclusion) for each in (A, B))
    _, said = some[0].headline.split("its attention (layer 2, mean of heads) ")
    assert Together(some).headline == f"A and B: attention {said}"


def test_how_often_a_verdict_is_wrong_is_told_once():
    other = replace(A, model="x")
    groups = together([A, C, other])
    assert [group.often for group in groups] == ["Often wrong: False.", "", "Often wrong: True."]
    assert [group.verdicts for group in groups] == [(A,), (C,), (other,)]


def test_without_what_was_measured_its_cells_are_empty():
    bare = replace(A, questions=())
    rows = Together((bare, replace(bare, model="B"))).rows
    assert [row[1:3] for row in rows] == [("", "")] * 2


def test_page_and_text_have_a_row_for_each():
    made = replace(report(), verdicts=(A, B))
    for text in (render(made), as_markdown(made)):
        assert text.count(A.why) == 1
        assert text.count("25 [12, 50] %") >= 2
        assert text.count("Often wrong: False.") == 1
