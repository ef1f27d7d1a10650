"""The verdict of each model of a run, as the report gives it: in words, and six answers."""

from collections.abc import Sequence

import streamlit as st

from analyses.conclusions import NOT, SHOWN
from analyses.report.one_user import OneUser
from analyses.verdict import Verdict, part_in_words
from workbench.app import words
from workbench.app.html_table import show_table
from workbench.explore.markup import Cell, Head
from workbench.phrases import listing

MARKS = {SHOWN: ":green[**{}**]", NOT: ":red[**{}**]"}  # other conclusions stay in black


def conclusion(verdict: Verdict) -> str:
    """What is concluded of a model, as Markdown."""
    return _marked(verdict, verdict.headline)


def _marked(verdict: Verdict, text: str) -> str:
    """Text in the colour of what is concluded, as Markdown."""
    return MARKS.get(verdict.conclusion, "**{}**").format(words.literal(text))


def show_verdict_table(verdicts: Sequence[Verdict]) -> None:
    """A row per model: what is concluded, and what to show instead; then each reason, once."""
    heads = [
        Head("Model", kind="text"),
        Head("Its attention", kind="text"),
        Head("Show instead", kind="title"),
    ]
    rows = [
        [
            Cell(verdict.model, hover=verdict.part, strong=True),
            Cell(verdict.conclusion),
            Cell(verdict.to_show, hover=verdict.shown_instead),
        ]
        for verdict in verdicts
    ]
    show_table("Whether the attention of each model can be shown as a reason", heads, rows)
    reasons: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        mark = _marked(verdict, verdict.conclusion)
        reasons.setdefault((mark, verdict.why), []).append(words.literal(verdict.model))
    for (mark, why), models in reasons.items():
        st.markdown(f"{listing(models)}: attention {mark}. {words.literal(why)}")


def show_example(example: OneUser) -> None:
    """A recommendation: what attention points at, beside what moves the score."""
    named, moving = example.attended[0], example.moving[0]
    place = 1 + sum(item.effect > named.effect for item in example.items)
    titles = [words.literal(item.title) for item in (named, moving)]
    recommended = words.literal(example.recommended)
    part = part_in_words(example.reduction)
    said = (
        f"For example, {words.literal(example.model)} recommends **{recommended}** to user "
        f"{words.literal(example.user)}. Its attention ({part}) points most at **{titles[0]}**"
    )
    if named.place == moving.place:
        said += ", without which the score falls most, too."
    else:
        said += (
            f"; what moves the score most is **{titles[1]}**. Without the former the score falls "
            f"less than without {place - 1} of the {len(example.items)} items of the history."
        )
    st.markdown(said)


def show_verdicts(verdicts: Sequence[Verdict]) -> None:
    """What can be said of each model's attention; nothing where none was measured."""
    if not verdicts:
        return
    st.subheader("Can attention be shown as a reason?")
    for verdict in verdicts:
        with st.container(border=True):
            st.markdown(conclusion(verdict))
            st.markdown(words.literal(f"{verdict.why} {verdict.shown_instead}"))
    heads = [Head("Question", kind="title"), *(Head(v.model, kind="text") for v in verdicts)]
    rows = [
        [
            Cell(question.asked, hover=question.asked),
            *(Cell(v.questions[k].answer, hover=v.questions[k].sentence) for v in verdicts),
        ]
        for k, question in enumerate(verdicts[0].questions)
    ]
    show_table("Six questions, and the answer for each model", heads, rows)
    with st.expander("The answers in sentences"):
        for verdict in verdicts:
            st.markdown(f"**{words.literal(verdict.model)}**")
            st.markdown(
                "\n".join(
                    f"- {words.literal(f'{q.asked} {q.answer}. {q.sentence}')}"
                    for q in verdict.questions
                )
            )
