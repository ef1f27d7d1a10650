"""What if: edit the history or the attention to it, and see how the prediction changes."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from workbench import SequenceData, spreadsheets
from workbench.app import case_choices, choices, downloads, resources, words
from workbench.app.clickable import show_clickable
from workbench.app.failures import errors_shown
from workbench.app.what_if import edit_choices as edits
from workbench.app.what_if.edit_choices import Editing, describe_edits
from workbench.data.lookup import find_user
from workbench.explore.markup import Cell, Head, bar_cells, table
from workbench.explore.prediction import Prediction, divergence, moves
from workbench.explore.ranking_table import note
from workbench.explore.scenario import Change, Scenario
from workbench.explore.user_sentences import LONGEST

HEADS = (
    Head("Rank", "Rank after the edits"),
    Head("Item", kind="title"),
    Head("Was", "Rank before the edits"),
    Head("Score", "Score after the edits"),
    Head("Change", "Score after minus score before"),
    Head("Note", kind="text"),
)


def page() -> None:
    """Choices and edits, then each model's prediction before and after, and the history."""
    st.header("What if the history were another?")
    with st.sidebar:
        source, data = choices.choose_data()
        names = choices.choose_models(data)
    data, models = choices.open_models(names, source, data)
    case = case_choices.choose_case(data, source, models)
    user = find_user(data, case.user)
    target = case_choices.choose_item(data, user, case.kind)
    st.markdown(case_choices.describe_user(data, user, models))
    if not models:
        return
    editing, (layer, head) = edits.choose_scenario(data, user, source, models)
    scenario = editing.scenario
    configs = {label: shared.model.config for label, shared in models.items()}
    read = max(config.max_length for config in configs.values())
    uniform = {label: config.attention == "uniform" for label, config in configs.items()}
    told, whole = (
        " **→** ".join(
            map(words.literal, describe_edits(data, user, editing.changes, read, uniform, longest))
        )
        for longest in (LONGEST, None)
    )
    st.markdown(told or words.NO_EDITS, help=whole if whole != told else None)

    shown = {}
    columns = st.columns(len(models), gap="medium")
    for column, (label, shared) in zip(columns, models.items(), strict=True):
        with column, errors_shown(label):
            st.subheader(words.literal(label), help=words.FOLLOW)
            before, after = (
                resources.prediction(shared, one, layer, head, hide_seen=case.hide_seen)
                for one in (Scenario.of(data, user), scenario)
            )
            explained = before.first if target == "top" else target
            _outcome(data, before, after, explained)
            _put_target(editing, label, explained)
            frame = moves_frame(data, scenario, before, after, explained)
            _moves(data, label, frame, str(data.user_ids[user]))
            shown[label] = before, after
    if shown:
        with errors_shown("The history"):
            st.subheader("History, and the weight of each item", help=words.CHOOSE)
            frame = weights_frame(data, scenario, shown)
            _history(frame, editing, str(data.user_ids[user]))
        st.caption(words.WHAT_IF)


def _outcome(data: SequenceData, before: Prediction, after: Prediction, target: int) -> None:
    """Show the target's rank and score, and how much the scores changed."""
    was, now = before.place(target), after.place(target)
    moved = "" if was is None or now is None or was == now else f"{was - now:+,} "
    change = words.decimal(float(after.scores[target] - before.scores[target]), sign=True)
    same = change == words.decimal(0.0)
    with st.container(horizontal=True):
        st.metric(
            "Rank of the target",
            words.rank(now),
            "as before" if was == now else f"{moved}from {words.rank(was)}",
            delta_color="normal" if moved else "off",
            delta_arrow="auto" if moved else "off",
        )
        st.metric(
            "Its score",
            words.decimal(float(after.scores[target])),
            "as before" if same else change.replace(words.MINUS, "-"),  # which st.metric looks for
            delta_color="off" if same else "normal",
            delta_arrow="off" if same else "auto",
        )
        st.metric("Divergence", f"{divergence(before, after):.2g}", help=words.DIVERGENCE)
    st.caption(f"Target: {words.target(target, data.title(target), after)}.")


def _put_target(editing: Editing, label: str, target: int) -> None:
    """Show buttons that put the target in the history."""
    at, n = editing.at, len(editing.scenario.entries)
    with st.container(horizontal=True):
        for text, icon, change in (
            (f"Put it in place of {at}", "swap_horiz", Change("replace", at, target)),
            ("Add it as the latest", "add", Change("insert", n + 1, target)),
        ):
            editing.button(text, icon, change, key=f"{icon} {label}", type="tertiary")


