"""The truth that planted data carry: which item caused which."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Truth:
    """What caused each interaction of a data set.

    Attributes
    ----------
    causes : int64 [n], aligned with `SequenceData.items`: the position, within the user's sequence,
        of the item that produced this one; -1 where chance did, or the cause is not among the data.
    second_causes : int64 [n], in the same way the other cause of a conjunction; -1 elsewhere.
    """

    causes: np.ndarray
    second_causes: np.ndarray

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over both arrays."""
        both = np.stack([self.causes, self.second_causes])
        return hashlib.sha256(both.astype("<i8").tobytes()).hexdigest()

    def places(self, first: np.ndarray, at: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Where the causes of interactions are in the flat arrays, int64 [m, 2]; -1 where none is.

        Parameters
        ----------
        first : [m], where the user of each of these interactions begins.
        at : [m], which interactions; by default all.
        """
        within = np.stack([self.causes[at], self.second_causes[at]], 1)
        return np.where(within < 0, -1, first[:, None] + within)

    def kept(self, keep: np.ndarray, offsets: np.ndarray) -> "Truth":
        """The truth of the interactions that are kept.

        Parameters
        ----------
        keep : [n] bool.
        offsets : [n_users+1], where each user begins before anything is left out.
        """
        first = np.repeat(offsets[:-1], np.diff(offsets))  # [n], where its user begins
        before = np.append(0, np.cumsum(keep))  # [n+1], how many are kept up to each position

        at = self.places(first)
        there = (at >= 0) & keep[at]
        moved = np.where(there, before[at] - before[first][:, None], -1)[keep]
        return Truth(*moved.T)
