"""What answers the question of the page: the verdict on the model, and this very user."""

import streamlit as st

from workbench import SequenceData
from workbench.app import words
from workbench.app.dataset.stored_results import verdict_on
from workbench.app.dataset.verdict_cards import conclusion
from workbench.app.inspect.pins import asked_run
from workbench.app.resources import Shared
from workbench.explore.shown import Shown
from workbench.explore.user_sentences import for_this_user

NO_VERDICT = (
    "No stored report of these data judges these weights: **Whole data set** makes one, and says "
    "whether this attention can be shown as a reason."
)


def show_answer(shared: Shared, judged: SequenceData, data: SequenceData, shown: Shown) -> None:
    """Show whether attention is a reason in this model, and for this user.

    Parameters
    ----------
    shared, shown : the model, and what is shown of it.
    judged : the data as they were read, by which a stored report is found.
    data : the same as the models number their items.
    """
    found = verdict_on(shared, judged, asked_run())
    if found is None:
        st.caption(NO_VERDICT)
    else:
        verdict, _ = found
        instead = words.literal(verdict.shown_instead)
        st.markdown(f"{conclusion(verdict)} {words.literal(verdict.why)} {instead}")
    titles = [data.title(int(item)) for item in shown.inspection.items]
    st.markdown(for_this_user(shown, titles, words.strong))
