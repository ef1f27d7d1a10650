"""Models whose attention cannot be faithful, made of trained ones without any training.

Each is a copy of a model that does all that a model does: its attention is recorded, edited and
differentiated at its taps.
"""

import copy
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor

from models import AttentionTap, Batch, Recommender
from models.attention import PlainAttention, Projected
from models.kept_pass import KeptPass
from models.kernels import masked_softmax, uniform_weights
from workbench.attention.hooks import taps_at

Arrange = Callable[[Tensor, Tensor], Tensor]  # items [B, L], weights [B, H, Q, L] -> order of keys
SHARPNESS = 2.0  # standard deviation of the scores of decorative queries and keys, about


def mislabelled(model: Recommender) -> Recommender:
    """The model as it is, whose weights are shown at other items of the history than they act on.

    What is edited acts on the weights, wherever they were shown.
    """
    return _rearranged(model, _at_random, used=False)


def permuted(model: Recommender) -> Recommender:
    """The model with the weights of every row dealt out to other items, and used like that."""
    return _rearranged(model, _at_random, used=True)


def wrong_copy(model: Recommender) -> Recommender:
    """The model as it is, whose weight of an item is shown at its next copy in the history.

    Where an item is there once only, nothing changes.
    """
    return _rearranged(model, _next_copy, used=False)


def decorated(model: Recommender) -> Recommender:
    """A model of uniform attention that shows the softmax of untrained queries and keys.

    Nothing depends on what is shown, so that editing it changes nothing.

    Parameters
    ----------
    model : one whose attention is uniform.
    """
    made = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(0)
    for number, layer in enumerate(made.encoder.layers):
        for part in (layer.query, layer.key):
            with torch.no_grad():
                part.weight.normal_(
                    std=(SHARPNESS / made.config.hidden_size) ** 0.5, generator=generator
                )
        layer.weights = _Decoration(made.config, number)
    return made.eval()


class _Decoration(PlainAttention):
    """Uniform attention that shows a softmax instead."""

    def forward(self, p: Projected) -> Tensor:
        q, _, scores = p.scores(self.n_heads)
        shown = self.taps["attention"](masked_softmax(scores, p.allowed, q.shape[-1] ** -0.5))
        used = uniform_weights(p.allowed, p.query.dtype).expand_as(shown)
        return used + 0 * shown  # its gradient is there, and 0


class _Rearranged(AttentionTap):
    """A tap at which the keys of every row change places before anybody reads or edits them."""

    def __init__(self, tap: AttentionTap, arrange: Arrange, seen: dict[str, Tensor], used: bool):
        super().__init__(tap.layer, tap.stage)
        self.arrange, self.seen, self.used = arrange, seen, used

    def __call__(self, weights: Tensor) -> Tensor:  # hooks run within nn.Module's
        order = self.arrange(self.seen["items"], weights)
        shown = super().__call__(weights.gather(-1, order))
        return shown if self.used else torch.zeros_like(shown).scatter(-1, order, shown)


def _rearranged(model: Recommender, arrange: Arrange, *, used: bool) -> Recommender:
    made = copy.deepcopy(model)
    made.__class__ = _remembering(type(model))  # type: ignore[arg-type]
    seen: dict[str, Tensor] = {}
    made.seen = seen  # type: ignore[assignment]
    for layer, tap in zip(made.encoder.layers, taps_at(made), strict=True):
        layer.weights.taps["attention"] = _Rearranged(tap, arrange, seen, used)
    return made.eval()


@lru_cache
def _remembering(kind: type[Recommender]) -> type[Recommender]:
    """The same class, whose `seen` always holds the items that pass the layers; copies do too."""

    class Remembering(kind):  # type: ignore[misc, valid-type]
        def prepare(self, batch: Batch, *rest: Any, **options: Any) -> Any:
            self.seen["items"] = self.tokens(batch).items
            return super().prepare(batch, *rest, **options)

        def keep(self, batch: Batch, embeddings: Tensor | None = None) -> KeptPass | None:
            kept, items = super().keep(batch, embeddings), self.tokens(batch).items
            if kept is not None:  # what goes on from it without `prepare`
                kept.mixed = partial(self.going_on, kept.mixed, items)
                kept.reweighted = partial(self.going_on, kept.reweighted, items)
            return kept

        def going_on(
            self, run: Callable[..., Tensor], items: Tensor, which: Tensor, *rest: Tensor
        ) -> Tensor:
            self.seen["items"] = items[which]
            return run(which, *rest)

    return Remembering


def _at_random(items: Tensor, weights: Tensor) -> Tensor:
    """Keys that have weight change places at random, as the history, and nothing else, decides."""
    places = torch.arange(items.shape[1], device=items.device)
    # padding is 0, and so counts for nothing, however long the batch
    history = (items * (places + 1) * 7919).sum(1, keepdim=True)  # [B, 1]
    noise = ((history % 100_003).double() * 12.9898 + (places + 1) * 78.233).sin() * 43_758.5453
    noise = noise - noise.floor()  # [B, L], in 0 to 1
    dealt = noise[:, None, None].masked_fill(weights <= 0, 2.0).argsort(-1)  # [B, H, Q, L]
    ordered = (weights <= 0).to(torch.uint8).argsort(dim=-1, stable=True)
    return torch.empty_like(dealt).scatter(-1, ordered, dealt)


def _next_copy(items: Tensor, weights: Tensor) -> Tensor:
    """Keys that have weight move to the next one with the same item, the last to the first."""
    length = items.shape[1]
    places = torch.arange(length, device=items.device)
    alone = items.max() + 1 + places  # a key without weight is like no other
    named = torch.where(weights > 0, items[:, None, None], alone)  # [B, H, Q, L]
    groups = named.argsort(dim=-1, stable=True)  # copies side by side, the oldest first
    sorted_names = named.gather(-1, groups)
    starts = torch.ones_like(sorted_names, dtype=torch.bool)
    starts[..., 1:] = sorted_names[..., 1:] != sorted_names[..., :-1]
    ends = torch.ones_like(starts)
    ends[..., :-1] = starts[..., 1:]
    last = torch.where(ends, places, length).flip(-1).cummin(-1).values.flip(-1)
    before = torch.where(starts, last, places - 1)  # each shows what its earlier copy has
    source = groups.gather(-1, before)
    return torch.empty_like(groups).scatter(-1, groups, source)
