"""Changes to attention weights. Each keeps a row's sum at one and rows with one allowed key as is.

An edit takes weights [..., K] and allowed (bool, broadcastable) and returns weights [..., K];
nothing ever gets weight where `allowed` is False.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Edit = Callable[[Tensor, Tensor], Tensor]


def remove_largest(weights: Tensor, allowed: Tensor) -> Tensor:
    """The largest weight of each row set to zero, the others renormalised."""
    return _without(weights, allowed, weights.masked_fill(~allowed, -torch.inf).argmax(-1))


def remove_second_largest(weights: Tensor, allowed: Tensor) -> Tensor:
    """The second-largest weight of each row set to zero."""
    ranked = weights.masked_fill(~allowed, -torch.inf)
    if weights.shape[-1] == 1:
        return weights
    return _without(weights, allowed, ranked.topk(2, dim=-1).indices[..., 1])


def remove_smallest(weights: Tensor, allowed: Tensor) -> Tensor:
    """The smallest allowed weight of each row set to zero."""
    return _without(weights, allowed, weights.masked_fill(~allowed, torch.inf).argmin(-1))


def remove_random(seed: int) -> Edit:
    """Remove a random weight of each row that is not the largest."""

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        noise = _noise(weights, seed)
        largest = weights.masked_fill(~allowed, -torch.inf).argmax(-1, keepdim=True)
        noise = noise.masked_fill(~allowed, -1.0).scatter(-1, largest, -0.5)
        return _without(weights, allowed, noise.argmax(-1))

    return edit


def uniform(weights: Tensor, allowed: Tensor) -> Tensor:
    """The same weight for every allowed key."""
    allowed = allowed.expand_as(weights)
    return allowed.to(weights.dtype) / allowed.sum(-1, keepdim=True)


def permute(seed: int) -> Edit:
    """The weights of each row dealt out to its allowed keys at random."""

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        allowed = allowed.expand_as(weights)
        # allowed keys first, in random order; and allowed keys first, in their own order
        dealt = _noise(weights, seed).masked_fill(~allowed, 2.0).argsort(-1)
        places = (~allowed).to(torch.uint8).argsort(dim=-1, stable=True)
        return torch.zeros_like(weights).scatter(-1, places, weights.gather(-1, dealt))

    return edit


def _noise(weights: Tensor, seed: int) -> Tensor:
    generator = torch.Generator(weights.device).manual_seed(seed)
    return torch.rand(
        weights.shape, generator=generator, device=weights.device, dtype=weights.dtype
    )


def _without(weights: Tensor, allowed: Tensor, removed: Tensor) -> Tensor:
    """Weights with one key of each row [...] removed; untouched where it is the only one."""
    total = weights.sum(-1, keepdim=True)
    left = weights.masked_fill(~allowed, 0.0).scatter(-1, removed[..., None], 0.0)
    rest = left.sum(-1, keepdim=True)
    # where everything sat on the removed key, the others share it
    others = allowed.expand_as(weights).scatter(-1, removed[..., None], False)
    share = others.to(weights.dtype) / others.sum(-1, keepdim=True).clamp(min=1)
    edited = torch.where(rest > 0, left / rest.clamp(min=torch.finfo(weights.dtype).tiny), share)
    single = allowed.expand_as(weights).sum(-1, keepdim=True) < 2
    return torch.where(single, weights, edited * total)
