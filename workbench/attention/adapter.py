"""A module of your own, made a model that every diagnostic accepts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import AttentionTap, Batch
from workbench.attention.open_attention import weights_module
from workbench.errors import WorkbenchError


@dataclass(frozen=True)
class AdaptedConfig:
    """What the workbench asks of any model's configuration."""

    name: str
    n_items: int
    max_length: int
    n_layers: int
    n_heads: int


def adapt(
    module: nn.Module,
    *,
    embed: Callable[[Batch], Tensor],
    score: Callable[[Batch, Tensor], Tensor],
    attention: Sequence[str],
    n_items: int,
    max_length: int,
    causal: bool = True,
    name: str = "Adapted",
) -> "Adapted":
    """Make `module` a model that can be recorded, edited, attributed and diagnosed.

    embed: item embeddings [B, L, d] of a batch. score: scores [B, n_items + 1] of all items from
    the batch and those embeddings, predicted at the last item; histories are right-padded, column
    0 is padding. attention: from the input up, the dotted name of the submodule whose output are a
    layer's weights [B, H, L, L] (a softmax, or the dropout after it), or of a
    `nn.MultiheadAttention`, which is made to compute them openly. causal: whether rows look at no
    later item.

    The module is left in eval mode, with its parameters. One pass of two histories checks the rest:
    raises WorkbenchError for a name that is none, weights that do not pass or are no weights, and
    scores of another shape.
    """
    sources = [weights_module(module, path) for path in attention]
    if not sources:
        raise WorkbenchError("attention names no submodule; name one per layer.")
    model = Adapted(module, sources, embed, score, causal, (name, n_items, max_length))
    model.check(attention)
    return model


class Adapted(nn.Module):
    """A foreign module with taps where its attention weights pass, see `adapt`."""

    stages = ("attention",)

    def __init__(
        self,
        module: nn.Module,
        sources: list[nn.Module],
        embed: Callable[[Batch], Tensor],
        score: Callable[[Batch, Tensor], Tensor],
        causal: bool,
        about: tuple[str, int, int],
    ) -> None:
        super().__init__()
        self.module = module
        self.card: dict[str, Any] = {}
        self.config = AdaptedConfig(*about, n_layers=len(sources), n_heads=1)
        self._embed, self._score, self._causal = embed, score, causal
        self._taps = nn.ModuleList(AttentionTap(n, "attention") for n in range(len(sources)))
        for source, tap in zip(sources, self._taps, strict=True):
            source.register_forward_hook(lambda _, __, weights, tap=tap: tap(weights))
        self.eval()

    def taps(self) -> list[AttentionTap]:
        """A tap per layer."""
        return [tap for tap in self._taps if isinstance(tap, AttentionTap)]

    def rows(self, batch: Batch) -> Tensor:
        """[B]: the prediction is made at the last item."""
        return batch.rows

    def history(self, batch: Batch) -> Tensor:
        """[B, L]: True where there is an item."""
        return batch.valid

    def allowed(self, batch: Batch) -> Tensor:
        """[B, 1, L, L]: True where row i may attend to key j."""
        length = batch.items.shape[1]
        seen = torch.ones(length, length, dtype=torch.bool, device=batch.items.device)
        return ((seen.tril() if self._causal else seen) & batch.valid[:, None, :])[:, None]

    def embed(self, batch: Batch) -> Tensor:
        """Item embeddings [B, L, d]: where attributions start."""
        return self._embed(batch)

    def forward(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """Scores of all items [B, n_items + 1], which stand for the hidden states of our models."""
        scores = self._score(batch, self.embed(batch) if embeddings is None else embeddings)
        return F.pad(scores[:, 1:], (1, 0), value=-torch.inf)

    def score(self, hidden: Tensor, items: Tensor | None = None) -> Tensor:
        """What `forward` gave, for all items or for items [B, K]."""
        return hidden if items is None else hidden.gather(1, items)

    def scores(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """Scores of all items for each history, [B, n_items + 1]."""
        return self(batch, embeddings)

    @torch.no_grad()
    def check(self, names: Sequence[str]) -> None:
        """Run two short histories; raise WorkbenchError where something is not as promised."""
        device = next(self.parameters()).device
        items = torch.tensor([[1, 1, 1], [1, 1, 0]], device=device)
        batch = Batch(items, torch.tensor([3, 2], device=device))
        passed: dict[int, Any] = {}
        handles = [
            tap.register_forward_hook(lambda tap, _, weights: passed.update({tap.layer: weights}))
            for tap in self.taps()
        ]
        try:
            scores = self._score(batch, self.embed(batch))
        finally:
            for handle in handles:
                handle.remove()
        wanted = (2, self.config.n_items + 1)
        if tuple(scores.shape) != wanted:
            raise WorkbenchError(
                f"score gives {list(scores.shape)} for two histories, where {list(wanted)} is "
                "expected: a column per item, and column 0 for padding."
            )
        allowed = self.allowed(batch)
        for layer, name in enumerate(names):
            weights = passed.get(layer)
            if not isinstance(weights, Tensor) or weights.dim() != 4:
                shape = list(weights.shape) if isinstance(weights, Tensor) else type(weights)
                raise WorkbenchError(
                    f"{name} is not where attention weights [B, H, L, L] pass (what passes is "
                    f"{shape}); name the softmax or the dropout after it."
                )
            real = batch.valid[:, None, :, None]
            outside = weights.masked_fill(allowed | ~real, 0).abs().max()
            sums = weights.sum(-1, keepdim=True)[real.expand(-1, weights.shape[1], -1, -1)]
            if outside > 1e-4 or (sums - 1).abs().max() > 1e-3:
                raise WorkbenchError(
                    f"what passes {name} are no attention weights: rows must sum to one, and give "
                    f"nothing to padding{' or later items' * self._causal}."
                )
            self.config = AdaptedConfig(
                self.config.name,
                self.config.n_items,
                self.config.max_length,
                self.config.n_layers,
                weights.shape[1],
            )