def moves_frame(
    data: SequenceData, scenario: Scenario, before: Prediction, after: Prediction, target: int
) -> pd.DataFrame:
    """The ten best before and after, the target and the held-out item, with titles and notes.

    The note says "seen" for all items of the edited history, even those too old for the model.
    """
    held_out = int(data.history(scenario.user)[-1])
    frame = moves(before, after, [target, held_out])
    seen = {entry.item for entry in scenario.entries}
    return frame.assign(
        title=[data.title(item) for item in frame["item"]],
        note=[note(item, held_out, target, seen) for item in frame["item"]],
        item=[str(data.item_ids[item]) for item in frame["item"]],
    )


def _moves(data: SequenceData, label: str, frame: pd.DataFrame, user: str) -> None:
    """Show the table; a click on an item follows it as target."""
    rows = []
    row: Any
    for row in frame.itertuples():
        was, now = (None if pd.isna(rank) else rank for rank in (row.rank_before, row.rank_after))
        up = 0 if was is None or now is None else was - now
        mark = "\N{BLACK UP-POINTING TRIANGLE} " if up > 0 else "\N{BLACK DOWN-POINTING TRIANGLE} "
        change = words.decimal(row.score_after - row.score_before, sign=True)
        rows.append(
            [
                Cell(words.rank(now)),
                Cell(row.title, row.title, pick=row.item),
                Cell(f"{mark if up else ''}{words.rank(was)}"),
                Cell(words.decimal(row.score_after)),
                Cell(change),
                Cell(row.note),
            ]
        )
    marked = [n for n, text in enumerate(frame["note"]) if text.startswith("held-out")]
    html = table(f"The items {label} ranks first, before and after", HEADS, rows, marked=marked)
    show_clickable(html, f"moves {label}", partial(case_choices.explain_item, data))
    downloads.button("CSV", partial(spreadsheets.csv, frame), f"what-if-{label}", user)


def weights_frame(
    data: SequenceData, scenario: Scenario, shown: dict[str, tuple[Prediction, Prediction]]
) -> pd.DataFrame:
    """A row per item of the edited history that at least one model sees, latest first.

    Returns
    -------
    DataFrame
        Columns: position, title, was (its position before, NaN if it was added), and for each model
        the weight of the item before and after, mean of layers and heads; NaN if the model does not
        see the item.
    """
    n = len(scenario.entries)
    seen = max(len(after.items) for _, after in shown.values())
    entries = scenario.entries[n - seen :]
    columns: dict[str, Any] = {
        "position": range(n - seen + 1, n + 1),
        "title": [data.title(entry.item) for entry in entries],
        "was": [np.nan if entry.place is None else entry.place for entry in entries],
    }
    for label, (before, after) in shown.items():
        old, new = (one.weights.mean((0, 1)).tolist() for one in (before, after))
        last = len(data.history(scenario.user)) - 1
        places = dict(zip(range(last - len(old) + 1, last + 1), old, strict=True))
        columns[f"{label} before"] = [places.get(entry.place or 0, np.nan) for entry in entries]
        columns[f"{label} after"] = [np.nan] * (seen - len(new)) + new
    return pd.DataFrame(columns).iloc[::-1].reset_index(drop=True)


def _history(frame: pd.DataFrame, editing: Editing, user: str) -> None:
    """Show the table; a click on an item chooses it for the next edit."""
    labels = [name.removesuffix(" after") for name in frame.columns if name.endswith(" after")]
    heads = [Head("#", words.POSITION), Head("Item", kind="title"), Head("Was", words.WAS)]
    was = ["added" if np.isnan(place) else f"{place:.0f}" for place in frame["was"]]
    columns = [
        [Cell(str(at), strong=at == editing.at) for at in frame["position"]],
        [
            Cell(title, title, strong=at == editing.at, pick=str(at))
            for at, title in zip(frame["position"], frame["title"], strict=True)
        ],
        [Cell(text, strong=text == "added") for text in was],
    ]
    for label in labels:
        for when in ("before", "after"):
            heads.append(Head(f"Weight {when}", words.MEAN_WEIGHT, starts_group=when == "before"))
            columns.append(bar_cells(frame[f"{label} {when}"], sign=False))
    html = table(
        "The edited history, and the weight each model gives its items",
        heads,
        list(zip(*columns, strict=True)),
        groups=[("", 3), *((label, 2) for label in labels)],
    )
    show_clickable(html, "edited history", lambda at: editing.choose(int(at)))
    downloads.button("CSV", partial(spreadsheets.csv, frame), "what-if-history", user)
