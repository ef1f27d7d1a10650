"""What answers the question of the page: the verdict on the model, and this very user."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from workbench import SequenceData
from workbench.app import words
from workbench.app.dataset import starting
from workbench.app.dataset.stored_results import stands_on, verdict_on
from workbench.app.dataset.verdict_cards import conclusion
from workbench.app.inspect.pins import asked_run
from workbench.app.inspect.view_choices import of_reduction, part_named
from workbench.app.resources import Shared
from workbench.app.selection import put_in
from workbench.explaining.methods import importances
from workbench.explore.shown import Shown
from workbench.explore.user_sentences import for_this_user
from workbench.phrases import listing

NO_VERDICT = "No stored report of these data judges these weights."


class About(NamedTuple):
    """What a verdict is about.

    Attributes
    ----------
    part : of attention, as the box calls it that chooses one.
    beside : what is to be shown instead, a method of `explain`.
    """

    part: str
    beside: str


def judged_of(read: SequenceData, models: Mapping[str, Shared]) -> dict[str, About]:
    """What the verdicts of stored reports on these data are about, for models that have one."""
    found = {label: verdict_on(shared, read, asked_run()) for label, shared in models.items()}
    return {
        label: About(of_reduction(verdict.reduction), verdict.method)
        for label, (verdict, _) in ((label, each) for label, each in found.items() if each)
    }


def show_answer(
    shared: Shared,
    read: SequenceData,
    data: SequenceData,
    shown: Shown,
    slot: int,
    about: About | None,
) -> bool:
    """Show whether attention is a reason in this model, and for this user.

    Parameters
    ----------
    shared, shown : the model, and what is shown of it.
    read : the data as they were read, by which a stored report is found.
    data : the same as the models number their items.
    slot : the number of the model on the page.
    about : what its verdict is about; None where it has none.

    Returns
    -------
    bool
        Whether there is a verdict.
    """
    found = verdict_on(shared, read, asked_run())
    if found is None:
        st.caption(NO_VERDICT)
    else:
        verdict, run = found
        st.caption(words.literal(f"Judged on {stands_on(run)}."))
        instead = words.literal(verdict.shown_instead)
        st.markdown(f"{conclusion(verdict)} {words.literal(verdict.why)} {instead}")
    titles = [data.title(int(item)) for item in shown.inspection.items]
    st.markdown(for_this_user(shown, titles, words.strong))
    if about is not None:
        _offer_judged(about, shared, shown, slot)
    return found is not None


def _offer_judged(about: About, shared: Shared, shown: Shown, slot: int) -> None:
    """A button for the part of attention that was judged, and what is to be shown instead."""
    part, beside = about
    lacking = beside in importances(shared.model) and beside not in shown.inspection.importance
    elsewhere = shown.view.stage == "attention" and part != part_named(
        shown.view.layer, shown.view.head
    )
    if not (lacking or elsewhere):
        return
    wanted = [words.literal(part)] * elsewhere + [f"*{words.literal(beside)}*"] * lacking

    def look() -> None:
        put_in(f"view{slot}", part)
        if lacking:
            st.session_state["importances"] = [*st.session_state["importances"], beside]

    st.button(
        "See what the verdict is about",
        help=f"{listing(wanted)}, here and in the history.",
        key=f"judged{slot}",
        on_click=look,
        icon=":material/visibility:",
    )


def offer_verdict(source: str, models: Sequence[Shared]) -> None:
    """A button that has models judged on these data, and how far that is."""
    named = listing([words.literal(str(shared.model.config.name)) for shared in models])
    label = f"Judge {named} on these data, {starting.FEW} users"
    starting.offer_verdict(label, source, [shared.source for shared in models])
