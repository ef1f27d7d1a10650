"""A diagnostic's figures and tables, each with what it means and does not, and downloads."""

import pandas as pd
import streamlit as st

from analyses.diagnostic import Diagnostic
from analyses.report.folder import slug
from analyses.report.glossary import GLOSSARY
from analyses.report.stored import StoredRun
from analyses.telling.summaries import Summary
from analyses.telling.wording import capital
from workbench import spreadsheets
from workbench.app import words
from workbench.app.dataset import stored_results
from workbench.app.dataset.stored_results import Answers
from workbench.app.failures import errors_shown
from workbench.app.html_table import plain_frame
from workbench.app.selection import select
from workbench.files import file_name
from workbench.phrases import counted

ACROSS = 2  # panels side by side


def show_figures(
    run: StoredRun, diagnostic: Diagnostic, answers: Answers, across: int = ACROSS, side: str = ""
) -> None:
    """Interactive where there are numbers to draw from, else as the report drew them.

    Parameters
    ----------
    run, diagnostic, answers : what is shown.
    across : panels side by side.
    side : of two slices, the name of the second, which leaves out pictures of all users and whose
        widgets it tells apart; empty for the first.
    """
    others = [
        name
        for name in run.figures(diagnostic.name)
        if name not in answers.summaries and "/" not in name  # which no report writes
    ]
    if not answers.summaries and not others:
        st.info("This diagnostic drew no figure for these models.", icon=":material/info:")
    for name, summary in answers.summaries.items():
        with errors_shown(f"The figure {name}"):
            _heading(diagnostic, name, summary.seen, summary.title)
            _interactive(summary, name, across)
            _downloads(run, diagnostic, name, summary.table, side)
    if others and not side:
        chosen = select(
            "Pictures of single users" if answers.summaries else "Pictures",
            {capital(name): name for name in others},
            key="picture",
            bind="query-params",
            help="As the report drew them, whatever users and layers are chosen above.",
        )
        with errors_shown(f"The figure {chosen}"):
            _heading(diagnostic, str(chosen))
            st.image(run.picture(diagnostic.name, str(chosen), "png"))
            _downloads(run, diagnostic, str(chosen), None)


def show_tables(diagnostic: Diagnostic, answers: Answers, side: str = "") -> None:
    """Every table, folded, each with its caption and a download; `side` as in `show_figures`."""
    for name, table in answers.tables.items():
        with st.expander(f"{words.literal(capital(name))} ({counted(len(table), 'row')})"):
            _caption(diagnostic, name)
            frame = plain_frame(table)
            st.dataframe(frame, hide_index=True, placeholder="", alt=words.plain(name))
            csv_button(table, slug(diagnostic.name, name), f"table{side}")


def show_terms(diagnostic: Diagnostic) -> None:
    """The terms that the captions of a diagnostic use, explained."""
    text = " ".join((diagnostic.question, *diagnostic.captions.values())).lower()
    terms = {
        term: meaning
        for term, meaning in GLOSSARY.items()
        if any(part.strip().lower() in text for part in term.split(","))
    }
    if terms:
        with st.popover("What do the terms mean?", type="tertiary", icon=":material/help:"):
            for term, meaning in terms.items():
                st.markdown(f"**{words.literal(term)}.** {words.literal(meaning)}")


def csv_button(table: pd.DataFrame, stem: str, of: str) -> None:
    """A download of exactly the rows shown.

    Parameters
    ----------
    table : the rows.
    stem : the name of the file, without its ending.
    of : what the table belongs to, for the button's key.
    """
    st.download_button(
        "CSV",
        lambda: spreadsheets.csv(table).encode(),  # which may never be asked for
        file_name=file_name(f"{stem}.csv").lower(),
        mime="text/csv",
        key=f"csv-{of}-{stem}",
        on_click="ignore",
        icon=":material/download:",
        help="The numbers shown.",
    )


def _heading(diagnostic: Diagnostic, name: str, *said: str) -> None:
    """The name of a figure, what is said above it, and its caption."""
    st.markdown(f"#### {words.literal(capital(name))}")
    for text in filter(None, said):
        st.markdown(words.literal(text))
    _caption(diagnostic, name)


def _caption(diagnostic: Diagnostic, name: str) -> None:
    text = diagnostic.caption(name)
    if text:
        st.caption(words.literal(text))


def _interactive(summary: Summary, name: str, across: int) -> None:
    if summary.table.empty:
        st.info("Nothing of the layers and heads chosen; choose others.", icon=":material/info:")
        return
    drawn = list(stored_results.charts_of(summary).items())
    for start in range(0, len(drawn), across):
        shown_here = drawn[start : start + across]
        for column, (panel, chart) in zip(st.columns(len(shown_here)), shown_here, strict=True):
            if panel:
                column.markdown(f"**{words.literal(capital(panel))}**")
            alt = words.plain(f"{summary.title}; {name} {panel}")
            column.vega_lite_chart(chart.rows, chart.spec, width="stretch", alt=alt)


def _downloads(
    run: StoredRun, diagnostic: Diagnostic, name: str, table: pd.DataFrame | None, side: str = ""
) -> None:
    """CSV of the numbers shown, and the report's own picture of all users."""
    stem = slug(diagnostic.name, name)
    with st.container(horizontal=True):
        if table is not None:
            csv_button(table, stem, f"figure{side}")
        for kind, mime in () if side else (("png", "image/png"), ("svg", "image/svg+xml")):
            st.download_button(
                f"Report's {kind.upper()}",
                run.picture(diagnostic.name, name, kind),
                file_name=file_name(f"{stem}.{kind}").lower(),
                mime=mime,
                key=f"{kind}-{stem}",
                on_click="ignore",
                icon=":material/download:",
                help="As the report drew it: of all users, layers and heads, whatever is chosen.",
            )
