"""Whole data set: what the diagnostics of a stored run say of all users, and of some."""

import os
from contextlib import suppress
from pathlib import Path

import streamlit as st

from analyses.diagnostic import Diagnostic, discover
from analyses.report.stored import StoredRun, open_run
from workbench.app import places, words
from workbench.app.dataset import starting, stored_results
from workbench.app.dataset.figures import ACROSS, show_figures, show_tables, show_terms
from workbench.app.dataset.slice_choices import choose_slices
from workbench.app.dataset.slices import Slice
from workbench.app.dataset.stored_results import Answers, Choice
from workbench.app.dataset.users import show_users
from workbench.app.dataset.verdict_cards import show_verdicts
from workbench.app.failures import errors_shown
from workbench.errors import WorkbenchError

NO_RUN = """No run is stored yet. Start one with **New run** above, or in a terminal:

```bash
python -m analyses.run_all
```"""


def page() -> None:
    """Choose a run; verdict and findings on top, then one diagnostic's figures, tables, users."""
    st.header("What holds over all users?")
    if ended := starting.ended():
        st.session_state["run"] = _shown(ended.out)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        folder = _choose_run()
        if st.session_state.pop(starting.BEGUN, False):
            st.session_state["new_run"] = False  # closed, since it would hide the progress
        with st.popover("New run", icon=":material/add:", key="new_run", on_change="rerun"):
            run = _opened(folder)
            starting.show_form(run)
    starting.show_progress()
    if folder is None:
        st.info(NO_RUN, icon=":material/info:")
        return
    with errors_shown(folder):
        run = run or open_run(places.run(folder))  # which says why it could not be opened
        _facts(run)
        show_verdicts(stored_results.verdicts_of(run))
        _findings(run)
        known = {
            d.title: d for name, d in discover().items() if name in run.manifest["diagnostics"]
        }
        if not known:
            st.info("None of the diagnostics of this run is known here; run the report again.")
            return
        _asked(run, known)


def _opened(folder: str | None) -> StoredRun | None:
    """The run of a folder; None where it cannot be opened, which is told below."""
    with suppress(WorkbenchError, OSError, places.Outside):
        return open_run(places.run(folder)) if folder else None
    return None


@st.fragment
def _asked(run: StoredRun, known: dict[str, Diagnostic]) -> None:
    """One diagnostic; all that stands above stays as it is when another is asked for."""
    title = st.segmented_control(
        "Diagnostic",
        list(known),
        default=next(iter(known)),
        required=True,
        key="diagnostic",
        bind="query-params",
    )
    with errors_shown(str(title)):
        _diagnostic(stored_results.as_it_is(run), known[str(title)])


def _shown(folder: Path) -> str:
    """A folder as it is shown and typed: from here, where that is shorter."""
    relative = os.path.relpath(folder)
    return str(folder) if relative.startswith("..") else relative


def _choose_run() -> str | None:
    """A folder that is known to hold a report, or any path that is typed or in the address."""
    known = [_shown(path) for path in stored_results.stored_runs()]
    asked = st.session_state.get("run") or st.query_params.get("run")
    if asked and asked not in known:
        known.append(asked)
    if known and not asked:
        st.session_state["run"] = known[0]
    chosen = st.selectbox(
        "Run",
        known,
        index=None,  # a default would not be in the address, and another run by tomorrow
        accept_new_options=True,
        placeholder="Type the folder of a run",
        key="run",
        help="A folder that `python -m analyses.run_all` wrote; those under reports/ are listed, "
        "the latest first, then those of folders named by --allow.",
        bind="query-params",
    )
    return words.typed(chosen) or None


def _facts(run: StoredRun) -> None:
    told_users, data = run.manifest["users"], run.manifest["data"]
    measured, of = (told_users.get(key) for key in ("measured", "of"))
    models = ", ".join(words.literal(str(name)) for name in run.manifest["models"])
    st.markdown(
        f"**{words.literal(str(data.get('name')))}**: {measured:,} of {of:,} users, "
        f"{models}. Made {words.literal(run.manifest['created'])}."
    )
    for notice in run.manifest["notices"]:
        st.warning(words.literal(str(notice)))


