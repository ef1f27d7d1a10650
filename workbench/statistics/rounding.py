"""Which numbers are equal except for rounding, by one tolerance wherever equal ones are told."""

import torch
from torch import Tensor

# Of the smaller number: eight roundings of single precision, in which models compute. The mean of
# equal weights over layers and heads is off by fewer, and what models tell apart is further apart.
# Numbers in double precision come from such models.
TOLERANCE = 1e-6


def same(x: Tensor, y: Tensor) -> Tensor:
    """Whether numbers are equal except for rounding: bool; NaN equals nothing.

    Parameters
    ----------
    x, y : of shapes that broadcast.
    """
    return (x == y) | ((x - y).abs() <= TOLERANCE * torch.minimum(x.abs(), y.abs()))


def even(values: Tensor, valid: Tensor | None = None) -> Tensor:
    """Whether the numbers of each row are all the same, except for rounding: [...] bool.

    A row of one number is one of these, and so is one without any.

    Parameters
    ----------
    values : [..., K].
    valid : [..., K] bool, broadcastable, which numbers count; all where None.
    """
    if valid is None:
        return same(values.amax(-1), values.amin(-1))
    largest = values.masked_fill(~valid, -torch.inf).amax(-1)
    return same(largest, values.masked_fill(~valid, torch.inf).amin(-1))


def levels(values: Tensor, valid: Tensor) -> Tensor:
    """Numbers by their place from the least, those that differ by rounding by the same one.

    A level holds what differs by rounding from its least number; a row is `even` where it has one.

    Parameters
    ----------
    values : [B, L].
    valid : [B, L] bool, which numbers count.

    Returns
    -------
    Tensor
        [B, L] float64, whole numbers from 0; NaN where the number is.
    """
    unknown = values.isnan()
    ascending, places = values.double().masked_fill(~valid | unknown, torch.inf).sort(dim=1)
    begins = ~same(ascending, ascending.roll(1, 1))
    begins[:, :1] = True
    # a row of numbers that are each close to the next may hold some that are not close
    while (beyond := ~same(ascending, _least(ascending, begins))).any():
        begins |= beyond & ~beyond.roll(1, 1)
    numbers = (begins.cumsum(1) - 1).double()
    numbers = torch.zeros_like(numbers).scatter(1, places, numbers)
    return numbers.masked_fill(unknown, torch.nan)


def _least(ascending: Tensor, begins: Tensor) -> Tensor:
    """The least number of the level that each is in, [B, L], by where levels begin."""
    return ascending.where(begins, -torch.inf).cummax(1).values
