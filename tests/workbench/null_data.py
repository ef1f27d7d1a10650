"""Data in which no position has a cause."""

from dataclasses import replace

import numpy as np

from workbench.data import SequenceData


def permute_sequences(data: SequenceData) -> SequenceData:
    """Each user's items in random order; times, users and the items of each user are the same."""
    owners = data.owners
    shuffled = np.lexsort((np.random.default_rng(0).random(len(owners)), owners))
    return replace(data, items=data.items[shuffled], rows=None, truth=None)
