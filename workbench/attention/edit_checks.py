"""Whether an edit is one: a function of weights and allowed that gives weights."""

import inspect

import torch
from torch import Tensor

from workbench.attention.edits import Edit
from workbench.errors import WorkbenchError

NEAR = 1e-3  # of a row's sum, within which rounding may leave it; more where a number is coarser


def check_edit(edit: object) -> None:
    """See whether something can be called as an edit is.

    Raises
    ------
    WorkbenchError
        If it cannot, as a function that makes edits and was not called.
    """
    name = getattr(edit, "__name__", repr(edit))
    if not callable(edit):
        raise WorkbenchError(
            f"the edit is {name}; give a function of weights and allowed, such as "
            "edits.remove_largest."
        )
    try:
        signature = inspect.signature(edit)
    except ValueError:  # of what is written in C nothing is known
        return
    try:
        signature.bind(None, None)
        makes = signature.return_annotation == Edit  # of two arguments as well: `remove_matched`
    except TypeError:
        makes = True
    if makes:
        raise WorkbenchError(
            f"{name} is no function of weights and allowed; where it makes an edit, call it first, "
            "as in edits.remove_k_largest(1)."
        )


def made(edit: Edit, weights: Tensor, allowed: Tensor) -> Tensor:
    """What an edit makes of weights, [..., K]; `check_rows` looks at the numbers.

    Parameters
    ----------
    edit, weights, allowed : as in `workbench.attention.edits`.

    Raises
    ------
    WorkbenchError
        If it gives no tensor, or one of another shape, dtype or device.
    """
    edited = edit(weights, allowed)
    if not isinstance(edited, Tensor):
        raise WorkbenchError(
            f"the edit gives a {type(edited).__name__} in the place of weights; return a tensor."
        )
    if _kind(edited) != _kind(weights):
        raise WorkbenchError(
            f"the edit makes weights of {_kind(edited)} of those of {_kind(weights)}; return the "
            "shape, dtype and device that it is given."
        )
    return edited


def check_rows(edited: Tensor, allowed: Tensor, were: Tensor) -> None:
    """See whether rows that were a distribution over their allowed keys still are.

    What becomes of others, such as those of hidden items, which nobody reads, is left to the edit.

    Parameters
    ----------
    edited, allowed : [..., K], allowed as in `workbench.attention.edits`.
    were : bool, broadcastable, what `distributions` gave before the edit.

    Raises
    ------
    WorkbenchError
        If one is not.
    """
    broken = were & ~distributions(edited, allowed)
    if broken.any():
        raise WorkbenchError(
            f"the edit gives a row {_fault(edited, allowed, broken)}; return weights of 0 or more, "
            "0 where allowed is False, and divide each row by its sum."
        )


@torch.no_grad()
def distributions(weights: Tensor, allowed: Tensor) -> Tensor:
    """Which rows sum to one over their allowed keys and have nothing elsewhere: [...] bool.

    Parameters
    ----------
    weights, allowed : [..., K], allowed as in `workbench.attention.edits`.
    """
    near = _near(weights)
    given, total = (weights * allowed).sum(-1), weights.abs().sum(-1)
    return ((given - 1).abs() <= near) & ((total - given).abs() <= near / 10)


def _near(weights: Tensor) -> float:
    return max(NEAR, 8 * torch.finfo(weights.dtype).eps)


def _kind(weights: Tensor) -> str:
    return f"{list(weights.shape)}, {weights.dtype} on {weights.device}"


def _fault(edited: Tensor, allowed: Tensor, broken: Tensor) -> str:
    """What is wrong with the first row that is no distribution."""
    row, may = edited[broken][0], allowed.expand_as(edited)[broken][0]
    if row.isnan().any():
        return "with NaN"
    if (row < 0).any():
        return f"with a weight below 0 ({float(row.min()):.3g})"
    outside = float(row[~may].sum())
    if outside > _near(row) / 10:
        return f"that puts {outside:.3g} on keys it may not attend to (later items, or padding)"
    return f"that sums to {float(row.sum()):.3g}"
