"""What answers the question of the page: the verdict on the model, and this very user."""

import streamlit as st

from workbench import SequenceData
from workbench.app import words
from workbench.app.dataset.stored_results import verdict_on
from workbench.app.dataset.verdict_cards import conclusion
from workbench.app.inspect.shown import Shown
from workbench.app.resources import Shared
from workbench.phrases import counted

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
    verdict = verdict_on(shared, judged)
    if verdict is None:
        st.caption(NO_VERDICT)
    else:
        instead = f"Show instead: {words.literal(verdict.instead)}."
        st.markdown(f"{conclusion(verdict)} {words.literal(verdict.why)} {instead}")
    st.markdown(for_this_user(shown, [data.title(int(item)) for item in shown.inspection.items]))


def for_this_user(shown: Shown, titles: list[str]) -> str:
    """Markdown: what attention points at, beside what moves the score.

    Parameters
    ----------
    shown : a model with its view.
    titles : of the items that it reads.
    """
    inspection, row = shown.inspection, shown.row
    pointing, n = inspection.pointing(row), len(row)
    if pointing is None:
        return (
            f"Here attention ({shown.view.name}) points at nothing: the history has "
            f"{counted(n, 'item')}, all of one weight."
        )
    effects = inspection.effects

    def called(place: int) -> str:
        return f"**{words.literal(titles[place])}**"

    def falls(place: int) -> str:
        effect = float(effects[place])
        verb = "lowers" if effect >= 0 else "raises"
        return f"{verb} the score by {words.figure(abs(effect))}"

    weight, even = (f"{100 * share:.0f}{words.PERCENT}" for share in (float(row.max()), 1 / n))
    said = (
        f"Here attention ({shown.view.name}) points at {called(pointing.named)} ({weight} of the "
        f"weight, where {even} is even)"
    )
    if pointing.named == pointing.moving:
        said += f", and this moves the score most, too: taking it away {falls(pointing.named)}."
    else:
        said += (
            f"; what moves the score most is {called(pointing.moving)}: taking it away "
            f"{falls(pointing.moving)}, taking away the former {falls(pointing.named)} (number "
            f"{pointing.place} of {n})."
        )
    first = pointing.first
    return (
        f"{said} Of its first {first} items, {pointing.shared} "
        f"{'is' if pointing.shared == 1 else 'are'} among the {first} that matter most "
        f"({words.figure(first * first / n)} by chance)."
    )
