"""Small data made from item ids directly."""

from collections.abc import Sequence

import numpy as np

from workbench.data import SequenceData


def data_of(
    *sequences: Sequence[int], n_items: int = 12, times: Sequence[int] | None = None
) -> SequenceData:
    """A user a sequence; items and times (of all users, one after the other) as given."""
    return SequenceData(
        name="tiny",
        items=np.array([item for s in sequences for item in s], dtype=np.int32),
        times=None if times is None else np.array(times, dtype=np.int64),
        offsets=np.cumsum([0, *map(len, sequences)]).astype(np.int64),
        item_ids=np.array(["[pad]", *(f"i{k}" for k in range(1, n_items + 1))], dtype=object),
        user_ids=np.array([f"u{k}" for k in range(len(sequences))], dtype=object),
    )
