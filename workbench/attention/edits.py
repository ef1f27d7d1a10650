"""Changes to attention weights. Each keeps a row's sum at one and rows with one allowed key as is.

An edit takes weights [..., K] and allowed (bool, broadcastable) and returns weights [..., K];
nothing ever gets weight where `allowed` is False.

Where the allowed weights of a row are all the same, except for rounding, it has no largest one:
what removes such a weight leaves the row as it is. Among several equal largest of a row with
others, that of the oldest item is removed.
"""

import math
from collections.abc import Callable, Sequence
from numbers import Real

import torch
from torch import Tensor
from torch.nn import functional as F

from models.kernels import uniform_weights
from workbench.errors import WorkbenchError, whole
from workbench.statistics.rounding import even

Edit = Callable[[Tensor, Tensor], Tensor]


def remove_largest(weights: Tensor, allowed: Tensor) -> Tensor:
    """The largest weight of each row set to zero, the others renormalised: [..., K].

    A row of equal weights has none and stays as it is.

    Parameters
    ----------
    weights, allowed : [..., K], as every edit takes them.
    """
    return remove_k_largest(1)(weights, allowed)


def remove_k_largest(k: int) -> Edit:
    """An edit that sets the k largest weights of each row to zero and renormalises the others.

    A row of equal weights, or one in which k keys or fewer are allowed, stays as it is.

    Parameters
    ----------
    k : 1 or more.

    Raises
    ------
    WorkbenchError
        If k is another number.
    """
    whole("k", k)

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        allowed = allowed.expand_as(weights)
        largest = torch.zeros_like(allowed)
        for key in _k_largest(weights, allowed, k):
            largest = largest.scatter(-1, key, True)
        edited = without_keys(weights, allowed, largest)
        return torch.where(_without_largest(weights, allowed, k), weights, edited)

    return edit


def remove_matched(k: int, seed: int) -> Edit:
    """An edit like `remove_k_largest` but for which keys it takes: its control, like with like.

    As much weight is taken from each row, and in the same pattern over rows, heads and layers. The
    keys of a history lie at random on a circle, the same for all its rows, heads and layers. A row
    loses the keys that follow its k largest on the circle, the nearest first, until as much weight
    is gone as the k largest have; the last of these keys loses only the part that is needed. So two
    heads with the same largest keys lose the same others, and two with different ones different
    ones, where independent draws would take another key in each. Where the other keys have less
    than the k largest, they lose it all, and only the k largest are left.

    A row of equal weights, or one in which k keys or fewer are allowed, stays as it is.

    Parameters
    ----------
    k : how many largest weights the control is for.
    seed : by which keys are laid on the circle. Weights begin with the histories, [B, ..., K].

    Raises
    ------
    WorkbenchError
        If k is no whole number of 1 or more.
    """
    whole("k", k)

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        allowed = allowed.expand_as(weights)
        one_row = (len(weights), *[1] * (weights.dim() - 2), weights.shape[-1])
        places = _noise(weights.new_empty(one_row), seed).expand_as(weights)  # of a circle of 1
        distance, others = torch.full_like(weights, 2.0), allowed
        for key in _k_largest(weights, allowed, k):
            distance = distance.minimum((places - places.gather(-1, key)) % 1)
            others = others.scatter(-1, key, False)
        order = _ascending(distance.masked_fill(~others, 2.0))
        wanted = weights.masked_fill(others, 0.0).sum(-1, keepdim=True)
        at_hand = weights.masked_fill(~others, 0.0).gather(-1, order)  # nearest first
        taken = (wanted - (at_hand.cumsum(-1) - at_hand)).clamp(min=0).minimum(at_hand)
        left = weights - torch.zeros_like(weights).scatter(-1, order, taken)
        edited = left / left.sum(-1, keepdim=True) * weights.sum(-1, keepdim=True)
        return torch.where(_without_largest(weights, allowed, k), weights, edited)

    return edit


