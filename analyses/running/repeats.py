"""How often users come back to an item they had before."""

from dataclasses import dataclass

import numpy as np

from workbench.data.description import distinct_pairs
from workbench.data.sequences import SequenceData


@dataclass(frozen=True)
class Repeats:
    """How often users come back to an item.

    Attributes
    ----------
    interactions : how many, of all users, are with an item that the same user had before.
    held_out : for how many of the users measured the held-out item was in the history already.
    """

    interactions: int
    held_out: int


def count_repeats(data: SequenceData, users: np.ndarray) -> Repeats:
    """Count repeats of a data set; `users` are the indices of those measured."""
    owners = data.owners
    last = data.items[data.offsets[users + 1] - 1]
    wanted = np.zeros(data.n_users, dtype=data.items.dtype)
    wanted[users] = last  # items count from 1, so that nobody else's matches
    times = np.bincount(owners, data.items == wanted[owners], minlength=data.n_users)
    again = data.n_interactions - distinct_pairs(data)
    return Repeats(again, int((times[users] > 1).sum()))
