"""Choosing edits of a history and of its attention; the address holds them as text."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from workbench import SequenceData
from workbench.app import case_choices, page_address, words
from workbench.app.failures import errors_shown
from workbench.app.resources import Shared
from workbench.app.selection import follow, leave_out, select
from workbench.explore.scenario import (
    EXAMPLES,
    Change,
    Entry,
    Scenario,
    apply_all,
    read_changes,
    write_changes,
)
from workbench.phrases import counted, cut, listing

Place = tuple[int | None, int | None]  # layer and head, from 0; None for all
KEY = "edits"
AT = "at"  # in the address: the position of the entry that is chosen, unless it is the latest
# in the session: which entry that is, where it was last, and what the address had of it
CHOSEN = "chosen"
EVERYWHERE = "Every layer and head"


class Editing:
    """A history of a user as it is edited, and what buttons and clicks do to it.

    Attributes
    ----------
    data, changes : the data, and the edits, one after the other.
    scenario : the history after them.
    at : the position of the item that is chosen, from 1.
    """

    def __init__(self, data: SequenceData, user: int, changes: list[Change]) -> None:
        start = Scenario.of(data, user)
        self.data, self.changes = data, changes
        self.scenario = apply_all(start, changes)
        self._ids = identities(len(start.entries), changes)
        n = len(self._ids)
        identity, place, written = st.session_state.get(CHOSEN, (None, n, ""))
        held = st.query_params.get(AT, "")
        if held != written and held in ("", *map(str, range(1, n + 1))):  # a link, or Back
            page_address.read(AT)
            self.at = int(held or n)
        else:
            known = identity in self._ids
            self.at = self._ids.index(identity) + 1 if known else min(place, n)
        self.choose(self.at)

    def choose(self, at: int) -> None:
        """Choose the item at a position."""
        written = str(at) if at < len(self._ids) else ""
        if written != st.query_params.get(AT, ""):
            if written:
                st.query_params[AT] = written
            else:
                leave_out(AT)
        st.session_state[CHOSEN] = self._ids[at - 1], at, written

    def button(
        self, label: str, icon: str, change: Change, *, off: bool = False, **layout: Any
    ) -> None:
        """Show a button that adds an edit; `off`: it is disabled, as the edit cannot be made."""
        self._button(label, icon, [*self.changes, change], disabled=off, **layout)

    def undo_buttons(self) -> None:
        """Show buttons that drop the last edit and all edits."""
        off = not self.changes
        self._button("Undo", "undo", self.changes[:-1], disabled=off, type="primary")
        self._button("Start over", "restart_alt", [], disabled=off)

    def _button(self, label: str, icon: str, changes: list[Change], **layout: Any) -> None:
        icon = f":material/{icon}:"
        st.button(label, icon=icon, on_click=self._write, args=[changes], **layout)

    def _write(self, changes: list[Change]) -> None:
        st.session_state[KEY] = write_changes(self.data, changes)


def choose_scenario(
    data: SequenceData, user: int, source: str, models: dict[str, Shared]
) -> tuple[Editing, Place]:
    """The edited history, whose edits are in the address, and where attention is edited.

    The entry that is chosen is there as well, by its position.

    Raises
    ------
    WorkbenchError
        If the edits cannot be read or made; the field for edits is shown before.
    """
    owner = source, user
    if st.session_state.get("edited", owner) != owner:
        *_, written = st.session_state.pop(CHOSEN, ("",))  # an item of the history of one user
        if st.query_params.get(AT, "") == written:  # else it came with the other user, by Back
            leave_out(AT)
    st.session_state["edited"] = owner
    buttons = st.container()
    text = st.text_input(
        "Edits, in order", key=KEY, placeholder=EXAMPLES, help=words.EDITS, bind="query-params"
    )
    editing = Editing(data, user, read_changes(data, words.typed(text)))
    with buttons:
        _history_buttons(editing)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            place = _choose_place(models)
            _attention_buttons(editing)
    return editing, place


def identities(n: int, changes: list[Change]) -> list[int]:
    """A number for each entry of an edited history, which it keeps wherever it is moved.

    1 to n for the entries of the real history, n + k for the entry added by the k-th edit.
    """
    shadow = Scenario(0, tuple(Entry(place) for place in range(1, n + 1)), None)
    for new, change in enumerate(changes, n + 1):
        adds = change.kind in ("insert", "replace")
        shadow = shadow.apply(change._replace(to=new) if adds else change)
    return [entry.item for entry in shadow.entries]


def _history_buttons(editing: Editing) -> None:
    data, entries, at, button = editing.data, editing.scenario.entries, editing.at, editing.button
    n = len(entries)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        follow(
            "Item of the history",
            {f"{k}. {case_choices.name(data, entries[k - 1].item)}": k for k in range(n, 0, -1)},
            at,
            editing.choose,
            key=AT,
            width=230,
        )
        button("Remove", "delete", Change("remove", at), off=n == 1)
        button("Earlier", "arrow_downward", Change("move", at, at - 1), off=at == 1)
        button("Later", "arrow_upward", Change("move", at, at + 1), off=at == n)
        with st.popover("Replace or add", icon=":material/add:"), errors_shown("The search"):
            item = case_choices.search_item(data, "other_words", "other")
            with st.container(horizontal=True):
                button(f"Put in place of {at}", "swap_horiz", Change("replace", at, item))
                button(f"Add before {at}", "add", Change("insert", at, item))
                button("Add as the latest", "add", Change("insert", n + 1, item))
        muted = entries[at - 1].muted
        button(
            "Remove its weight", "visibility_off", Change("mute", at), off=muted, help=words.MUTE
        )


def _attention_buttons(editing: Editing) -> None:
    button, uniform = editing.button, editing.scenario.uniform
    button("Remove the largest weight", "vertical_align_top", Change("largest"), help=words.LARGEST)
    button("Uniform attention", "horizontal_rule", Change("uniform"), off=uniform)
    editing.undo_buttons()


def _choose_place(models: dict[str, Shared]) -> Place:
    """Choose among the layers and heads that all models have."""
    configs = [shared.model.config for shared in models.values()]
    places: dict[str, Place] = {EVERYWHERE: (None, None)}
    for layer in range(min(config.n_layers for config in configs)):
        places[f"Layer {layer + 1}"] = (layer, None)
        for head in range(min(config.n_heads for config in configs)):
            places[f"Layer {layer + 1}, head {head + 1}"] = (layer, head)
    chosen = select(
        "Attention is edited in",
        places,
        key="place",
        bind="query-params",
        width=200,
        help=words.PLACE,
    )
    return chosen or places[EVERYWHERE]


def describe_edits(
    data: SequenceData,
    user: int,
    changes: list[Change],
    read: int,
    uniform: Mapping[str, bool],
    longest: int | None = None,
) -> list[str]:
    """A text for each edit that says what it does, or that it changes nothing.

    Parameters
    ----------
    data, user, changes : the edits of a user's history.
    read : how many of the latest items the models read.
    uniform : model -> whether its attention is uniform as it is.
    longest : letters of a title that are kept; all where None.
    """

    def title(item: int) -> str:
        return data.title(item) if longest is None else cut(data.title(item), longest)

    texts, scenario = [], Scenario.of(data, user)
    for change in changes:
        at = max(change.at, 1)
        here = scenario.entries[min(at, len(scenario.entries)) - 1].item
        old, new = title(here), title(change.to) if change.to <= data.n_items else ""
        texts.append(
            {
                "remove": f"{at}. {old} removed",
                "replace": f"{at}. {old} replaced by {new}",
                "insert": f"{new} added as {at}.",
                "move": f"{at}. {old} moved to {change.to}.",
                "mute": f"weight of {at}. {old} removed",
                "largest": "largest weight removed",
                "uniform": "attention made uniform",
            }[change.kind]
        )
        before, scenario = scenario, scenario.apply(change)
        if change.kind in ("largest", "uniform"):
            equal = [name for name, is_equal in uniform.items() if is_equal or before.uniform]
            if len(equal) == len(uniform):
                texts[-1] += " (changes nothing: all weights are equal)"
            elif equal:
                texts[-1] += f" (changes nothing in {listing(equal)}: all its weights are equal)"
            elif scenario.largest >= sum(not muted for _, muted, _ in _read(scenario, read)):
                texts[-1] += " (changes nothing: the last weight stays)"
        elif _read(before, read) == _read(scenario, read):
            texts[-1] += f" (changes nothing: only the latest {counted(read, 'item')} are read)"
    return texts


def _read(scenario: Scenario, n: int) -> list[tuple[int, bool, int | None]]:
    """What a model reads: item, whether it is muted, and its time, of the latest n."""
    times = scenario.times or (None,) * len(scenario.entries)
    entries = zip(scenario.entries, times, strict=True)
    return [(entry.item, entry.muted, time) for entry, time in entries][-n:]
