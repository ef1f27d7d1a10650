"""What a data set is: `describe` for programs, and the parts of it that people read."""

from typing import Any

import numpy as np

from workbench.data.sequences import SequenceData

REASONS = {
    "where": "where a condition does not hold",
    "missing": "without user, item or time",
    "duplicates": "repeated",
    "rare_users": "of users with too few",
    "rare_items": "of items with too few",
}


def describe(data: SequenceData) -> dict[str, Any]:
    """What a data set is, JSON-able: counts, density, lengths, ties, times, origin, checksum.

    Returns
    -------
    dict
        `name`; how many `users`, `items` and `interactions` there are; `density`, the share of all
        pairs of a user and an item that are among them; `history_length`, the interactions of a
        user: `min`, `q25`, `median`, `q75`, `max` and `mean`; `tie_share`, the share of
        neighbouring interactions of one user with equal times, None without times; `span`, the
        first and last date in UTC, None without times; `repeats`, the share of interactions with an
        item that the user had before; `caused`, the share of users whose last item is known to have
        a cause, None where nobody knows; `first_rows`, the first five rows that were kept, each
        with `user`, `item`, `time` (UTC) and `title` as they were understood; `titles`, whether
        there are any; `checksum`, of `SequenceData.checksum`; and `provenance`, explained at
        `SequenceData`.
    """
    n_pairs = distinct_pairs(data)
    quantiles = np.quantile(data.lengths, (0, 0.25, 0.5, 0.75, 1)).tolist()
    return {
        "name": data.name,
        "users": data.n_users,
        "items": data.n_items,
        "interactions": data.n_interactions,
        "density": n_pairs / (data.n_users * data.n_items),
        "history_length": dict(zip(("min", "q25", "median", "q75", "max"), quantiles, strict=True))
        | {"mean": float(data.lengths.mean())},
        "tie_share": data.provenance.get("tie_share"),
        "span": span(data),
        "repeats": 1 - n_pairs / data.n_interactions,
        "caused": None
        if data.truth is None
        else float((data.truth.causes[data.offsets[1:] - 1] >= 0).mean()),
        "first_rows": first_rows(data),
        "titles": data.titles is not None,
        "checksum": data.checksum,
        "provenance": data.provenance,
    }


def span(data: SequenceData) -> list[str] | None:
    """The first and the last date, in UTC; None without times."""
    if data.times is None:
        return None
    ends = np.array([data.times.min(), data.times.max()], "datetime64[s]")
    return [str(end)[:10] for end in ends]


def left_out(data: SequenceData) -> list[str]:
    """How many rows of the source were left out, and why, as `5 left out of users with too few`."""
    dropped = data.provenance.get("rows_dropped", {})
    return [f"{n:,} left out {REASONS[why]}" for why, n in dropped.items() if n]


def distinct_pairs(data: SequenceData) -> int:
    """How many pairs there are of a user and an item that the user had, once or often."""
    return len(np.unique(data.owners * (data.n_items + 1) + data.items))


def first_rows(data: SequenceData, count: int = 5) -> list[dict[str, str | None]]:
    """The first interactions in the order of the source: user, item, time in UTC and title."""
    places = np.arange(data.n_interactions) if data.rows is None else np.argsort(data.rows)
    owners = np.searchsorted(data.offsets, places[:count], side="right") - 1
    return [
        {
            "user": str(data.user_ids[owner]),
            "item": str(data.item_ids[data.items[place]]),
            "time": None if data.times is None else str(np.datetime64(int(data.times[place]), "s")),
            "title": None if data.titles is None else data.titles[data.items[place]],
        }
        for place, owner in zip(places, owners, strict=False)
    ]
