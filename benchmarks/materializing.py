"""TiSASRec as it is published: an embedding for every pair of items, B x L x L x d.

The same parameters and the same mathematics as ours, plainly written and slow; every row of every
layer is computed. In tests it is what ours is compared with.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models import Batch, TiSASRec
from models.attention import rows_of
from models.time_intervals import Intervals
from models.transformer import Context, TransformerLayer


@dataclass(frozen=True)
class MaterializedIntervals(Intervals):
    """Position and interval embeddings of every pair, looked up once for all layers."""

    keys: Tensor | None = None  # [B, L, L, H, dh]
    values: Tensor | None = None

    @classmethod
    def of(cls, found: Intervals) -> "MaterializedIntervals":
        index = found.index[:, 0]  # [B, L, L]
        keys, values = (
            table.transpose(0, 1)[index] for table in (found.key_intervals, found.value_intervals)
        )
        return cls(**vars(found), keys=keys, values=values)

    def scores(self, q: Tensor, k: Tensor) -> Tensor:
        """q_i . k_j + q_i . position_j + q_i . interval_ij, term by term."""
        assert self.keys is not None
        scores = q @ k.mT + torch.einsum("bihd,bijhd->bhij", q.transpose(1, 2), self.keys)
        return scores if self.key_positions is None else scores + q @ self.key_positions.mT

    def mix(self, weights: Tensor, value: Tensor) -> Tensor:
        """Weights with values, with positions, and with the embedding of every pair."""
        assert self.values is not None
        mixed = weights @ value + torch.einsum("bhij,bijhd->bhid", weights, self.values)
        return mixed if self.value_positions is None else mixed + weights @ self.value_positions


class WholeLayer(TransformerLayer):
    """A layer that computes every row, whichever are asked for."""

    def forward(self, x: Tensor, context: Context, rows: Tensor | None = None) -> Tensor:
        """As in `TransformerLayer.forward`."""
        x = self.finish(self.project(x, context), x)
        return x if rows is None else rows_of(x, rows)


class Materializing(TiSASRec):
    """TiSASRec that materialises its intervals."""

    @classmethod
    def of(cls, model: TiSASRec) -> "Materializing":
        """A copy of a model, with the same weights."""
        slow = cls(model.config).to(model.item_embedding.weight.dtype)
        slow.load_state_dict(model.state_dict())
        slow.encoder.layers[-1].__class__ = WholeLayer
        slow.taps()[-1].register_forward_hook(lambda *_: None)  # the attacked branch, too
        return slow.train(model.training)

    def intervals(self, tokens: Batch) -> Intervals:
        """Intervals between all items, with their embeddings."""
        return MaterializedIntervals.of(super().intervals(tokens))
