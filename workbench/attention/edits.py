"""Changes to attention weights. Each keeps a row's sum at one and rows with one allowed key as is.

An edit takes weights [..., K] and allowed (bool, broadcastable) and returns weights [..., K];
nothing ever gets weight where `allowed` is False.

Where the allowed weights of a row are all the same (`equal_rows`), it has no largest, second
largest or smallest one: what removes such a weight leaves the row as it is. Among several equal
largest of a row with others, that of the oldest item is removed.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Edit = Callable[[Tensor, Tensor], Tensor]
ROUNDINGS = 4  # of the largest weight, within which weights count as the same


def equal_rows(weights: Tensor, allowed: Tensor) -> Tensor:
    """Whether the allowed weights of each row are all the same, except for rounding: [...] bool.

    A row with a single allowed key is one of these.
    """
    largest = weights.masked_fill(~allowed, -torch.inf).amax(-1)
    smallest = weights.masked_fill(~allowed, torch.inf).amin(-1)
    return largest - smallest <= ROUNDINGS * torch.finfo(weights.dtype).eps * largest


def remove_largest(weights: Tensor, allowed: Tensor) -> Tensor:
    """The largest weight of each row set to zero, the others renormalised.

    A row of equal weights has none and stays as it is.
    """
    removed = weights.masked_fill(~allowed, -torch.inf).argmax(-1)
    return _keeping_equal(weights, allowed, _without_one(weights, allowed, removed))


def remove_second_largest(weights: Tensor, allowed: Tensor) -> Tensor:
    """The second-largest weight of each row set to zero; a row of equal weights stays so."""
    ranked = weights.masked_fill(~allowed, -torch.inf)
    if weights.shape[-1] == 1:
        return weights
    removed = ranked.topk(2, dim=-1).indices[..., 1]
    return _keeping_equal(weights, allowed, _without_one(weights, allowed, removed))


def remove_smallest(weights: Tensor, allowed: Tensor) -> Tensor:
    """The smallest allowed weight of each row set to zero; a row of equal weights stays so."""
    removed = weights.masked_fill(~allowed, torch.inf).argmin(-1)
    return _keeping_equal(weights, allowed, _without_one(weights, allowed, removed))


def remove_random(seed: int) -> Edit:
    """An edit that removes a random weight of each row, never the largest unless all are equal."""

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        noise = _noise(weights, seed).masked_fill(~allowed, -1.0)
        largest = weights.masked_fill(~allowed, -torch.inf).argmax(-1, keepdim=True)
        others = noise.scatter(-1, largest, -0.5)
        equal = equal_rows(weights, allowed)[..., None]
        return _without_one(weights, allowed, torch.where(equal, noise, others).argmax(-1))

    return edit


def remove_keys(keys: Tensor) -> Edit:
    """An edit that sets the weights of the keys chosen to zero and renormalises the others.

    A row in which no other key is allowed stays as it is.

    Parameters
    ----------
    keys : [K] bool, True where a key is chosen. Keys after the first K, such as a mask token, are
        not chosen.
    """

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        chosen = F.pad(keys, (0, weights.shape[-1] - len(keys)))
        return without_keys(weights, allowed, chosen.expand_as(weights))

    return edit


def uniform(weights: Tensor, allowed: Tensor) -> Tensor:
    """The same weight for every allowed key."""
    allowed = allowed.expand_as(weights)
    return allowed.to(weights.dtype) / allowed.sum(-1, keepdim=True)


def power(exponent: float) -> Edit:
    """An edit that raises weights to a power: below 1 flatter, above 1 sharper, in the same order.

    Parameters
    ----------
    exponent : more than 0.
    """

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        raised = weights.pow(exponent).masked_fill(~allowed, 0.0)
        total = raised.sum(-1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)
        return raised * (weights.sum(-1, keepdim=True) / total)

    return edit


def permute(seed: int) -> Edit:
    """An edit that deals the weights of each row out to its allowed keys at random."""

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        # allowed keys first, in random order; and allowed keys first, in their own order
        dealt = _noise(weights, seed).masked_fill(~allowed, 2.0).argsort(-1)
        places = (~allowed).to(torch.uint8).argsort(dim=-1, stable=True).expand_as(dealt)
        return torch.zeros_like(weights).scatter(-1, places, weights.gather(-1, dealt))

    return edit


def _noise(weights: Tensor, seed: int) -> Tensor:
    generator = torch.Generator(weights.device).manual_seed(seed)
    return torch.rand(
        weights.shape, generator=generator, device=weights.device, dtype=weights.dtype
    )


def _keeping_equal(weights: Tensor, allowed: Tensor, edited: Tensor) -> Tensor:
    return torch.where(equal_rows(weights, allowed)[..., None], weights, edited)


def _without_one(weights: Tensor, allowed: Tensor, removed: Tensor) -> Tensor:
    """Weights with one key of each row, its index in `removed` [...], removed."""
    removed = removed[..., None]
    left = weights.masked_fill(~allowed, 0.0).scatter(-1, removed, 0.0)
    rest = left.sum(-1, keepdim=True)
    edited = left * (weights.sum(-1, keepdim=True) / rest)
    bare = rest[..., 0] <= 0  # nothing to share among the others: few rows, with rules of their own
    if bare.any():
        gone = torch.zeros_like(weights[bare], dtype=torch.bool).scatter(-1, removed[bare], True)
        edited[bare] = without_keys(weights[bare], allowed.expand_as(weights)[bare], gone)
    return edited


def without_keys(weights: Tensor, allowed: Tensor, removed: Tensor) -> Tensor:
    """Weights with keys (bool, [..., K]) removed; a row left without any allowed key is untouched.

    Where everything sat on the removed keys, the others share it.
    """
    total = weights.sum(-1, keepdim=True)
    others = allowed.expand_as(weights) & ~removed
    left = weights.masked_fill(~others, 0.0)
    rest = left.sum(-1, keepdim=True)
    share = others.to(weights.dtype) / others.sum(-1, keepdim=True).clamp(min=1)
    edited = torch.where(rest > 0, left / rest.clamp(min=torch.finfo(weights.dtype).tiny), share)
    return torch.where(others.any(-1, keepdim=True), edited * total, weights)
