"""Transformer layers whose attention is composed; by default post-norm, with erf-GELU."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.attention import Own, PlainAttention, Projected, queries_of, rows_of
from models.calibrated_attention import SpatialAttention, with_calibrators
from models.config import ModelConfig
from models.kernels import Dropout
from models.time_intervals import Intervals


class Context(NamedTuple):
    """What a layer is given beside its input, the same for all layers.

    Attributes
    ----------
    allowed : bool, [B, 1, L, L], True where row i may attend to key j.
    rows : [B], the row that predicts in each history; None where all rows do.
    causal : whether `allowed` leaves out every later key.
    intervals : what position and time add to keys and values, or None.
    copies : [B], how many rows the last token stands for; None where it is one like the others.
    blank : whether that token is zero in every layer.
    """

    allowed: Tensor
    rows: Tensor | None = None
    causal: bool = True
    intervals: Intervals | None = None
    copies: Tensor | None = None
    blank: bool = False


class FeedForward(nn.Module):
    """Two affine maps with an activation between, a residual and a LayerNorm.

    Parameters
    ----------
    config : sizes, dropout, activation, and where it normalises.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dense_1 = nn.Linear(config.hidden_size, config.inner_size)
        self.dense_2 = nn.Linear(config.inner_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout)
        self.dropped_inside = config.dropout_at == "feed_forward"
        self.norm_at = config.norm
        self.activation = F.gelu if config.activation == "gelu" else F.relu

    def forward(self, x: Tensor) -> Tensor:
        """[..., d] -> [..., d]."""
        if self.norm_at == "post":
            return self.norm(x + self.inner(x))
        normed = self.norm(x)
        return (x if self.norm_at == "pre" else normed) + self.inner(normed)

    def draw_as_torch(self) -> None:
        """Draw weights anew, as `torch.nn.Linear` does."""
        self.dense_1.reset_parameters()
        self.dense_2.reset_parameters()

    def inner(self, x: Tensor) -> Tensor:
        """What is added to x, [..., d] -> [..., d]."""
        x = self.activation(self.dense_1(x))
        if self.dropped_inside:
            x = self.dropout(x)
        return self.dropout(self.dense_2(x))


