"""An explanation as plain text, as a terminal shows it."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from workbench.explaining.methods import default_erasure, importance
from workbench.explore.explanation import Explanation
from workbench.explore.user_sentences import without_any
from workbench.phrases import counted, cut, listing
from workbench.statistics.rounding import even
from workbench.writing import plain

WIDTH = 40  # letters of a title


def lines(explanation: Explanation) -> Iterator[str]:
    """An explanation for people, the latest item first."""
    data, found = explanation.data, explanation.inspection
    title, name = data.title, explanation.model.config.name
    rank = found.rank(found.target)
    unseen = " not seen" if found.hidden else ""
    place = "first" if rank == 1 else f"at place {rank:,}"
    among = f"among {counted(found.ranked_with(found.target), 'item')}"
    of = f"user {explanation.user_id} of {data.name}"
    if found.target in found.hidden:
        yield (
            f"{name} does not rank {title(found.target)} for {of}, who has had it; it would come "
            f"{place} {among}."
        )
    else:
        yield f"{name} ranks {title(found.target)} {place} for {of}, {among}{unseen}."
    n, length = len(found.items), int(data.lengths[explanation.user]) - explanation.held_out
    read = counted(n, "item") if n == length else f"the last {n} of {length:,} items"
    yield f"What it owes to the history ({read}, the latest first; * largest):"
    yield from _table(explanation)
    yield from _sentences(explanation)


def _table(explanation: Explanation) -> Iterator[str]:
    columns, items = explanation.columns, explanation.inspection.items.tolist()
    rows = [["ago", "item", *columns]]
    best = {name: np.nanargmax(values) for name, values in columns.items() if _differ(values)}
    for at in reversed(range(len(items))):
        cells = [str(len(items) - at), cut(plain(explanation.data.title(items[at])), WIDTH)]
        for name, values in columns.items():
            sign = "+" if importance(explanation.model, name).signed else ""
            mark = "*" if best.get(name) == at else " "
            cells.append(f"{values[at]:{sign}.4f}{mark}")
        rows.append(cells)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for ago, item, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[2:], strict=True))
        yield "  ".join(["", ago.rjust(widths[0]), item.ljust(widths[1]), *numbers]).rstrip()


def _sentences(explanation: Explanation) -> Iterator[str]:
    title, removed, change = explanation.data.title, explanation.removed, explanation.change
    first, operator = explanation.inspection.first, default_erasure(explanation.model)
    if removed and change is not None:
        successor = int(change.successor[0])
        yield (
            f"Without {listing([title(item) for item in removed])} ({operator}), "
            f"{title(successor)} would come first in place of {title(first)}; it is at place "
            f"{explanation.inspection.rank(successor):,} now."
        )
    else:
        tried = without_any(len(explanation.inspection.items))
        yield f"{tried} ({operator}), {title(first)} still comes first."
    yield "Whether any of this can be shown as a reason, a report on the model tells."


def _differ(values: Sequence[float]) -> bool:
    """Whether there is a largest one."""
    return not (np.isnan(values).all() or even(torch.tensor(values)))
