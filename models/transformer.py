"""Post-norm transformer layers whose attention is composed (RecBole's variant: erf-GELU)."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.attention import PlainAttention, Projected, split_heads
from models.calibrated_attention import CalibratedAttention
from models.config import ModelConfig
from models.kernels import Dropout
from models.time_intervals import Intervals


@dataclass
class Encoded:
    """hidden: [B, d] at the prediction rows, or [B, L, d].

    attacked: the same through the last layer's perturbed weights, where asked for.
    masks: M of every layer, [B, H, L, L], where asked for.
    """

    hidden: Tensor
    attacked: Tensor | None = None
    masks: list[Tensor] = field(default_factory=list)


class FeedForward(nn.Module):
    """Two affine maps with a GELU between, a residual and a LayerNorm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dense_1 = nn.Linear(config.hidden_size, config.inner_size)
        self.dense_2 = nn.Linear(config.inner_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.dropout(self.dense_2(F.gelu(self.dense_1(x)))))


class TransformerLayer(nn.Module):
    """Attention over values, residual and LayerNorm; then the feed-forward block."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        size = config.hidden_size
        self.n_heads = config.n_heads
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size)
        self.weights: PlainAttention | CalibratedAttention = (
            PlainAttention(config, layer)
            if config.calibration is None
            else CalibratedAttention(config, config.calibration, layer)
        )
        self.dense = nn.Linear(size, size)
        self.norm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout)
        self.feed_forward = FeedForward(config)

    def project(
        self, x: Tensor, allowed: Tensor, causal: bool, intervals: Intervals | None
    ) -> Projected:
        """Queries and keys of every row. x: [B, L, d]; allowed: [B, 1, L, L]."""
        rows = torch.arange(x.shape[1], device=x.device)[None]
        return Projected(self.query(x), self.key(x), rows, allowed, causal, intervals)

    def mix(self, weights: Tensor, value: Tensor, x: Tensor, intervals: Intervals | None) -> Tensor:
        """Values weighted, and everything after them. [B, H, Q, L], [B, L, d], [B, Q, d]."""
        v = split_heads(value, self.n_heads)
        mixed = weights @ v if intervals is None else intervals.mix(weights, v)  # [B, H, Q, dh]
        mixed = mixed.transpose(1, 2).flatten(2)  # [B, Q, d]
        return self.feed_forward(self.norm(x + self.dropout(self.dense(mixed))))


class Encoder(nn.Module):
    """A stack of layers. The last one is computed at the prediction rows alone where it may be."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerLayer(config, layer) for layer in range(config.n_layers)
        )

    def forward(
        self,
        x: Tensor,
        allowed: Tensor,
        rows: Tensor | None,
        *,
        causal: bool = True,
        intervals: Intervals | None = None,
        adversarial: bool = False,
        noise: Tensor | None = None,
    ) -> Encoded:
        """x: [B, L, d]. rows: [B] prediction rows, or None for all of them. causal: whether
        `allowed` [B, 1, L, L] leaves out every later key. intervals: as in `Projected`.

        adversarial: also return masks and the attacked branch; `noise` [B, H, L, L] replaces the
        standard normal draw of the last layer.
        """
        encoded = Encoded(x)
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, TransformerLayer)
            projected = layer.project(x, allowed, causal, intervals)
            value = layer.value(x)
            mask = None
            if adversarial:
                assert isinstance(layer.weights, CalibratedAttention)
                mask = layer.weights.mask(projected)
                encoded.masks.append(mask)
            if index == last and rows is not None and not _hooked(layer):
                at = torch.arange(len(x), device=x.device)
                intervals = None if intervals is None else intervals.at(at, rows)
                projected = Projected(
                    projected.query[at, rows][:, None],
                    projected.key,
                    rows[:, None],
                    allowed[at, :, rows][:, :, None],
                    causal,
                    intervals,
                )
                x = x[at, rows][:, None]
                mask = None if mask is None else mask[at, :, rows][:, :, None]
                noise = None if noise is None else noise[at, :, rows][:, :, None]
                rows = None
            if index == last and adversarial:
                assert mask is not None
                eps = torch.randn_like(mask) if noise is None else noise
                weights = layer.weights(projected, mask, eps)
                assert weights.perturbed is not None
                encoded.attacked = layer.mix(weights.perturbed, value, x, intervals)
            elif mask is not None:
                weights = layer.weights(projected, mask)
            else:
                weights = layer.weights(projected)
            x = layer.mix(weights.attention, value, x, intervals)
        encoded.hidden = _at(x, rows)
        if encoded.attacked is not None:
            encoded.attacked = _at(encoded.attacked, rows)
        return encoded


def _at(x: Tensor, rows: Tensor | None) -> Tensor:
    """[B, L, d] at rows [B]; [B, 1, d], a single row already, or all rows, stay."""
    if rows is None:
        return x
    return x[torch.arange(len(x), device=x.device), rows][:, None]


def _hooked(layer: TransformerLayer) -> bool:
    return any(tap.hooked for tap in layer.weights.taps.values())
