"""Importances read from attention: weights as they are, rolled out, times values, or gradients."""

import re
from collections.abc import Iterator, Sequence
from functools import partial, reduce
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import Batch, Recommender
from models.attention import Projected, queries_of, rows_of
from models.transformer import TransformerLayer
from workbench.attention.hooks import hooked, taps_at
from workbench.attention.recording import record_attention
from workbench.errors import WorkbenchError
from workbench.explaining.importance import Importance
from workbench.mode import gradients_recorded
from workbench.model import AttentionModel, Model

NAME = re.compile(
    r"attention(?: (?P<stage>[a-z]\w*))??(?: layer (?P<layer>\d+))?(?: head (?P<head>\d+))?"
)


class AttentionPart(NamedTuple):
    """A part of attention that a method of `explain` shows; layer and head from 0.

    Attributes
    ----------
    stage : where weights are read; None where they multiply the values.
    layer, head : which one; None for the mean over all.
    """

    stage: str | None = None
    layer: int | None = None
    head: int | None = None

    @classmethod
    def of(cls, name: str) -> "AttentionPart | None":
        """The part that a method shows, as "attention layer 1 head 2"; None if it shows another."""
        match = NAME.fullmatch(name)
        if match is None:
            return None
        layer, head = (int(match[key]) - 1 if match[key] else None for key in ("layer", "head"))
        return cls(match["stage"], layer, head)

    @property
    def method(self) -> str:
        """The method that shows it."""
        words = [
            "attention",
            self.stage,
            None if self.layer is None else f"layer {self.layer + 1}",
            None if self.head is None else f"head {self.head + 1}",
        ]
        return " ".join(filter(None, words))

    @property
    def name(self) -> str:
        """What a reader calls it: "layer 1, head 2"."""
        if self.layer is None and self.head is None:
            where = "mean of layers and heads"
        else:
            layer = "mean of layers" if self.layer is None else f"layer {self.layer + 1}"
            head = "mean of heads" if self.head is None else f"head {self.head + 1}"
            where = f"{layer}, {head}"
        return where if self.stage is None else f"{where}, {self.stage.replace('_', ' ')}"


SAME_DIRECTION = 2e-6  # distance of two, 16 roundings of single precision


def weights(
    stage: str,
    layer: int | None,
    head: int | None,
    model: AttentionModel,
    batch: Batch,
    targets: Tensor,
    seed: int,
) -> Tensor:
    """What the prediction row gives to each item, [B, L].

    The mean over all layers or heads where `layer` or `head`, from 0, is None.
    """
    recorded = record_attention(model, batch, stages=[stage])[stage]  # [B, layers, H, L]
    return _reduced(recorded, layer, head)


def every_reduction(model: Model, batch: Batch) -> dict[str, Tensor]:
    """What `explain` gives for each of `reductions` by its name, [B, L] each, from one pass."""
    if not model.stages:
        return {}
    recorded = record_attention(model, batch)["attention"]
    return {each.name: _reduced(recorded, *places) for each, places in _reductions(model)}


def _reduced(recorded: Tensor, layer: int | None, head: int | None) -> Tensor:
    """[B, layers, H, L] of one layer and head, or the mean over them where None; [B, L]."""
    layers = recorded if layer is None else recorded[:, layer, None]
    return (layers if head is None else layers[:, :, head, None]).mean((1, 2))


def rollout(model: AttentionModel, batch: Batch, targets: Tensor, seed: int) -> Tensor:
    """R_l = rownorm(mean_h A_l + I) R_(l-1) at the prediction row, [B, L]."""
    every = record_attention(model, batch, rows="all")["attention"].mean(2)  # [B, layers, T, T]
    one = torch.eye(every.shape[-1], dtype=every.dtype, device=every.device)
    mixed = every + one
    return _row(model, batch, _rolled((mixed / mixed.sum(-1, keepdim=True)).unbind(1)))


def norm_based(model: Recommender, batch: Batch, targets: Tensor, seed: int) -> Tensor:
    """sum over layers of || sum_h a_hij (x_j W_V + b_V)_h W_O ||, i the prediction row; [B, L]."""
    at = model.rows(batch)[:, None]
    total: Tensor | None = None
    with torch.no_grad():
        for layer, x, p, weights in passing(model, batch):
            each = torch.diag_embed(queries_of(weights, at)[:, :, 0])  # [B, H, T, T], a key a row
            brought = p.at(at.expand(-1, x.shape[1])).mix(each)  # [B, T, d]
            if isinstance(layer.dense, nn.Linear):
                brought = brought @ layer.dense.weight.T
            total = brought.norm(dim=-1) + (0 if total is None else total)
    assert total is not None
    return total[:, : batch.items.shape[1]]