def remove_keys(keys: Tensor) -> Edit:
    """An edit that sets the weights of the keys chosen to zero and renormalises the others.

    A row in which no other key is allowed stays as it is.

    Parameters
    ----------
    keys : [K] bool, True where a key is chosen. Keys after the first K, such as a mask token, are
        not chosen.

    Raises
    ------
    WorkbenchError
        If the keys are another thing than such a mask; and from the edit, if there are more of them
        than a row has.
    """
    if not isinstance(keys, Tensor) or keys.dtype != torch.bool or keys.dim() != 1:
        raise WorkbenchError(
            f"keys to be removed are {_told(keys)}; give a bool tensor [K], True at those that go: "
            "of places, torch.zeros(K, dtype=torch.bool).index_fill(0, torch.tensor(places), True)."
        )

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        if len(keys) > weights.shape[-1]:
            raise WorkbenchError(
                f"keys to be removed are {len(keys)}, and a row has {weights.shape[-1]}; give one "
                "for each item of the longest history of the batch, or fewer."
            )
        chosen = F.pad(keys, (0, weights.shape[-1] - len(keys)))
        return without_keys(weights, allowed, chosen)

    return edit


def raise_keys(keys: Tensor, mass: float) -> Edit:
    """An edit that gives one key of each history more weight, taken from the others in proportion.

    The key gains `mass` of its row's sum; or, where that is less, what the row's largest weight
    leaves to the others. So whichever key it is, it gains as much, and raising one can be compared
    with raising another. A row in which the key is not allowed stays as it is.

    Parameters
    ----------
    keys : [B] whole numbers from 0, a key per history. Weights begin with the histories,
        [B, ..., K].
    mass : more than 0.

    Raises
    ------
    WorkbenchError
        If the keys or the mass are others; and from the edit, if there is not one for each history,
        or one lies beyond the keys of a row.
    """
    kinds = (torch.int32, torch.int64)
    if not isinstance(keys, Tensor) or keys.dtype not in kinds or keys.dim() != 1:
        raise WorkbenchError(
            f"keys to be raised are {_told(keys)}; give a tensor [B] of whole numbers, the place "
            "of one key in each history, as in torch.tensor([5, 0, 2])."
        )
    _above_zero("mass", mass)
    least, most = (int(keys.min()), int(keys.max())) if len(keys) else (0, 0)
    keys = keys.long()

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        if len(keys) != len(weights) or least < 0 or most >= weights.shape[-1]:
            raise WorkbenchError(
                f"keys to be raised are {len(keys)}, from {least} to {most}; give one for each of "
                f"{len(weights)} histories, from 0 to {weights.shape[-1] - 1}."
            )
        one = keys.view(-1, *[1] * (weights.dim() - 1)).expand(*weights.shape[:-1], 1)
        chosen = torch.zeros_like(weights, dtype=torch.bool).scatter(-1, one, True)
        total = weights.sum(-1, keepdim=True)
        gain = (mass * total).minimum((total - weights.amax(-1, keepdim=True)).clamp(min=0))
        own = weights.gather(-1, one)
        others = (total - own).clamp(min=torch.finfo(weights.dtype).tiny)
        edited = torch.where(chosen, own + gain, weights * (1 - gain / others))
        known = allowed.expand_as(weights).gather(-1, one)
        return torch.where(known & (gain > 0), edited, weights)

    return edit


def uniform(weights: Tensor, allowed: Tensor) -> Tensor:
    """The same weight for every allowed key of a row: [..., K].

    Parameters
    ----------
    weights, allowed : [..., K], as every edit takes them.
    """
    return uniform_weights(allowed.expand_as(weights), weights.dtype)


def in_turn(edits: Sequence[Edit]) -> Edit:
    """One edit that makes several, one after the other.

    Raises
    ------
    WorkbenchError
        If it is given one by itself.
    """
    if callable(edits):
        raise WorkbenchError("edits made in turn are a list; put it in brackets, in_turn([...]).")

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        for each in edits:
            weights = each(weights, allowed)
        return weights

    return edit


