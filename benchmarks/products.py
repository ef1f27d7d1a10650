"""The matrix products that a training step of SASRec cannot do without, run bare."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from models import ModelConfig

PIECE = 128  # rows of logits at once: their product stays in the cache, which is quickest


class Product(NamedTuple):
    """`batch` products at once of [rows, inner] with [inner, columns]."""

    batch: int
    rows: int
    inner: int
    columns: int

    @property
    def operations(self) -> int:
        """Multiplications and additions, forward and backward."""
        return 3 * 2 * self.batch * self.rows * self.inner * self.columns


def sasrec_products(
    config: ModelConfig, batch_size: int, length: int, targets: int, *, every_row: bool
) -> list[Product]:
    """What a batch of `batch_size` histories, padded to `length`, with `targets` targets needs.

    every_row: whether the last layer's outputs are needed at all positions, or at one of each
    history. Each product stands for itself and for the two that its gradients take.
    """
    hidden, inner, heads = config.hidden_size, config.inner_size, config.n_heads
    found = []
    for layer in range(config.n_layers):
        last = layer == config.n_layers - 1
        rows = length if every_row or not last else 1  # of each history
        found += [
            Product(1, batch_size * rows, hidden, hidden),  # queries
            Product(1, batch_size * length, hidden, hidden),  # keys
            Product(1, batch_size * length, hidden, hidden),  # values
            Product(batch_size * heads, rows, hidden // heads, length),  # scores
            Product(batch_size * heads, rows, length, hidden // heads),  # values weighted
            Product(1, batch_size * rows, hidden, hidden),  # heads joined
            Product(1, batch_size * rows, hidden, inner),
            Product(1, batch_size * rows, inner, hidden),
        ]
    return found + [
        Product(1, min(PIECE, targets - start), hidden, config.n_items + 1)
        for start in range(0, targets, PIECE)
    ]


class Workspace:
    """Operands and results for any of `products`, allocated once."""

    def __init__(self, products: Sequence[Product]) -> None:
        left = max(p.batch * p.rows * p.inner for p in products)
        right = max(p.batch * p.inner * p.columns for p in products)
        result = max(p.batch * p.rows * p.columns for p in products)
        self.left, self.right = torch.randn(left), torch.randn(right)
        self.result = torch.empty(result)
        self.grad_left, self.grad_right = torch.empty(left), torch.empty(right)

    def run(self, products: Sequence[Product]) -> None:
        """Each product, and the two of its gradients with the result in place of its gradient."""
        for batch, rows, inner, columns in products:
            shape = (batch,) if batch > 1 else ()
            multiply = torch.bmm if batch > 1 else torch.mm
            left = _view(self.left, *shape, rows, inner)
            right = _view(self.right, *shape, columns, inner).mT  # as weights and keys lie
            result = _view(self.result, *shape, rows, columns)
            multiply(left, right, out=result)
            multiply(result, right.mT, out=_view(self.grad_left, *shape, rows, inner))
            multiply(result.mT, left, out=_view(self.grad_right, *shape, columns, inner))


def _view(room: Tensor, *shape: int) -> Tensor:
    return room[: torch.Size(shape).numel()].view(shape)
