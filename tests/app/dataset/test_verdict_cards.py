"""The verdict on the page of a stored run is that of the report."""

from streamlit.testing.v1 import AppTest

from analyses.conclusions import NOT
from analyses.questions import Question
from analyses.verdict import Verdict
from tests.app.shown import read, tables


def shown() -> None:
    """A page with one verdict."""
    from tests.app.dataset.test_verdict_cards import JUDGED
    from workbench.app.dataset.verdict_cards import show_verdicts

    show_verdicts([JUDGED])


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
