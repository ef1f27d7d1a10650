"""The verdict on the page of a stored run is that of the report."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from analyses.conclusions import BESIDE, NOT
from analyses.questions import Question
from analyses.report.one_user import Item, OneUser
from analyses.verdict import Verdict
from tests.app.shown import read, tables
from workbench.statistics import Interval


def shown() -> None:
    """A page with one verdict."""
    from tests.app.dataset.test_verdict_cards import JUDGED
    from workbench.app.dataset.verdict_cards import show_verdicts

    show_verdicts([JUDGED])


def shown_together() -> None:
    """A page with the verdicts of four models, of which three are alike."""
    from tests.app.dataset.test_verdict_cards import FOUR
    from workbench.app.dataset.verdict_cards import show_verdicts

    show_verdicts(FOUR)


JUDGED = Verdict(
    model="my [model](x)",
    reduction="attention layer 2",
    conclusion=NOT,
    why="What it names moves nothing.",
    questions=(Question("pointing", "no", "It names the item for 3 %."),),
    instead="replacement",
)


def test_words_answers_and_sentences_are_shown_literally():
    app = AppTest.from_function(shown).run()
    assert not app.exception
    texts = [read(each.value) for each in app.markdown]
    assert any("must not be shown as a reason" in text for text in texts)
    assert any("Show instead: replacement" in text for text in texts)
    assert any("It names the item for 3 %" in text for text in texts)
    assert not any("[model](x)" in each.value for each in app.markdown)  # it would be a link
    (table,) = tables(app)
    assert table.heads == ["Question", "my [model](x)"]
    assert table.rows == [[JUDGED.questions[0].asked, "no"]]
    assert "It names the item for 3 %." in table.hovers


NUMBERED = replace(
    JUDGED.questions[0],
    estimate=Interval(0.25, 0.125, 0.5, 40),
    control=Interval(0.5, 0.4, 0.6, 40),
)
FOUR = [
    replace(JUDGED, model="A", questions=(NUMBERED,)),
    replace(JUDGED, model="B", reduction="attention layer 1 head 2", questions=(NUMBERED,)),
    replace(JUDGED, model="C", conclusion=BESIDE, why="It points."),
    replace(JUDGED, model="D", instead="saliency", questions=(NUMBERED,)),
]


def test_models_that_are_alike_share_a_card():
    app = AppTest.from_function(shown_together).run()
    assert not app.exception
    texts = [read(each.value) for each in app.markdown]
    assert sum(JUDGED.why in text for text in texts) == 1
    (card,) = (text for text in texts if JUDGED.why in text)
    assert "A, B and D: attention must not be shown as a reason." in card
    assert tables(app)[0].rows == [
        ["A", "25 [12, 50] %", "50 [40, 60] %", "layer 2, mean of heads"],
        ["B", "25 [12, 50] %", "50 [40, 60] %", "layer 1, head 2"],
        ["D", "25 [12, 50] %", "50 [40, 60] %", "layer 2, mean of heads"],
    ]
    assert "Show instead: for A and B, replacement; for D, saliency." in texts
    assert FOUR[2].shown_instead in texts  # of one model, with its numbers
    told = [each.value for each in app.caption]
    assert sum("planted data" in text for text in told) == 1
    for verdict in FOUR:  # of all, below
        assert any(text.startswith(f"- {verdict.shown_instead}") for text in texts)


def shown_at_first() -> None:
    """The table of the first page, and an example."""
    from tests.app.dataset.test_verdict_cards import EXAMPLE, FOUR
    from workbench.app.dataset.verdict_cards import show_example, show_verdict_table

    show_verdict_table(FOUR)
    show_example(EXAMPLE)


EXAMPLE = OneUser(
    *("A", "u_1", "attention layer 2", "replacement", "Up *there*"),
    (Item(1, "Old", 10.0, 0.5), Item(2, "Newer", 30.0, 0.2), Item(3, "Last", 60.0, -0.1)),
)


def test_the_first_table_has_the_shares_of_all_models():
    app = AppTest.from_function(shown_at_first).run()
    assert not app.exception
    (table,) = tables(app)
    numbers = ["25 [12, 50] %", "50 [40, 60] %"]
    assert [row[2:4] for row in table.rows] == [numbers, numbers, ["", ""], numbers]
    assert "percentages are of 40 users, each half" in app.caption[0].value
    said = read(app.markdown[-1].value)
    assert "points most at **Last**; the score falls most without **Old**." in said


@pytest.mark.parametrize(
    ("attention", "effects", "told"),
    [
        ((100 / 3,) * 3, (0.5, 0.2, -0.1), "gives all items the same weight"),
        ((10.0, 30.0, 60.0), (-0.5, 0.0, -0.1), "The score falls without no item."),
    ],
)
def test_an_example_that_names_nothing_says_so(monkeypatch, attention, effects, told):
    items = [
        replace(item, attention=weight, effect=effect)
        for item, weight, effect in zip(EXAMPLE.items, attention, effects, strict=True)
    ]
    monkeypatch.setattr(
        "tests.app.dataset.test_verdict_cards.EXAMPLE", replace(EXAMPLE, items=tuple(items))
    )
    app = AppTest.from_function(shown_at_first).run()
    assert not app.exception
    said = read(app.markdown[-1].value)
    assert said.startswith("For example, A recommends **Up *there*** to user u_1. ")
    assert told in said


def test_an_answer_stands_with_its_numbers():
    _, table = tables(AppTest.from_function(shown_together).run())
    numbered = "no" + "".join(NUMBERED.numbers)
    assert table.rows == [[NUMBERED.asked, numbered, numbered, "no", numbered]]
    assert len(NUMBERED.numbers) == 3
