"""Which items of a history a score depends on: gradients by Captum at the item embeddings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from captum.attr import InputXGradient, IntegratedGradients, Saliency
from torch import Tensor

from models import Batch
from workbench.errors import WorkbenchError
from workbench.mode import evaluation_mode
from workbench.model import Model, with_attention, with_gradients

Method = Literal["input_x_gradient", "saliency", "integrated_gradients"]
ROUNDING = 1e-5  # a sum this small beside its terms' magnitudes is rounding; real ones are near 0.1


@dataclass(frozen=True)
class Attribution:
    """The importance of the items of some histories.

    Attributes
    ----------
    values : [B, L], zero at padding; signed sums over the embedding, or norms for saliency.
    delta : [B], how far integrated gradients are from completeness; None for the other methods.
    """

    values: Tensor
    delta: Tensor | None = None


def attribute(
    model: Model,
    batch: Batch,
    targets: Tensor,
    method: Method = "input_x_gradient",
    *,
    detach_attention: bool = False,
    steps: int = 32,
    internal_batch_size: int = 1024,
) -> Attribution:
    """Importance of every history item for the score of `targets`.

    The model is in evaluation mode meanwhile.

    A model that normalises the bare item embedding first (a LayerNorm, no position embedding: AC's
    published configuration) undoes its length, so that gradient . embedding is 0 at every position
    except for rounding, and so are integrated gradients. Rows that are nothing but rounding are set
    to 0, so that rounding is not ranked; saliency is what remains for such a model.

    Parameters
    ----------
    model : a model that scores from item embeddings.
    batch : the histories. It may be on another device than the model.
    targets : [B] items.
    method : "input_x_gradient", sum_d gradient . embedding; "saliency", the L2 norm of the
        gradient; "integrated_gradients", from the zero embedding in `steps` steps (Sundararajan et
        al., ICML 2017), where mask, positions and times come from the batch, never from the
        embeddings.
    detach_attention : whether the attention weights are constants (Jain & Wallace, NAACL 2019).
    steps : how many steps integrated gradients take.
    internal_batch_size : how many histories run at a time for integrated gradients; at least B.

    Returns
    -------
    Attribution
        On the device of the batch.

    Raises
    ------
    WorkbenchError
        If the method is unknown, the model gives no item embeddings, or `detach_attention` is asked
        of a model without attention.
    """

    def score(embeddings: Tensor, index: Tensor) -> Tensor:
        scores = differentiable.scores(batch.take(index), targets[index][:, None], embeddings)
        return scores[:, 0]

    delta = None
    differentiable = with_gradients(model)
    home = batch.items.device
    batch, targets = batch.to(model.device), targets.to(model.device)
    with evaluation_mode(model), _constant_attention(model) if detach_attention else _as_it_is():
        embeddings = differentiable.embed(batch).detach().requires_grad_()  # [B, L, d]
        index = torch.arange(len(targets), device=embeddings.device)
        if method == "input_x_gradient":
            raw = InputXGradient(score).attribute(embeddings, additional_forward_args=index)
            values = _summed(raw)
        elif method == "saliency":
            raw = Saliency(score).attribute(embeddings, abs=False, additional_forward_args=index)
            values = raw.norm(dim=-1)
        elif method == "integrated_gradients":
            raw, delta = IntegratedGradients(score).attribute(
                embeddings,
                additional_forward_args=index,
                n_steps=steps,
                internal_batch_size=max(internal_batch_size, len(targets)),
                return_convergence_delta=True,
            )
            values, delta = _summed(raw), delta.detach()
        else:
            raise WorkbenchError(
                f"no attribution {method!r}; choose input_x_gradient, saliency or "
                "integrated_gradients."
            )
    values = values.detach().masked_fill(~batch.valid, 0.0)
    return Attribution(values.to(home), None if delta is None else delta.to(home))


def _summed(products: Tensor) -> Tensor:
    """Sums over the embedding, [B, L, d] -> [B, L]; rows [L] of nothing but rounding become 0."""
    total = products.sum(-1)
    vanishing = (total.abs() <= ROUNDING * products.abs().sum(-1)).all(1, keepdim=True)
    return total.masked_fill(vanishing, 0.0)


@contextmanager
def _constant_attention(model: Model) -> Iterator[None]:
    """While it lasts, no gradient flows through the attention weights."""
    handles = []
    try:
        for tap in with_attention(model).taps():
            if tap.stage == "attention":
                handles.append(tap.register_forward_hook(lambda _, __, weights: weights.detach()))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield
