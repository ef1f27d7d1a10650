"""The items that a model ranks first as a table, and the rank of the held-out item."""

import pandas as pd

from workbench.data.sequences import SequenceData
from workbench.explore.markup import Cell, Head, table
from workbench.explore.shown import Shown
from workbench.writing import decimal

K = 10
HEADS = (Head("Rank"), Head("Item", kind="title"), Head("Score"), Head("Note", kind="text"))


def ranking_frame(
    data: SequenceData, shown: Shown, user: int, *, held_out: bool = True
) -> pd.DataFrame:
    """The ten best ranked items, then the held-out one if it is not among them.

    The note says "seen" for all items of the user's history, even those too old for the model.

    Parameters
    ----------
    data, user : the data as the model numbers items, and an index in them.
    shown : the model.
    held_out : whether the user's last item is held out, and no item of the history.

    Returns
    -------
    DataFrame
        Columns: Rank (missing for what is hidden), Item (title), Score, Note, and Id (raw).
    """
    history, follows = data.history(user).tolist(), None
    if held_out:
        *history, follows = history
    inspection = shown.inspection
    items = inspection.top(K)
    ranks: list[int | None] = list(range(1, len(items) + 1))
    if follows is not None and follows not in items:
        items, ranks = [*items, follows], [*ranks, inspection.place(follows)]
    seen = set(history)
    return pd.DataFrame(
        {
            "Rank": pd.array(ranks, dtype="Int64"),
            "Item": [data.title(item) for item in items],
            "Score": [float(inspection.scores[item]) for item in items],
            "Note": [note(item, follows, inspection.target, seen) for item in items],
            "Id": [str(data.item_ids[item]) for item in items],
        }
    )


def ranking_html(frame: pd.DataFrame, label: str) -> str:
    """Rows of `ranking_frame` as HTML; a click on an item gives its raw id.

    Parameters
    ----------
    frame : the rows.
    label : of the model.
    """
    rows = [
        [
            Cell("none" if pd.isna(rank) else f"{rank:,}"),
            Cell(title, title, pick=raw),
            Cell(decimal(score)),
            Cell(notes),
        ]
        for rank, title, score, notes, raw in frame.itertuples(index=False)
    ]
    marked = [n for n, notes in enumerate(frame["Note"]) if notes.startswith("held-out")]
    return table(f"The items {label} ranks first", HEADS, rows, marked=marked)


def note(item: int, held_out: int | None, target: int, seen: set[int]) -> str:
    """The roles of an item in a ranking: held-out, target, seen."""
    notes = {
        "held-out": item == held_out,
        "target": item == target != held_out,
        "seen": item in seen,
    }
    return ", ".join(note for note, holds in notes.items() if holds)
