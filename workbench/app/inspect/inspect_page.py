"""Inspect: one user, one or two models, and why an item was recommended."""

import numpy as np
import streamlit as st

from workbench import SequenceData, spreadsheets
from workbench.app import case_choices, choices, downloads, resources, words
from workbench.app.failures import errors_shown
from workbench.app.inspect import history, map_pictures, maps, view_choices
from workbench.app.inspect.answer import show_answer
from workbench.app.inspect.history import history_frame, show_history
from workbench.app.inspect.ranking import ranking_frame, show_ranking
from workbench.app.inspect.shown import Shown
from workbench.app.inspect.smallest import show_smallest
from workbench.data.lookup import find_user
from workbench.phrases import MARK, listing


def page() -> None:
    """Choices, then the history, the top ten and the maps; each part can fail alone."""
    heading = st.empty()
    heading.header("Why was this recommended?")
    with st.sidebar:
        source, data = choices.choose_data()
        names = choices.choose_models(data)
    read = data
    data, models = choices.open_models(names, source, data)
    with st.sidebar:
        methods = view_choices.choose_importances(models.values()) if models else []
    case = case_choices.choose_case(data, source, models)
    user = find_user(data, case.user)
    target = case_choices.choose_item(data, user, case.kind)
    st.markdown(case_choices.describe_user(data, user, models))

    across = max(1, len(models))
    answers, table = st.columns(across, gap="large"), st.container()
    below = st.columns(across, gap="large")
    shown = []
    for slot, (label, shared) in enumerate(models.items(), 1):
        with answers[slot - 1], errors_shown(label):
            st.subheader(words.literal(label))
            with below[slot - 1]:  # so that the answer and the history come first
                st.markdown(f"**{words.literal(label)}**")
                view = view_choices.choose_view(shared, slot)
            inspection = resources.inspection(
                shared, source, user, target, hide_seen=case.hide_seen, methods=methods
            )
            shown.append(Shown(label, view, inspection))
            show_answer(shared, read, data, shown[-1])
            with below[slot - 1]:
                _numbers(data, shown[-1])
                show_smallest(shared, source, data, user, shown[-1], hide_seen=case.hide_seen)
    if not shown:
        return
    heading.header(_question(data, case.kind, shown))
    raw_id = str(data.user_ids[user])
    with table, errors_shown("The history"):
        st.subheader("History")
        helps = history.helps(shown, [shared.model for shared in models.values()])
        show_history(history_frame(data, user, shown), f"history-{raw_id}.csv", helps)
    with errors_shown("The top ten"):
        st.subheader("Top 10", help=words.TOP_TEN)
        for column, one in zip(st.columns(len(shown), gap="large"), shown, strict=True):
            with column:
                _ranking(data, one, user)
    with errors_shown("The maps"):
        st.subheader("Layers and heads")
        caused = case_choices.causes(data, user)
        _maps(data, len(data.history(user)) - 1, shown, raw_id, caused)


def _question(data: SequenceData, kind: str, shown: list[Shown]) -> str:
    """The heading: what is explained, by name; what comes first may be another in each model."""
    items = dict.fromkeys(one.inspection.target for one in shown)
    names = listing([f"*{words.literal(data.title(item))}*" for item in items])
    if kind != case_choices.TOP:
        return f"What speaks for {names}?"
    return f"Why {'was' if len(items) == 1 else 'were'} {names} recommended?"


def _numbers(data: SequenceData, shown: Shown) -> None:
    """Show the target's rank and score, and the agreement with the first importance."""
    inspection = shown.inspection
    first = next(iter(inspection.importance), None)
    with st.container(horizontal=True):
        st.metric("Rank of the target", f"{inspection.rank(inspection.target):,}")
        st.metric("Its score", words.decimal(float(inspection.scores[inspection.target])))
        said = f"Target: {words.literal(data.title(inspection.target))}."
        said += f" Attention: {shown.view.name}."
        if first is not None:
            agreement = inspection.agreement(shown.row, first)
            value = words.decimal(agreement.tau, sign=True) or "none"
            st.metric(f"tau-b with {first}", value, help=words.TAU)
            vanishes = inspection.vanishes(first)
            name = first[0].upper() + first[1:]
            meaning = words.VANISHES.format(name) if vanishes else words.agreement(agreement, first)
            said += f" {meaning}"
    st.caption(said)


def _ranking(data: SequenceData, shown: Shown, user: int) -> None:
    frame = ranking_frame(data, shown, user)
    show_ranking(frame, shown, int(data.history(user)[-1]))
    name = f"top-{shown.label}-{data.user_ids[user]}.csv"
    downloads.button("CSV", lambda: spreadsheets.csv(frame), name, downloads.CSV)


def _maps(
    data: SequenceData, n: int, shown: list[Shown], user_id: str, caused: np.ndarray | None
) -> None:
    """Show all maps of each model small, and one large.

    Parameters
    ----------
    data, shown : the data, and the models with their inspections.
    n : the number of items in the history.
    user_id : for the names of files.
    caused : [n] bool, which of them caused the held-out item; None where nobody knows.
    """
    fixed, last = view_choices.choose_scale(max(len(one.inspection.items) for one in shown))
    alone = len(shown) == 1
    for column, one in zip(st.columns(len(shown), gap="large"), shown, strict=True):
        titles = [data.title(int(item)) for item in one.inspection.items]
        first = n - len(titles) + 1
        if caused is not None:
            marks = np.where(caused[first - 1 :], MARK, "")
            titles = [f"{mark}{title}" for mark, title in zip(marks, titles, strict=True)]
        titles += [words.MASK] * (len(one.matrix) - len(titles))
        with column:
            st.markdown(f"**{words.literal(one.label)}**, opened: {one.view.name}")
            small, large = st.columns([1, 2], gap="medium") if alone else (column, column)
            small.altair_chart(
                maps.small_maps(
                    one.inspection.weights[one.view.stage],
                    (one.view.layer, one.view.head),
                    fixed=fixed,
                ),
                width="content",
                alt=words.plain(f"Attention maps of every layer and head of {one.label}"),
            )
            large.altair_chart(
                maps.large_map(one.matrix, titles, first, last, fixed=fixed),
                width="stretch",
                alt=words.plain(f"Attention map of {one.label}, {one.view.name}"),
            )
            with st.container(horizontal=True):
                _save_maps(one, titles, first, last, fixed, user_id)
    st.caption(words.MAPS)


def _save_maps(
    shown: Shown, titles: list[str], first: int, last: int, fixed: bool, user_id: str
) -> None:
    name = f"maps-{shown.label}-{user_id}"

    def picture(kind: str) -> bytes:
        return map_pictures.picture(shown, titles, first, last, fixed=fixed, kind=kind)

    def table() -> str:
        names = [f"{n}. {title}" for n, title in enumerate(titles, first)]
        cells = maps.cells(shown.matrix, names, names, 0)
        return spreadsheets.csv(cells[["row", "column", "weight", "rank"]])

    downloads.button("CSV", table, f"{name}.csv", downloads.CSV)
    downloads.button("PNG", lambda: picture("png"), f"{name}.png", downloads.PNG)
    downloads.button("SVG", lambda: picture("svg"), f"{name}.svg", downloads.SVG)
