"""The verdicts of a run, as the report gives them: in words, and six answers of each model."""

from collections.abc import Sequence

import streamlit as st

from analyses.conclusions import NOT, SHOWN
from analyses.questions import Question
from analyses.report.one_user import OneUser
from analyses.report.together import NAMED_HEADS, Together, together
from analyses.verdict import Verdict, part_in_words
from workbench.app import words
from workbench.app.html_table import show_table
from workbench.explore.markup import Cell, Head

MARKS = {SHOWN: ":green[**{}**]", NOT: ":red[**{}**]"}  # other conclusions stay in black


def conclusion(verdict: Verdict) -> str:
    """What is concluded of a model, as Markdown."""
    return _marked(verdict, verdict.headline)


def _marked(verdict: Verdict, text: str) -> str:
    """Text in the colour of what is concluded, as Markdown."""
    return MARKS.get(verdict.conclusion, "**{}**").format(words.literal(text))


def _concluded(group: Together) -> str:
    """What is concluded of models of which the same is said, and why, as Markdown."""
    return f"{_marked(group.verdicts[0], group.headline)} {words.literal(group.why)}"


def show_verdict_table(verdicts: Sequence[Verdict]) -> None:
    """A row per model: what is concluded, by which shares, what to show; each reason once."""
    alike = Together(tuple(verdicts))
    heads = [
        Head("Model", kind="text"),
        Head("Its attention", kind="prose"),
        *(Head(name, kind="prose") for name in NAMED_HEADS[1:]),
        Head("Show", kind="prose"),
    ]
    rows = [
        [
            Cell(verdict.model, hover=verdict.part, strong=True),
            Cell(verdict.conclusion),
            *map(Cell, named),
            Cell(verdict.to_show, hover=verdict.shown_instead),
        ]
        for verdict, (_, *named) in zip(verdicts, alike.rows, strict=True)
    ]
    show_table("Whether the attention of each model can be shown as a reason", heads, rows)
    st.caption(alike.note)
    for group in together(verdicts):
        st.markdown(_concluded(group))


def show_example(example: OneUser) -> None:
    """A recommendation: what attention points at, beside what moves the score."""
    said = (
        f"For example, {words.literal(example.model)} recommends "
        f"{words.strong(example.recommended)} to user {words.literal(example.user)}."
    )
    if not example.attended or not example.moving:
        st.markdown(f"{said} {words.literal(example.told)}")
        return
    named, moving = example.attended[0], example.moving[0]
    titles = [words.literal(item.title) for item in (named, moving)]
    part = part_in_words(example.reduction)
    said += f" Its attention ({part}) points most at **{titles[0]}**"
    if named.place == moving.place:
        said += ", without which the score falls most, too."
    else:
        falls = "falls less than" if named.effect > 0 else "does not fall, as it does"
        more = sum(item.effect > max(named.effect, 0) for item in example.items)
        said += (
            f"; the score falls most without **{titles[1]}**. Without the former it {falls} "
            f"without {more} of the {len(example.items)} items of the history."
        )
    st.markdown(said)


def show_verdicts(verdicts: Sequence[Verdict]) -> None:
    """What can be said of each model's attention; nothing where none was measured."""
    if not verdicts:
        return
    st.subheader("Can attention be shown as a reason?")
    for group in together(verdicts):
        with st.container(border=True):
            st.markdown(_concluded(group))
            if group.rows:
                heads = [Head(name, kind="prose") for name in NAMED_HEADS]
                rows = [[Cell(text) for text in row] for row in group.rows]
                show_table(f"What attention names: {group.headline}", heads, rows)
                st.caption(group.note)
            st.markdown(words.literal(group.instead))
            if group.often:
                st.caption(words.literal(group.often))
    heads = [
        Head("Question", kind="prose", stays=True),
        *(Head(verdict.model, kind="text") for verdict in verdicts),
    ]
    rows = [
        [
            Cell(question.asked),
            *(_answer(verdict.questions[k]) for verdict in verdicts),
        ]
        for k, question in enumerate(verdicts[0].questions)
    ]
    show_table("Six questions, and the answer for each model", heads, rows)
    with st.expander("In sentences, with what to show instead"):
        for verdict in verdicts:
            said = [f"{q.asked} {q.answer}. {q.sentence}" for q in verdict.questions]
            st.markdown(f"**{words.literal(verdict.model)}**")
            st.markdown(
                "\n".join(f"- {words.literal(text)}" for text in (verdict.shown_instead, *said))
            )


def _answer(question: Question) -> Cell:
    return Cell(question.answer, hover=question.sentence, below=question.numbers)
