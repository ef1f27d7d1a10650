"""What the interval of a mean needs of its users, in parts that can be put together.

The sums of powers of deviations of two parts lead to those of the whole (Pebay, Sandia report
SAND2008-6212, 2008), so that no more than one part of the users has to be in memory.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

# Users whose value is not zero that the interval of a mean needs: with fewer, the few that are not
# decide everything, and no method covers what it claims.
FEWEST_NONZERO = 10
CHUNK_NUMBERS = 250_000  # values at a time, which stay in the cache
ROUNDING = 1e-12  # of the largest value: what is that small is what rounding left of 0


@dataclass(frozen=True)
class Moments:
    """Moments of every column of a table, [k] each; those of further users are added by `+`.

    Attributes
    ----------
    n, dropped : users with a value and without.
    mean : of the values; 0 where there is none.
    sums : [3, k], the sums of the second, third and fourth power of the deviations from the mean.
    largest : [FEWEST_NONZERO, k], the largest magnitudes, in descending order; 0 where fewer.
    above : users whose value is not zero beside the largest of their part.
    ones : users whose value is 1.
    binary : whether every value is 0 or 1.
    """

    n: np.ndarray
    dropped: np.ndarray
    mean: np.ndarray
    sums: np.ndarray
    largest: np.ndarray
    above: np.ndarray
    ones: np.ndarray
    binary: np.ndarray

    @classmethod
    def of(cls, values: ArrayLike) -> "Moments":
        """The moments of some users, [n, k] finite values; NaNs are dropped and counted."""
        table = np.asarray(values, np.float64)
        known = ~np.isnan(table)
        n = known.sum(0)
        filled = np.where(known, table, 0)
        magnitude = np.abs(filled)
        rounding = ROUNDING * magnitude.max(0, initial=0)
        mean = filled.sum(0) / np.maximum(n, 1)
        mean[np.abs(mean) <= rounding] = 0
        deviation = np.where(known, filled - mean, 0)
        square = deviation * deviation
        sums = np.stack(
            [
                square.sum(0),
                np.einsum("uk,uk->k", square, deviation),
                np.einsum("uk,uk->k", square, square),
            ]
        )
        ones = (filled == 1).sum(0)
        above = (magnitude > rounding).sum(0)
        binary = ones + (filled == 0).sum(0) == len(table)
        return cls(n, len(table) - n, mean, sums, _largest(magnitude), above, ones, binary)

    def __add__(self, other: "Moments") -> "Moments":
        """The moments of all users of both."""
        a, b = self.n.astype(np.float64), other.n.astype(np.float64)
        n = np.maximum(a + b, 1)
        step = other.mean - self.mean
        (a2, a3, a4), (b2, b3, b4) = self.sums, other.sums
        both = a * b / n * step**2
        sums = np.stack(
            [
                a2 + b2 + both,
                a3 + b3 + both * step * (a - b) / n + 3 * step * (a * b2 - b * a2) / n,
                a4
                + b4
                + both * step**2 * (a * a - a * b + b * b) / n**2
                + 6 * step**2 * (a * a * b2 + b * b * a2) / n**2
                + 4 * step * (a * b3 - b * a3) / n,
            ]
        )
        return Moments(
            self.n + other.n,
            self.dropped + other.dropped,
            (a * self.mean + b * other.mean) / n,
            sums,
            _largest(np.concatenate([self.largest, other.largest])),
            self.above + other.above,
            self.ones + other.ones,
            self.binary & other.binary,
        )

    def take(self, columns: slice) -> "Moments":
        """The moments of some columns."""
        return Moments(*(getattr(self, each.name)[..., columns] for each in fields(self)))

    @property
    def rounding(self) -> np.ndarray:
        """What is no larger in a column is what rounding left of 0, [k]."""
        return ROUNDING * self.largest[0]

    @property
    def nonzero(self) -> np.ndarray:
        """Users whose value is not zero, [k]; exact where fewer than `FEWEST_NONZERO`."""
        counted = (self.largest > self.rounding).sum(0)
        return np.where(counted < FEWEST_NONZERO, counted, self.above)


def moments_of(table: np.ndarray) -> Moments:
    """The moments of `Moments.of`, of many users [n, k], put together from parts of them."""
    rows = max(1, CHUNK_NUMBERS // max(1, table.shape[1]))
    total = Moments.of(table[:rows])
    for start in range(rows, len(table), rows):
        total = total + Moments.of(table[start : start + rows])
    return total


def _largest(magnitude: np.ndarray) -> np.ndarray:
    """The largest of every column of [n, k], in descending order and filled up with 0."""
    if len(magnitude) > FEWEST_NONZERO:
        magnitude = np.partition(magnitude, -FEWEST_NONZERO, axis=0)[-FEWEST_NONZERO:]
    missing = FEWEST_NONZERO - len(magnitude)
    filled = np.concatenate([magnitude, np.zeros((missing, magnitude.shape[1]))])
    return -np.sort(-filled, axis=0)
