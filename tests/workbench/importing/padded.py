"""Transformers over left-padded histories, row by row as their papers and authors have them."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = Mapping[str, Tensor]
Layer = Mapping[str, Tensor]  # by short names, see `encode`


def random_state(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    """Weights large enough to matter, by name."""
    generator = torch.Generator().manual_seed(seed)
    return {name: 0.5 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def left_padded(history: list[int], length: int, padding: int = 0) -> Tensor:
    """[length] ids, padding first."""
    return torch.tensor([padding] * (length - len(history)) + history)


def norm(x: Tensor, state: Weights, name: str, eps: float) -> Tensor:
    """A LayerNorm."""
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def attend(q: Tensor, k: Tensor, v: Tensor, n_heads: int, allowed: Tensor) -> Tensor:
    """[T, d], heads one by one; allowed [T, T]."""
    mixed = []
    for queries, keys, values in zip(*(x.chunk(n_heads, -1) for x in (q, k, v)), strict=True):
        scores = queries @ keys.T / math.sqrt(queries.shape[-1])
        weights = scores.masked_fill(allowed == 0, -torch.inf).softmax(-1).nan_to_num()
        mixed.append(weights @ values)
    return torch.cat(mixed, -1)


def multihead(q: Tensor, kv: Tensor, state: Weights, name: str, heads: int, seen: Tensor) -> Tensor:
    """`nn.MultiheadAttention` of queries and keys [T, d]."""
    weight, bias = state[f"{name}.in_proj_weight"].chunk(3), state[f"{name}.in_proj_bias"].chunk(3)
    parts = [F.linear(x, w, b) for x, w, b in zip((q, kv, kv), weight, bias, strict=True)]
    mixed = attend(parts[0], parts[1], parts[2], heads, seen)
    return F.linear(mixed, state[f"{name}.out_proj.weight"], state[f"{name}.out_proj.bias"])


def layer(
    x: Tensor,
    order: str,
    norms: tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]],
    attention: Callable[[Tensor, Tensor], Tensor],
    inner: Callable[[Tensor], Tensor],
) -> Tensor:
    """A layer that normalises after, before, or queries alone (and the input of what is inner)."""
    first, second = norms
    if order == "post":
        x = first(x + attention(x, x))
        return second(x + inner(x))
    if order == "pre":
        x = x + attention(first(x), first(x))
        return x + inner(second(x))
    x = second(first(x) + attention(first(x), x))
    return x + inner(x)
