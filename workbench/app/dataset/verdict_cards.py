"""The verdict of each model of a run, as the report gives it: in words, and six answers."""

from collections.abc import Sequence

import streamlit as st

from analyses.report.wording import span
from analyses.verdict import NOT, SHOWN, Verdict
from workbench.app import words
from workbench.app.html_table import Cell, Head, show_table

MARKS = {SHOWN: ":green[**{}**]", NOT: ":red[**{}**]"}  # other conclusions stay in black


def show_verdicts(verdicts: Sequence[Verdict]) -> None:
    """What can be said of each model's attention; nothing where none was measured."""
    if not verdicts:
        return
    st.subheader("Can attention be shown as a reason?")
    for verdict in verdicts:
        gain = verdict.gain
        better = f", better than attention by {span(gain, 3, sign=True)} nats" if gain else ""
        with st.container(border=True):
            mark = MARKS.get(verdict.conclusion, "**{}**")
            st.markdown(mark.format(words.literal(verdict.headline)))
            st.markdown(
                f"{words.literal(verdict.why)} Show instead: "
                f"{words.literal(verdict.instead + better)}."
            )
    heads = [Head("Question", kind="text"), *(Head(v.model, kind="text") for v in verdicts)]
    rows = [
        [
            Cell(question.key, hover=question.asked),
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
