"""Attention weights, plain or uniform, and the tap that they pass."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from models.config import ModelConfig
from models.kernels import Dropout, masked_softmax, uniform_weights
from models.time_intervals import Intervals


class AttentionTap(nn.Identity):
    """An identity through which weights [B, H, Q, L] pass; recording and editing are its hooks."""

    def __init__(self, layer: int, stage: str) -> None:
        super().__init__()
        self.layer = layer
        self.stage = stage

    @property
    def hooked(self) -> bool:
        """Whether somebody is reading or changing what passes."""
        return bool(self._forward_hooks)


class Projected(NamedTuple):
    """Queries and keys with heads concatenated, and where each query and key may look.

    query: [B, Q, d]. key: [B, L, d]. rows: [B or 1, Q], positions of the queries.
    allowed: [B, 1, Q, L]. causal: whether it leaves out every later key. intervals: what position
    and time add to keys, or None.
    """

    query: Tensor
    key: Tensor
    rows: Tensor
    allowed: Tensor
    causal: bool = True
    intervals: Intervals | None = None

    def scores(self, n_heads: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B, H, Q, dh], keys [B, H, L, dh] and their scores [B, H, Q, L]."""
        q, k = split_heads(self.query, n_heads), split_heads(self.key, n_heads)
        if self.intervals is None:
            return q, k, q @ k.transpose(-1, -2)
        return q, k, self.intervals.scores(q, k)


@dataclass(frozen=True)
class Weights:
    """attention: [B, H, Q, L], what multiplies the values. perturbed: the same under attack."""

    attention: Tensor
    perturbed: Tensor | None = None


class PlainAttention(nn.Module):
    """softmax*(q k^T / sqrt(dh)), or the same weight for every allowed key."""

    stages = ("attention",)

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.learned = config.attention == "learned"
        self.dropout = Dropout(config.attention_dropout)
        self.taps = nn.ModuleDict({"attention": AttentionTap(layer, "attention")})

    def forward(self, p: Projected) -> Weights:
        if self.learned:
            q, _, scores = p.scores(self.n_heads)
            weights = masked_softmax(scores, p.allowed, q.shape[-1] ** -0.5)
        else:
            weights = uniform_weights(p.allowed, p.query.dtype).expand(-1, self.n_heads, -1, -1)
        return Weights(self.taps["attention"](self.dropout(weights)))


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """[B, L, d] -> [B, H, L, d / H]."""
    batch, length, size = x.shape
    return x.view(batch, length, n_heads, size // n_heads).transpose(1, 2)
