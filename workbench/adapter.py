"""A module of your own, made a model that every diagnostic accepts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import AttentionTap, Batch
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
    sources = [_source(module, path) for path in attention]
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


class OpenMultiheadAttention(nn.MultiheadAttention):
    """A `nn.MultiheadAttention` whose weights pass a module of its own, `weights`.

    Its formula with its parameters (Vaswani et al., 2017), written out, since PyTorch's function
    computes weights and result in one call.
    """

    def __init__(self, original: nn.MultiheadAttention) -> None:
        if original.bias_k is not None or original.add_zero_attn:
            raise WorkbenchError(
                "a MultiheadAttention with add_bias_kv or add_zero_attn attends to what is no "
                "item; build it without."
            )
        super().__init__(
            original.embed_dim,
            original.num_heads,
            original.dropout,
            bias=original.in_proj_bias is not None,
            kdim=original.kdim,
            vdim=original.vdim,
            batch_first=original.batch_first,
            device="meta",
        )
        self._parameters.update(original._parameters)  # the same ones, not copies
        self.out_proj = original.out_proj
        self.weights = nn.Identity()
        self.train(original.training)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """As `nn.MultiheadAttention` for batches; `is_causal` is a hint about `attn_mask`."""
        if not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        matrices = (
            self.in_proj_weight.chunk(3)
            if self._qkv_same_embed_dim
            else (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        )
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, w, b).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for x, w, b in zip((query, key, value), matrices, biases, strict=True)
        )  # [B, H, L, dh]
        scores = q @ k.transpose(-1, -2) * self.head_dim**-0.5
        if attn_mask is not None:
            if attn_mask.dim() == 3:
                attn_mask = attn_mask.unflatten(0, (-1, self.num_heads))
            scores = scores + _additive(attn_mask, scores)
        if key_padding_mask is not None:
            scores = scores + _additive(key_padding_mask, scores)[:, None, None]
        weights = self.weights(F.dropout(scores.softmax(-1), self.dropout, self.training))
        mixed = self.out_proj((weights @ v).transpose(1, 2).flatten(2))
        if not self.batch_first:
            mixed = mixed.transpose(0, 1)
        if not need_weights:
            return mixed, None
        return mixed, weights.mean(1) if average_attn_weights else weights


def _additive(mask: Tensor, scores: Tensor) -> Tensor:
    """A mask as numbers to add: True of a boolean one forbids."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=scores.dtype).masked_fill(mask, -torch.inf)


def _source(module: nn.Module, path: str) -> nn.Module:
    """The submodule whose output are weights; a MultiheadAttention is exchanged for an open one."""
    try:
        found = module.get_submodule(path)
    except AttributeError:
        names = [name for name, _ in module.named_modules() if name]
        raise WorkbenchError(
            f"{type(module).__name__} has no submodule {path!r}; it has {', '.join(names[:12])}."
        ) from None
    if not isinstance(found, nn.MultiheadAttention):
        return found
    if not isinstance(found, OpenMultiheadAttention):
        parent, _, own = path.rpartition(".")
        found = OpenMultiheadAttention(found)
        setattr(module.get_submodule(parent), own, found)
    for part in module.modules():
        if isinstance(part, nn.TransformerEncoder):
            part.enable_nested_tensor = part.use_nested_tensor = False  # its fused path
    return found.weights