def gradient_x_attention(model: AttentionModel, batch: Batch, targets: Tensor, seed: int) -> Tensor:
    """R - I at the prediction row, R_l = R_(l-1) + mean_h (dA_l * A_l)^+ R_(l-1), R_0 = I; [B, L].

    dA_l is the gradient of the score of `targets` [B] in the weights of layer l. I is what a row
    has of itself before any attention; as the last item's row predicts, it would always be first.
    """
    kept: list[Tensor] = []

    def keep(_: object, __: object, passing: Tensor) -> Tensor:
        passing = passing if passing.requires_grad else passing.detach().requires_grad_()
        kept.append(passing)
        return passing

    with gradients_recorded(), hooked(taps_at(model), keep):
        scores = model.scores(batch, targets[:, None], model.embed(batch))
        total = scores.sum() + sum(0 * passing.sum() for passing in kept)  # reaches them all
        gradients = torch.autograd.grad(total, kept)
    size = kept[0].shape[-1]
    rolled = torch.eye(size, dtype=scores.dtype, device=scores.device).expand(len(targets), -1, -1)
    for passing, gradient in zip(kept, gradients, strict=True):
        rolled = rolled + (passing * gradient).clamp(min=0).mean(1).detach() @ rolled
    own = torch.eye(size, dtype=rolled.dtype, device=rolled.device)
    return _row(model, batch, rolled - own)


def value_zeroing(model: Recommender, batch: Batch, targets: Tensor, seed: int) -> Tensor:
    """1 - cos of each row's state with and without value j, by layer, rolled out; [B, L].

    C_l[i, j] = 1 - cos(x_i, x_i without v_j in layer l); rows of C_l are normalised, and rolled out
    like attention. The row itself is the prediction's.
    """
    *_, last = model.encoder.layers
    at = model.rows(batch)[:, None]
    changes = []
    with torch.no_grad():
        for layer, x, p, weights in passing(model, batch):
            if layer is last:
                change = _change_of_row(layer, x, p, weights, at)
            else:
                change = _change_of_rows(layer, x, p, weights)
            changes.append(change / change.sum(-1, keepdim=True).clamp(min=1e-30))
        return _rolled(changes)[:, 0, : batch.items.shape[1]]


def _change_of_rows(layer: TransformerLayer, x: Tensor, p: Projected, weights: Tensor) -> Tensor:
    """How the state of each row changes in a layer without each value, [B, T, T]."""
    whole = _finished(layer, weights, p, x)
    change = torch.zeros_like(weights[:, 0])
    for j in range(x.shape[1]):
        first = j if p.causal else 0  # before it nobody has the value
        without = weights[:, :, first:].clone()
        without[..., j] = 0.0
        rows = p.rows[:, first:].expand(len(x), -1)
        after = _finished(layer, without, p.at(rows), x)
        change[:, first:, j] = _change(whole[:, first:], after)
    return change


def _change_of_row(
    layer: TransformerLayer, x: Tensor, p: Projected, weights: Tensor, at: Tensor
) -> Tensor:
    """The same of one row alone, at [B, 1]; [B, 1, T]."""
    rows = at.expand(-1, x.shape[1])  # as often as there are values to go without
    each = queries_of(weights, rows)
    without = each.masked_fill(torch.eye(x.shape[1], device=x.device).bool(), 0.0)
    whole = _finished(layer, queries_of(weights, at), p.at(at), x)
    return _change(whole, _finished(layer, without, p.at(rows), x))[:, None]


def _rolled(layers: Sequence[Tensor]) -> Tensor:
    """What rows of the last layer have of tokens before the first: the product of all layers."""
    return reduce(lambda below, layer: layer @ below, layers)


def passing(
    model: Recommender, batch: Batch
) -> Iterator[tuple[TransformerLayer, Tensor, Projected, Tensor]]:
    """Each layer of a model, and of all rows what comes in, how it is projected, and weights.

    These are [B, T, d], queries, keys and values, and [B, H, T, T].
    """
    x, context = model.prepare(batch)
    for layer in model.encoder.layers:
        p = layer.project(x, context)
        weights = layer.weights(p)
        yield layer, x, p, weights
        x = layer.feed_forward(layer.attend(weights, p, x))