def power(exponent: float) -> Edit:
    """An edit that raises weights to a power: below 1 flatter, above 1 sharper, in the same order.

    Parameters
    ----------
    exponent : more than 0.

    Raises
    ------
    WorkbenchError
        If it is not.
    """
    _above_zero("exponent", exponent)

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        raised = weights.pow(exponent).masked_fill(~allowed, 0.0)
        total = raised.sum(-1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)
        return raised * (weights.sum(-1, keepdim=True) / total)

    return edit


def dealt(weights: Tensor, allowed: Tensor, noise: Tensor) -> Tensor:
    """The weights of each row, dealt out to its allowed keys in the order of noise: [..., K].

    Parameters
    ----------
    weights, allowed : [..., K], as every edit takes them.
    noise : [..., K], from 0 to below 1.
    """
    # allowed keys first, in random order; and allowed keys first, in their own order
    order = _ascending(noise + 2 * (~allowed).to(weights.dtype))
    places = (~allowed).to(torch.uint8).argsort(dim=-1, stable=True).expand_as(order)
    return torch.zeros_like(weights).scatter(-1, places, weights.gather(-1, order))


def _noise(weights: Tensor, seed: int) -> Tensor:
    """Numbers from 0 to 1, drawn on the CPU: the same ones wherever a model is."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(weights.shape, generator=generator, dtype=weights.dtype).to(weights.device)


def _told(keys: object) -> str:
    """What keys are, in words."""
    if not isinstance(keys, Tensor):
        return f"a {type(keys).__name__}"
    return f"a tensor {list(keys.shape)} of {keys.dtype}"


def _above_zero(option: str, value: object) -> None:
    if not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise WorkbenchError(f"{option}={value!r}; give a number above 0.")


def _ascending(numbers: Tensor) -> Tensor:
    """The order of numbers that are not negative along the last dimension, equal ones as they lie.

    In single precision on a CPU in a third of the time of `argsort`: bits of such numbers are in
    the order of the numbers, so that one integer holds a number and then its place.
    """
    if numbers.dtype != torch.float32 or numbers.device != torch.device("cpu"):
        return numbers.argsort(dim=-1, stable=True)
    bits = numbers.contiguous().view(torch.int32).long()
    placed = (bits << 32).bitwise_or_(torch.arange(numbers.shape[-1]))
    placed.numpy().sort(-1)
    return placed.bitwise_and_(2**32 - 1)


def _k_largest(weights: Tensor, allowed: Tensor, k: int) -> list[Tensor]:
    """The keys of the k largest weights of each row, [..., 1] each, the largest first."""
    ranked, keys = weights.masked_fill(~allowed, -torch.inf), []
    for _ in range(min(k, weights.shape[-1])):
        keys.append(ranked.argmax(-1, keepdim=True))
        ranked = ranked.scatter(-1, keys[-1], -torch.inf)
    return keys


def _without_largest(weights: Tensor, allowed: Tensor, k: int) -> Tensor:
    """Whether a row has no k largest weights that could go: all are equal, or no more: [..., 1]."""
    return (even(weights, allowed) | (allowed.sum(-1) <= k))[..., None]


def without_keys(weights: Tensor, allowed: Tensor, removed: Tensor) -> Tensor:
    """Weights without some keys: [..., K]; a row left without any allowed key is untouched.

    Where everything sat on the removed keys, the others share it.

    Parameters
    ----------
    weights, allowed : [..., K], as every edit takes them.
    removed : bool, broadcastable, True at the keys that go.
    """
    total = weights.sum(-1, keepdim=True)
    others = allowed & ~removed
    left = weights * others  # `masked_fill` takes five times as long
    rest = left.sum(-1, keepdim=True)
    edited = left / rest * total
    bare = (rest <= 0)[..., 0]
    if bare.any():
        there = others.expand_as(weights)[bare]  # [N, K]
        share = there.to(weights.dtype) / there.sum(-1, keepdim=True).clamp(min=1)
        shared = torch.where(there.any(-1, keepdim=True), share * total[bare], weights[bare])
        edited[bare] = shared
    return edited
