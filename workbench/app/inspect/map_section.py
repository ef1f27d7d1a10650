"""The maps of the models: all small, one large, and the difference of two."""

from functools import partial

import numpy as np
import streamlit as st

from workbench import SequenceData, spreadsheets
from workbench.app import downloads, words
from workbench.app.clickable import show_as_it_is, show_clickable
from workbench.app.inspect import view_choices
from workbench.explore import maps
from workbench.explore.history_table import causes
from workbench.explore.shown import Shown
from workbench.phrases import MARK


def show_maps(data: SequenceData, user: int, shown: dict[int, Shown]) -> None:
    """Show all maps of each model small, of which a click opens one, and one large.

    Parameters
    ----------
    data, user : the data, and the index of the user.
    shown : the models with attention, by their number on the page.
    """
    models = list(shown.values())
    scale, last = view_choices.choose_scale(max(len(one.inspection.items) for one in models))
    top = {view_choices.FIXED: 1.0, view_choices.COMMON: common_top(models, last)}.get(scale)
    user_id, alone = str(data.user_ids[user]), len(shown) == 1
    st.html(maps.STYLE)
    columns = st.columns(len(shown), gap="large")
    for column, (slot, one) in zip(columns, shown.items(), strict=True):
        titles, first = _titles(data, user, one)
        with column:
            st.markdown(f"**{words.literal(one.label)}**, opened: {one.view.name}")
            small, large = st.columns([1, 2], gap="medium") if alone else (column, column)
            weights, view = one.inspection.weights[one.view.stage], one.view
            with small:
                html = maps.small_maps(weights, (view.layer, view.head), first, top=top)
                show_clickable(
                    html, f"maps {one.label}", partial(st.session_state.__setitem__, f"view{slot}")
                )
            label = f"Attention map of {one.label}, {view.name}"
            with large:
                html = maps.large_map(one.matrix, titles, first, last, label=label, top=top)
                show_as_it_is(html, f"large map {one.label}")
            with st.container(horizontal=True):
                _save_maps(one, titles, first, last, top, user_id)
    st.caption(words.MAPS)
    if len(models) == 2:
        _difference(data, user, models[0], models[1], last)


def common_top(shown: list[Shown], last: int) -> float:
    """The end of one colour scale for every map of the models, small and large."""
    tops = [
        maps.later_maximum(matrix)
        for one in shown
        for matrix in one.inspection.weights[one.view.stage].flatten(0, 1)
    ]
    tops += [maps.later_maximum(one.matrix, max(0, len(one.matrix) - last)) for one in shown]
    return max(tops)


def _titles(data: SequenceData, user: int, shown: Shown) -> tuple[list[str], int]:
    """Of the rows of a map, planted causes marked, and the position of the first."""
    first = len(data.history(user)) - len(shown.inspection.items)
    titles, caused = shown.titles(data), causes(data, user)
    if caused is not None:
        marks = np.where(caused[first - 1 :], MARK, "")
        named = [f"{mark}{title}" for mark, title in zip(marks, titles, strict=False)]
        titles = named + titles[len(named) :]
    return titles, first


def _difference(data: SequenceData, user: int, one: Shown, other: Shown, last: int) -> None:
    """Show the difference of the two large maps, if it is asked for."""
    if not st.toggle("Difference of the two", key="difference", bind="query-params"):
        return
    matrix = maps.difference(one, other)
    if matrix is None:
        st.info(words.NO_DIFFERENCE, icon=":material/info:")
        return
    titles, first = _titles(data, user, min(one, other, key=lambda each: len(each.matrix)))
    said = f"{one.label} ({one.view.name}) minus {other.label} ({other.view.name})"
    st.markdown(f"**{words.literal(said)}**")
    html = maps.large_map(matrix, titles, first, last, label=said, diverging=True)
    show_as_it_is(html, "difference of maps")


def _save_maps(
    shown: Shown, titles: list[str], first: int, last: int, top: float | None, user_id: str
) -> None:
    def picture(kind: str) -> bytes:
        from workbench.app.inspect import map_pictures  # which brings matplotlib's figures

        return map_pictures.picture(shown, titles, first, last, top=top, kind=kind)

    def table() -> str:
        names = [f"{n}. {title}" for n, title in enumerate(titles, first)]
        return spreadsheets.csv(
            maps.cells(shown.matrix, names, 0)[["row", "column", "weight", "rank"]]
        )

    what = f"maps-{shown.label}"
    downloads.button("CSV", table, what, user_id)
    downloads.button("PNG", partial(picture, "png"), what, user_id, "png")
    downloads.button("SVG", partial(picture, "svg"), what, user_id, "svg")