def _finished(layer: TransformerLayer, weights: Tensor, p: Projected, x: Tensor) -> Tensor:
    """What becomes of the rows of p [B, Q, d] in a layer that mixes values by other weights.

    `weights` are [B, H, Q, T], `x` [B, T, d] what came into the layer.
    """
    return layer.feed_forward(layer.attend(weights, p, rows_of(x, p.rows)))


def _change(states: Tensor, others: Tensor) -> Tensor:
    """1 - cos of states [B, Q or 1, d] and others [B, Q, d], [B, Q].

    By half the squared distance of directions, in double precision: what is left of 1 where states
    hardly differ would be rounding. Where they differ by no more than it, the change is 0.
    """
    one, other = (F.normalize(each.double(), dim=-1) for each in (states, others))
    distance = (one - other).norm(dim=-1)
    distance = distance.masked_fill(distance <= SAME_DIRECTION, 0)
    return (distance**2 / 2).to(states.dtype)


def _row(model: AttentionModel, batch: Batch, rolled: Tensor) -> Tensor:
    """What the prediction row of [B, T, T] has for each item, [B, L]."""
    rows = model.rows(batch)
    return rolled[torch.arange(len(rows), device=rows.device), rows, : batch.items.shape[1]]


ROLLED = (
    Importance(
        "rollout",
        "attention",
        rollout,
        "Abnar & Zuidema 2020, arXiv 2005.00928",
        "attention",
        targeted=False,
        passes=1,
        misses="How much is in a value, and what the feed-forward blocks do.",
    ),
    Importance(
        "norm-based",
        "attention",
        norm_based,
        "Kobayashi et al. 2020, arXiv 2004.10102",
        "layers",
        targeted=False,
        passes=2,
        misses="What later layers do with it.",
    ),
    Importance(
        "gradient x attention",
        "attention",
        gradient_x_attention,
        "Chefer et al. 2021, arXiv 2103.15679",
        "attention",
        passes=3,
    ),
    Importance(
        "value zeroing",
        "attention",
        value_zeroing,
        "Mohebbi et al. 2023, arXiv 2301.12971",
        "layers",
        targeted=False,
        passes=2,
        passes_per_item=1,
        misses="The last item of a causal model, whose own state is the row that predicts and goes "
        "on beside its value; and which item is predicted.",
    ),
)


def reduction(
    stage: str | None = None, layer: int | None = None, head: int | None = None
) -> Importance:
    """Attention weights at a stage, of one layer and head or their mean; both count from 0.

    The name says which, counted from 1: "attention layer 1 head 2".
    """
    compute = partial(weights, stage or "attention", layer, head)
    source = "Vaswani et al. 2017, arXiv 1706.03762"
    return Importance(
        AttentionPart(stage, layer, head).method,
        "attention",
        compute,
        source,
        "attention",
        targeted=False,
        passes=1,
    )


def reductions(model: Model) -> list[Importance]:
    """Attention of a model where it multiplies the values: the mean, each layer, each head."""
    return [each for each, _ in _reductions(model)]


def _reductions(model: Model) -> list[tuple[Importance, tuple[int | None, int | None]]]:
    """Each of `reductions`, and its layer and head; None for the mean over them."""
    layers, heads = range(model.config.n_layers), range(model.config.n_heads)
    if not model.stages:
        return []
    places: list[tuple[int | None, int | None]] = [(None, None)]
    if len(layers) > 1:
        places += [(layer, None) for layer in layers]
    if len(heads) > 1:
        places += product(layers, heads)
    return [(reduction(layer=layer, head=head), (layer, head)) for layer, head in places]


def named(name: str, model: Model) -> Importance | None:
    """The attention that a name means, such as "attention after_spatial layer 2 head 1".

    None where the name means no attention.

    Raises
    ------
    WorkbenchError
        If the model has no such stage, layer or head.
    """
    part = AttentionPart.of(name)
    if part is None:
        return None
    counts = {"layer": model.config.n_layers, "head": model.config.n_heads}
    for (key, count), number in zip(counts.items(), part[1:], strict=True):
        if number is not None and not 0 <= number < count:
            raise WorkbenchError(
                f"{model.config.name} has no {key} {number + 1}; it has {count}, counted from 1."
            )
    return reduction(*part)
