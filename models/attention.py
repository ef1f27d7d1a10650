"""Attention weights, plain or uniform, and the tap that they pass."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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

    @property
    def hooked(self) -> bool:
        """Whether somebody is reading or changing what passes."""
        return bool(self._forward_hooks)


class Projected(NamedTuple):
    """Queries, keys and values of a layer, heads concatenated, and where each query may look.

    Attributes
    ----------
    query : [B, Q, d], of all L rows or of the prediction row alone.
    key, value : [B, L, d].
    rows : [B or 1, Q], the position of each query.
    allowed : bool, [B, 1, Q, L], True where a query may attend to a key.
    causal : whether `allowed` leaves out every later key.
    intervals : what position and time add to keys and values, or None.
    copies : [B], how many keys the last one stands for; None where it is one like the others.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    rows: Tensor
    allowed: Tensor
    causal: bool = True
    intervals: Intervals | None = None
    copies: Tensor | None = None

    def scores(self, n_heads: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B, H, Q, dh], keys [B, H, L, dh] and their products [B, H, Q, L]."""
        q, k = split_heads(self.query, n_heads), split_heads(self.key, n_heads)
        if self.intervals is not None:
            return q, k, self.intervals.scores(q, k)
        scores = q @ k.transpose(-1, -2)
        if self.copies is not None:  # m equal keys together weigh as one with ln(m) more
            more = self.copies.to(q.dtype).clamp(min=1).log() * q.shape[-1] ** 0.5  # [B]
            scores = scores + F.pad(more[:, None], (k.shape[2] - 1, 0))[:, None, None]
        return q, k, scores

    def mix(self, weights: Tensor) -> Tensor:
        """Values summed with weights [B, H, Q, L], heads concatenated again, [B, Q, d]."""
        v = split_heads(self.value, weights.shape[1])  # [B, H, L, dh]
        mixed = weights @ v if self.intervals is None else self.intervals.mix(weights, v)
        return mixed.transpose(1, 2).flatten(2)  # [B, H, Q, dh] -> [B, Q, d]

    def at(self, rows: Tensor) -> "Projected":
        """The same for one query of each history, at rows [B]."""
        return self._replace(
            query=row_of_each(self.query, rows),
            rows=rows[:, None],
            allowed=query_of_each(self.allowed, rows),
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


def row_of_each(x: Tensor, rows: Tensor) -> Tensor:
    """[B, L, d] -> [B, 1, d], at rows [B]."""
    return x[torch.arange(len(x), device=x.device), rows][:, None]


def query_of_each(weights: Tensor, rows: Tensor) -> Tensor:
    """[B, H, L, L] -> [B, H, 1, L], for the queries at rows [B]."""
    return weights[torch.arange(len(weights), device=weights.device), :, rows][:, :, None]