class TransformerLayer(nn.Module):
    """Attention, residual and LayerNorm; then the feed-forward block.

    Parameters
    ----------
    config : sizes, dropout, where it normalises, and which attention.
    layer : number of the layer, from 0.
    n_tokens : what attention runs over at most.
    """

    def __init__(self, config: ModelConfig, layer: int, n_tokens: int) -> None:
        super().__init__()
        size = config.hidden_size
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size) if config.value_projection else nn.Identity()
        self.weights: PlainAttention | SpatialAttention = (
            PlainAttention(config, layer)
            if config.calibration is None
            else with_calibrators(config, config.calibration, layer, n_tokens)
        )
        self.dense = nn.Linear(size, size) if config.output_projection else nn.Identity()
        self.norm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.norm_at = config.norm
        self.dropout = Dropout(config.hidden_dropout if config.dropout_at == "sublayers" else 0.0)
        self.feed_forward = FeedForward(config)

    def draw_as_torch(self) -> None:
        """Draw weights anew, as layers of PyTorch do: see `ModelConfig.initializer`."""
        for each in (self.query, self.key, self.value):
            if isinstance(each, nn.Linear):
                rows, columns = each.weight.shape
                bound = (6 / (3 * rows + columns)) ** 0.5  # of the three as one matrix
                nn.init.uniform_(each.weight, -bound, bound)
        self.feed_forward.draw_as_torch()

    def forward(self, x: Tensor, context: Context, rows: Tensor | None = None) -> Tensor:
        """[B, L, d] -> [B, L, d]; or -> [B, Q, d], at rows [B, Q] alone."""
        if rows is None:
            return self.finish(self.project(x, context), x)
        if self.hooked:
            p = self.project(x, context)
            weights = queries_of(self.weights(p), rows)
            return self.feed_forward(self.attend(weights, p.at(rows), rows_of(x, rows)))
        return self.finish(self.project(x, context, rows), rows_of(x, rows))

    def again(self, kept: Projected, x: Tensor, rows: Tensor) -> Tensor:
        """A row of each history as if other states had come in there, and nowhere else.

        Parameters
        ----------
        kept : queries, keys and values of all rows.
        x : [B, Q, d], what comes in at the row in place of what was kept.
        rows : [B], the row.

        Returns
        -------
        Tensor
            [B, Q, d].
        """
        places = rows[:, None].expand(-1, x.shape[1])
        query, key, value = self.projections(x)
        own = Own(key - rows_of(kept.key, places), value - rows_of(kept.value, places))
        return self.finish(kept.at(places)._replace(query=query, own=own), x)

    def finish(self, p: Projected, x: Tensor) -> Tensor:
        """What becomes of rows x [B, Q, d] by attention and the feed-forward block."""
        return self.feed_forward(self.attend(self.weights(p), p, x))

    def projections(self, x: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of x [B, L, d]; queries at rows [B, Q] alone where given."""
        asking = x if self.norm_at == "post" else self.norm(x)
        answering = asking if self.norm_at == "pre" else x
        asking = asking if rows is None else rows_of(asking, rows)
        return self.query(asking), self.key(answering), self.value(answering)

    def project(self, x: Tensor, context: Context, rows: Tensor | None = None) -> Projected:
        """Queries at rows [B, Q], or all, keys and values of x [B, L, d]; where these may look."""
        if context.blank:
            x = F.pad(x[:, :-1], (0, 0, 0, 1))
        query, key, value = self.projections(x, rows)
        every = torch.arange(x.shape[1], device=x.device)[None]  # [1, L]
        allowed, intervals = context.allowed, context.intervals
        if rows is not None:
            allowed = queries_of(allowed, rows)
            intervals = None if intervals is None else intervals.at(rows)
        return Projected(
            query,
            key,
            value,
            rows=every if rows is None else rows,
            allowed=allowed,
            causal=context.causal,
            intervals=intervals,
            copies=context.copies,
        )

    def attend(self, weights: Tensor, p: Projected, x: Tensor) -> Tensor:
        """Values mixed by weights [B, H, Q, L] and added to x [B, Q or 1, d]; [B, Q, d]."""
        mixed = self.dropout(self.dense(p.mix(weights)))
        if self.norm_at == "post":
            return self.norm(x + mixed)
        return (x if self.norm_at == "pre" else self.norm(x)) + mixed

    @property
    def hooked(self) -> bool:
        """Whether somebody is reading or changing the weights of all rows."""
        return any(tap.hooked_in_all_rows for tap in self.weights.taps.values())


class Encoder(nn.Module):
    """A stack of layers, and a LayerNorm after the last where there is one.

    Parameters
    ----------
    config : sizes, dropout, where it normalises, and which attention.
    n_tokens : what attention runs over at most.
    """

    layers: Sequence[TransformerLayer]

    def __init__(self, config: ModelConfig, n_tokens: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(  # type: ignore[assignment]
            TransformerLayer(config, layer, n_tokens) for layer in range(config.n_layers)
        )
        self.norm = (
            nn.Identity()
            if config.final_norm_eps is None
            else nn.LayerNorm(config.hidden_size, eps=config.final_norm_eps)
        )

    def forward(self, x: Tensor, context: Context, first: int = 0) -> Tensor:
        """[B, L, d] -> [B, 1, d] at the rows of the context, or [B, L, d] at all.

        `first` is the number of the layer that x enters.
        """
        *earlier, last = self.layers[first:]
        for layer in earlier:
            x = layer(x, context)
        rows = None if context.rows is None else context.rows[:, None]
        return self.norm(last(x, context, rows))
