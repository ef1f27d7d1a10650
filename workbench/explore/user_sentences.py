"""What holds for one user in sentences: what attention points at, and the smallest change."""

from collections.abc import Callable

from workbench.data.sequences import SequenceData
from workbench.explore.inspection import Inspection
from workbench.explore.shown import Shown
from workbench.faithfulness.counterfactual import MOST, SmallestChange
from workbench.phrases import counted, cut, listing
from workbench.writing import PERCENT, figure

LONGEST = 80  # letters of a title in a heading; whole it stands below


def question(titles: list[str], strong: Callable[[str], str], *, recommended: bool) -> str:
    """The heading: what is explained, by name; what comes first may be another in each model.

    Parameters
    ----------
    titles : of the targets, without repetition.
    strong : as in `for_this_user`.
    recommended : whether the models rank them first.
    """
    names = listing([strong(cut(title, LONGEST)) for title in titles])
    if not recommended:
        return f"What speaks for {names}?"
    return f"Why {'was' if len(titles) == 1 else 'were'} {names} recommended?"


def for_this_user(shown: Shown, titles: list[str], strong: Callable[[str], str]) -> str:
    """What attention points at in this history, beside what the score falls without, in sentences.

    Parameters
    ----------
    shown : a model with its view.
    titles : of the items that it reads.
    strong : writes a title, emphasised and escaped for where the sentences go.
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
        return strong(titles[place])

    def falls(place: int) -> str:
        effect = float(effects[place])
        if effect == 0:
            return "leaves the score as it is"
        return f"{'lowers' if effect > 0 else 'raises'} the score by {figure(abs(effect))}"

    weight, even = (f"{100 * share:.0f}{PERCENT}" for share in (float(row.max()), 1 / n))
    said = (
        f"Here attention ({shown.view.name}) points at {called(pointing.named)} ({weight} of the "
        f"weight, where {even} is even)"
    )
    if not effects[pointing.moving] > 0:
        return f"{said}. The score falls without no item: taking this away {falls(pointing.named)}."
    if pointing.named == pointing.moving:
        said += (
            f", without which the score falls most, too: taking it away {falls(pointing.named)}."
        )
    else:
        said += (
            f"; the score falls most without {called(pointing.moving)}: taking it away "
            f"{falls(pointing.moving)}, taking away the former {falls(pointing.named)} (number "
            f"{pointing.place} of {n})."
        )
    first, falling = pointing.first, pointing.falling
    if first < 2:  # of which all is said
        return said
    return (
        f"{said} Of its first {first} items, {pointing.shared} "
        f"{'is' if pointing.shared == 1 else 'are'} among the {falling} without which it falls "
        f"most ({figure(first * falling / n)} by chance)."
    )


def without_any(n: int) -> str:
    """Which items of a history of `n` were taken away in vain, as the start of a sentence."""
    most = min(MOST, n)
    return f"Without any {most} items or fewer that were tried" if most > 1 else "Without any item"


def smallest_told(
    change: SmallestChange, data: SequenceData, inspection: Inspection, strong: Callable[[str], str]
) -> str:
    """The items of the smallest change of a history, and what would come instead, in a sentence.

    Parameters
    ----------
    change : of one history.
    data : where the titles are.
    inspection : of the same history, whatever its target.
    strong : as in `for_this_user`.
    """
    items, first = inspection.items.tolist(), strong(data.title(inspection.first))
    passes = f"({counted(int(change.passes[0]), 'pass', 'passes')} of the model)"
    if change.size[0].isnan():
        return f"{without_any(len(items))}, {first} still comes first {passes}."
    titles = [
        strong(data.title(item))
        for item, gone in zip(items, change.removed[0].tolist(), strict=True)
        if gone
    ]
    instead = strong(data.title(int(change.successor[0])))
    return (
        f"Without {listing(titles)}: {instead} would come first in place of "
        f"{first}; it was at rank {int(change.old_rank[0]):,} {passes}."
    )
