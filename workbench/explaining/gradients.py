"""How a score changes with item embeddings: gradients, and their integral.

A model that normalises the bare item embedding first (a LayerNorm, no position embedding: AC's
published configuration) undoes its length, so that gradient . embedding is 0 at every position
except for rounding, and so are integrated gradients. Rows that are nothing but rounding are set to
0, so that rounding is not ranked. With the scales of the LayerNorms held constant it is not so.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from models import Batch
from workbench.attention.hooks import hooked, taps_at
from workbench.explaining.importance import CHUNK, Importance, Need
from workbench.mode import gradients_recorded
from workbench.model import DifferentiableModel, Model, with_attention

Held = Literal["attention", "norms"]
ROUNDING = 1e-5  # a sum this small beside its terms' magnitudes is rounding; real ones are near 0.1
FEWEST, MOST = 8, 64  # steps of integrated gradients
LEFT = 1e-3  # of the difference of scores, what they may leave over before steps are doubled


class Gradient(NamedTuple):
    """The gradient of each target's score at the embeddings of the items.

    Attributes
    ----------
    embeddings, slope : [B, L, d].
    """

    embeddings: Tensor
    slope: Tensor

    @classmethod
    def of(
        cls, model: DifferentiableModel, batch: Batch, targets: Tensor, held: Sequence[Held]
    ) -> "Gradient":
        """Run a pass there and back, in which no gradient flows through what is `held`."""
        embeddings = model.embed(batch).detach().requires_grad_()
        with gradients_recorded(), _holding(model, held):
            score = model.scores(batch, targets[:, None], embeddings).sum()
            (slope,) = torch.autograd.grad(score, embeddings)
        return cls(embeddings.detach(), slope)

    @property
    def norm(self) -> Tensor:
        """L2 norm at each item, [B, L]."""
        return self.slope.norm(dim=-1)

    @property
    def product(self) -> Tensor:
        """Gradient . embedding of each item, [B, L]."""
        return _summed(self.embeddings * self.slope)


READINGS: dict[str, tuple[tuple[Held, ...], Callable[[Gradient], Tensor]]] = {
    "saliency": ((), lambda gradient: gradient.norm),
    "saliency, attention held": (("attention",), lambda gradient: gradient.norm),
    "input x gradient": ((), lambda gradient: gradient.product),
    "input x gradient, attention held": (("attention",), lambda gradient: gradient.product),
    "input x gradient, attention and norms held": (
        ("attention", "norms"),
        lambda gradient: gradient.product,
    ),
}  # what is held in a gradient, and what an importance reads from it


def read_each(
    model: DifferentiableModel, batch: Batch, targets: Tensor, names: Iterable[str]
) -> dict[str, Tensor]:
    """What is read from gradients by the `names` of `READINGS`, [B, L] each; they share them."""
    gradients: dict[tuple[Held, ...], Gradient] = {}
    values: dict[str, Tensor] = {}
    for name in names:
        held, read = READINGS[name]
        if held not in gradients:
            gradients[held] = Gradient.of(model, batch, targets, held)
        values[name] = read(gradients[held])
    return values


def _reading(
    name: str, model: DifferentiableModel, batch: Batch, targets: Tensor, seed: int
) -> Tensor:
    return read_each(model, batch, targets, [name])[name]


def integrated_gradients(
    model: DifferentiableModel, batch: Batch, targets: Tensor, seed: int
) -> Tensor:
    """Integrated gradients from the zero embedding, summed over each item's embedding, [B, L].

    The integral is taken by Gauss-Legendre quadrature of `FEWEST` steps, and of twice as many, up
    to `MOST`, for histories whose numbers leave more than `LEFT` of the difference of scores over,
    as long as twice the steps leave less than half of what was left.
    Mask, positions and times come from the batch, never from the embeddings.
    """
    whole = above_zero(model, batch, targets)
    total = torch.zeros(batch.items.shape, dtype=whole.dtype, device=whole.device)
    gaps = torch.full_like(whole, torch.inf)
    rows, steps = torch.arange(len(targets), device=targets.device), FEWEST
    while len(rows) and steps <= MOST:
        total[rows] = values = _integral(model, batch.take(rows), targets[rows], steps)
        before, gaps[rows] = gaps[rows], (values.sum(1) - whole[rows]).abs()
        gap = gaps[rows]
        helps = (gap < before / 2) & values.any(1)  # where it vanishes, or leaps, nothing does
        rows, steps = rows[(gap > LEFT * whole[rows].abs()) & helps], 2 * steps
    return total


def _integral(model: DifferentiableModel, batch: Batch, targets: Tensor, steps: int) -> Tensor:
    """Integrated gradients of so many steps, [B, L]."""
    with torch.no_grad():
        embeddings = model.embed(batch)
    points, weights = (
        torch.from_numpy(each).to(embeddings) / 2 for each in np.polynomial.legendre.leggauss(steps)
    )  # of the interval from -1 to 1
    gradient = torch.zeros_like(embeddings)  # the mean along the way
    case = torch.arange(len(targets), device=targets.device)
    for number in torch.arange(len(case) * steps, device=case.device).split(CHUNK):
        which, step = case[number // steps], number % steps
        x = (embeddings[which] * (0.5 + points[step])[:, None, None]).requires_grad_()
        with gradients_recorded():
            score = model.scores(batch.take(which), targets[which][:, None], x).sum()
            (found,) = torch.autograd.grad(score, x)
        gradient.index_add_(0, which, found * weights[step][:, None, None])
    return _summed(embeddings * gradient)


@torch.no_grad()
def above_zero(model: DifferentiableModel, batch: Batch, targets: Tensor) -> Tensor:
    """What integrated gradients have to sum up to, [B].

    The scores of `targets` [B] minus those where every item's embedding is zero. The batch is on
    the model's device.
    """
    x = model.embed(batch)
    at, zero = (
        model.scores(batch, targets[:, None], each)[:, 0] for each in (x, torch.zeros_like(x))
    )
    return at - zero


def _summed(products: Tensor) -> Tensor:
    """Sums over the embedding, [B, L, d] -> [B, L]; rows [L] of nothing but rounding become 0."""
    total = products.sum(-1)
    vanishing = (total.abs() <= ROUNDING * products.abs().sum(-1)).all(1, keepdim=True)
    return total.masked_fill(vanishing, 0.0)


@contextmanager
def _holding(model: Model, held: Sequence[Held]) -> Iterator[None]:
    """While it lasts, no gradient flows through attention weights, or the scales of LayerNorms."""
    with ExitStack() as stack:
        if "attention" in held:
            taps = taps_at(with_attention(model))
            detach = hooked(taps, lambda _, __, weights: weights.detach(), every_row=False)
            stack.enter_context(detach)
        if "norms" in held:
            for module in model.modules():
                if isinstance(module, nn.LayerNorm):
                    stack.callback(module.register_forward_hook(_with_constant_scale).remove)
        yield


def _with_constant_scale(norm: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
    """What a LayerNorm gives, by whose standard deviation no gradient flows."""
    assert isinstance(norm, nn.LayerNorm)
    (x,) = args
    over = tuple(range(-len(norm.normalized_shape), 0))
    centred = x - x.mean(over, keepdim=True)
    scale = (x.detach().var(over, correction=0, keepdim=True) + norm.eps).rsqrt()
    normed = centred * scale
    if norm.weight is not None:
        normed = normed * norm.weight
    return normed if norm.bias is None else normed + norm.bias


def _read(name: str, need: Need, source: str, **more: Any) -> Importance:
    return Importance(name, "gradient", partial(_reading, name), source, need, passes=3, **more)


JAIN = "attention held constant: Jain & Wallace 2019, arXiv 1902.10186"
LENGTH = "The length of an embedding that is normalised first."
GRADIENTS = (
    _read("saliency", "embeddings", "Simonyan et al. 2014, arXiv 1312.6034"),
    _read(
        "saliency, attention held",
        "attention",
        JAIN,
        misses="What an item does by changing attention; it is scaled by the item's own weights.",
    ),
    _read(
        "input x gradient",
        "embeddings",
        "Shrikumar et al. 2016, arXiv 1605.01713",
        signed=True,
        misses=LENGTH,
    ),
    _read("input x gradient, attention held", "attention", JAIN, signed=True, misses=LENGTH),
    _read(
        "input x gradient, attention and norms held",
        "attention",
        "LayerNorm scales held constant: Ali et al. 2022, arXiv 2202.07304",
        signed=True,
    ),
    Importance(
        "integrated gradients",
        "gradient",
        integrated_gradients,
        "Sundararajan et al. 2017, arXiv 1703.01365",
        "embeddings",
        signed=True,
        complete=True,
        passes=2 + 3 * (FEWEST + 2 * FEWEST),  # of a history that takes them twice
        misses=LENGTH,
    ),
)
