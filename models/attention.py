"""Attention weights, plain or uniform, and the tap that they pass."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from models.config import ModelConfig
from models.kernels import Dropout, masked_softmax, uniform_weights
from models.time_intervals import Intervals


class AttentionTap(nn.Identity):
    """An identity through which weights [B, H, Q, L] pass; recording and editing are its hooks.

    Parameters
    ----------
    layer : number of the layer, from 0.
    stage : name of the stage; the last one of a layer, "attention", multiplies the values.
    """

    def __init__(self, layer: int, stage: str) -> None:
        super().__init__()
        self.layer = layer
        self.stage = stage
        self._content: set[int] = set()  # hooks that make do with the rows that predict

    def hook_rows(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Register a forward hook for which the last layer need not compute all of its rows.

        There the hook may meet the weights of the rows that predict alone, [B, H, 1, T].
        """
        handle = self.register_forward_hook(hook)
        self._content.add(handle.id)
        return handle

    @property
    def hooked(self) -> bool:
        """Whether somebody is reading or changing what passes."""
        return bool(self._forward_hooks)

    @property
    def hooked_in_all_rows(self) -> bool:
        """Whether somebody is who needs the weights of all rows."""
        return not self._content.issuperset(self._forward_hooks)


class Own(NamedTuple):
    """By how much the key and the value of a query's own place differ, for that query alone.

    Attributes
    ----------
    key, value : [B, Q, d], to be added to those at the place.
    """

    key: Tensor
    value: Tensor


class Projected(NamedTuple):
    """Queries, keys and values of a layer, heads concatenated, and where each query may look.

    Attributes
    ----------
    query : [B, Q, d], of all L rows or of some of them.
    key, value : [B, L, d].
    rows : [B or 1, Q], the position of each query.
    allowed : bool, [B, 1, Q, L], True where a query may attend to a key.
    causal : whether `allowed` leaves out every later key.
    intervals : what position and time add to keys and values, or None.
    copies : [B], how many keys the last one stands for; None where it is one like the others.
    own : what each query meets at its own place beside that key and value; None where nothing.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    rows: Tensor
    allowed: Tensor
    causal: bool = True
    intervals: Intervals | None = None
    copies: Tensor | None = None
    own: Own | None = None

    def scores(self, n_heads: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B, H, Q, dh], keys [B, H, L, dh] and their products [B, H, Q, L]."""
        q, k = split_heads(self.query, n_heads), split_heads(self.key, n_heads)
        scores = q @ k.transpose(-1, -2) if self.intervals is None else self.intervals.scores(q, k)
        if self.copies is not None:  # m equal keys together weigh as one with ln(m) more
            more = self.copies.to(q.dtype).clamp(min=1).log() * q.shape[-1] ** 0.5  # [B]
            scores = scores + F.pad(more[:, None], (k.shape[2] - 1, 0))[:, None, None]
        if self.own is not None:
            change = (q * split_heads(self.own.key, n_heads)).sum(-1, keepdim=True)
            scores = add_at_own(scores, self.rows, change)
        return q, k, scores

    def mix(self, weights: Tensor) -> Tensor:
        """Values summed with weights [B, H, Q, L], heads concatenated again, [B, Q, d]."""
        n_heads = weights.shape[1]
        v = split_heads(self.value, n_heads)  # [B, H, L, dh]
        mixed = weights @ v if self.intervals is None else self.intervals.mix(weights, v)
        if self.own is not None:
            own = weights.gather(-1, self.rows[:, None, :, None].expand(-1, n_heads, -1, -1))
            mixed = mixed + own * split_heads(self.own.value, n_heads)
        return mixed.transpose(1, 2).flatten(2)  # [B, H, Q, dh] -> [B, Q, d]

    def at(self, rows: Tensor) -> "Projected":
        """The same for some queries of each history, at rows [B, Q]."""
        return self._replace(
            query=rows_of(self.query, rows),
            rows=rows,
            allowed=queries_of(self.allowed, rows),
            intervals=None if self.intervals is None else self.intervals.at(rows),
        )


class PlainAttention(nn.Module):
    """softmax*(q k^T / sqrt(dh)), or the same weight for every allowed key.

    Parameters
    ----------
    config : its `attention` says which of the two.
    layer : number of the layer, from 0.
    """

    stages = ("attention",)

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.learned = config.attention == "learned"
        self.dropout = Dropout(config.attention_dropout)
        self.taps = nn.ModuleDict({"attention": AttentionTap(layer, "attention")})

    def forward(self, p: Projected) -> Tensor:
        """What multiplies the values, [B, H, Q, L]."""
        if self.learned:
            q, _, scores = p.scores(self.n_heads)
            weights = masked_softmax(scores, p.allowed, q.shape[-1] ** -0.5)
        else:
            weights = uniform_weights(p.allowed, p.query.dtype)  # [B, 1, Q, L]
            weights = weights.expand(-1, self.n_heads, -1, -1)
        return self.taps["attention"](self.dropout(weights))


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """[B, L, d] -> [B, H, L, d / H]."""
    batch, length, size = x.shape
    return x.view(batch, length, n_heads, size // n_heads).transpose(1, 2)


def rows_of(x: Tensor, rows: Tensor) -> Tensor:
    """[B, L, d] -> [B, Q, d], at rows [B, Q]."""
    return x[torch.arange(len(x), device=x.device)[:, None], rows]


def queries_of(weights: Tensor, rows: Tensor) -> Tensor:
    """[B, H, L, L] -> [B, H, Q, L], for the queries at rows [B, Q]."""
    each = torch.arange(len(weights), device=weights.device)[:, None]
    return weights[each, :, rows].transpose(1, 2)


def add_at_own(pairs: Tensor, rows: Tensor, change: Tensor) -> Tensor:
    """Something of each query and key, with a change where a query meets its own place.

    Parameters
    ----------
    pairs : [B, H, Q or 1, L].
    rows : [B, Q], the place of each query.
    change : [B, H, Q, 1].

    Returns
    -------
    Tensor
        [B, H, Q, L].
    """
    pairs = pairs.expand(-1, -1, change.shape[2], -1)
    return pairs.scatter_add(-1, rows[:, None, :, None].expand_as(change), change)