def _findings(run: StoredRun) -> None:
    """The sentences of every diagnostic, as in the report."""
    st.subheader("Findings", help="On all users measured; brackets hold 95 % intervals.")
    titles = {name: d.title for name, d in discover().items()}
    for name in run.manifest["diagnostics"]:
        first, *others = run.findings(name) or ["Nothing was found."]
        title = titles.get(name, name.replace("_", " "))
        said = f"**{words.literal(title)}.** {words.literal(first)}"
        if others:
            with st.expander(said):
                st.markdown("\n".join(f"- {words.literal(text)}" for text in others))
        else:
            st.container(border=True).markdown(said)


def _diagnostic(run: StoredRun, diagnostic: Diagnostic) -> None:
    st.subheader(diagnostic.title, help=diagnostic.question)
    st.markdown(f"*{words.literal(diagnostic.question)}*")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        lengths = _choose_lengths(run, diagnostic)
        slices = choose_slices(run, diagnostic.name)
        layers, heads = _choose_parts(run, diagnostic)
    show_terms(diagnostic)
    shown = st.segmented_control(
        "Show",
        ["Figures", "Tables", "Users"],
        default="Figures",
        required=True,
        key="show",
        bind="query-params",
        label_visibility="collapsed",
    )
    if len(slices) > 1 and shown == "Figures":
        st.caption("The figures of each side have scales of their own; compare their numbers.")
    columns = st.columns(len(slices))
    for k, (column, (name, part)) in enumerate(zip(columns, slices, strict=True)):
        with column, errors_shown(f"{name}: the {str(shown).lower()}"):
            choice = Choice(lengths, None if part is None else part.users, layers, heads)
            answers = stored_results.answers_for(run, diagnostic, choice)
            if len(slices) > 1 or part is not None or lengths is not None:
                _say_who(name, part, lengths, answers)
            side = "" if k == 0 else " beside"
            if shown == "Figures":
                across = ACROSS if len(slices) == 1 else 1
                show_figures(run, diagnostic, answers, across, side)
            elif shown == "Tables":
                show_tables(diagnostic, answers, side)
            else:
                show_users(run, diagnostic, choice, side)


def _say_who(
    name: str, part: Slice | None, lengths: tuple[int, int] | None, answers: Answers
) -> None:
    """Who the users of a slice are, and what the diagnostic finds of them."""
    said = [name] + ([] if part is None else [part.said])
    if lengths is not None:
        said.append(f"Histories of {lengths[0]} to {lengths[1]} items")
    st.markdown(f"**{words.literal('. '.join(said))}. n = {answers.n_users:,}**")
    if part is not None and part.caution:
        st.warning(words.literal(part.caution))
    st.markdown("\n".join(f"- {words.literal(text)}" for text in answers.findings))


def _choose_lengths(run: StoredRun, diagnostic: Diagnostic) -> tuple[int, int] | None:
    """Lengths of the shortest and the longest history; None for all."""
    span = stored_results.lengths(run, diagnostic.name)
    if span is None or span[0] == span[1]:
        return None
    held = st.session_state.get("lengths", span)
    if not span[0] <= held[0] <= held[1] <= span[1]:  # of another question, asked of others
        del st.session_state["lengths"]
    low, high = st.slider(
        "Items in the history",
        *span,
        value=span,
        key="lengths",
        help="Only users with so many items before the held-out one.",
        bind="query-params",
        width=280,
    )
    return None if (low, high) == span else (int(low), int(high))


def _choose_parts(
    run: StoredRun, diagnostic: Diagnostic
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Layers and heads by name; none where all are shown."""
    every = stored_results.answers_for(run, diagnostic, Choice())
    parts = {
        part: st.pills(
            f"{part.capitalize()}s",
            every.parts(part),
            selection_mode="multi",
            format_func=words.literal,
            key=f"{part}s",
            help=f"Only rows of these {part}s, in figures and tables that tell them apart; "
            "all where none is chosen.",
            bind="query-params",
        )
        for part in ("layer", "head")
        if len(every.parts(part)) > 1
    }
    return tuple(parts.get("layer", ())), tuple(parts.get("head", ()))
