"""The contract: what the workbench asks of a model, whoever made it.

There are three steps, and each contains the one before:

- `Model` scores items for histories. Any function can be one, see `workbench.adapt`.
- `DifferentiableModel` scores from item embeddings, so that gradients reach the items.
- `AttentionModel` lets its attention weights pass taps, where they are read and changed.

The models of this repository do all three. What needs more than a `Model` asks for it by
`with_gradients` or `with_attention`, and what reads inside layers by `with_layers`, which answer in
a sentence where a model cannot serve.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from models import AttentionTap, Batch, Recommender
from workbench.errors import WorkbenchError, loaded


class Sizes(Protocol):
    """The part of a configuration that every model has.

    Attributes
    ----------
    name : what to call the model.
    n_items : items that it scores; their ids run from 1, and 0 is padding.
    max_length : items of a history that it reads, at most.
    n_layers, n_heads : of its attention, 0 where it has none.
    """

    @property
    def name(self) -> str: ...
    @property
    def n_items(self) -> int: ...
    @property
    def max_length(self) -> int: ...
    @property
    def n_layers(self) -> int: ...
    @property
    def n_heads(self) -> int: ...


class Model(Protocol):
    """A function from histories to scores of items.

    Attributes
    ----------
    config : its sizes.
    card : where it comes from, JSON-able; empty where nothing is known.
    item_ids, user_ids : raw tokens of its items, [n_items + 1] with "[pad]" first, and of its users
        where it embeds them, as object arrays; None where they are not known. By them it is matched
        to data, see `workbench.matching.matched`.
    needs_times, needs_users : whether a batch has to carry them.
    stages : the points where attention weights pass, in their order; the last, "attention", is what
        multiplies the values. Empty for a model without attention.
    device : where the batches that it scores have to be.
    """

    card: dict[str, Any]
    item_ids: Any
    user_ids: Any

    @property
    def config(self) -> Sizes: ...
    @property
    def needs_times(self) -> bool: ...
    @property
    def needs_users(self) -> bool: ...
    @property
    def stages(self) -> tuple[str, ...]: ...
    @property
    def device(self) -> torch.device: ...

    def modules(self) -> Iterator[nn.Module]:
        """Every module it consists of, itself included (as in `nn.Module`)."""

    def eval(self) -> Any:
        """Switch dropout off."""

    def scores(self, batch: Batch, items: Tensor | None = None) -> Tensor:
        """Scores of all items, [B, n_items + 1] with -inf for padding, or of `items` [B, K]."""


class DifferentiableModel(Model, Protocol):
    """A model whose scores can be taken from item embeddings."""

    def embed(self, batch: Batch) -> Tensor:
        """Item embeddings [B, L, d] of the histories."""

    def scores(
        self, batch: Batch, items: Tensor | None = None, embeddings: Tensor | None = None
    ) -> Tensor:
        """As in `Model`; `embeddings` [B, L, d] stand in for `embed(batch)`."""


class AttentionModel(DifferentiableModel, Protocol):
    """A model whose attention weights [B, H, T, T] pass taps.

    Attention runs over T tokens: the L items of a history and, after them, a mask token in
    BERT4Rec, or one that stands for the padding in a model that attends to it.
    """

    def taps(self) -> list[AttentionTap]:
        """Every tap, by layer and then by stage."""

    def rows(self, batch: Batch) -> Tensor:
        """[B]: the token each prediction is made at."""

    def history(self, batch: Batch) -> Tensor:
        """[B, T]: True where a token is an item of the history."""

    def allowed(self, batch: Batch) -> Tensor:
        """[B, 1, T, T]: True where row i may attend to key j."""

    def __call__(self, batch: Batch) -> Any:
        """Run a pass, so that the weights pass the taps."""


def with_gradients(model: Model) -> DifferentiableModel:
    """The same model, known to score from item embeddings.

    Raises
    ------
    WorkbenchError
        If it cannot.
    """
    if not hasattr(model, "embed"):
        raise WorkbenchError(
            f"{model.config.name} gives no item embeddings, so there are no gradients to explain "
            "it by; give `embed` to workbench.adapt, or remove items from the history instead."
        )
    return cast(DifferentiableModel, model)


def with_attention(model: Model) -> AttentionModel:
    """The same model, known to have attention.

    Raises
    ------
    WorkbenchError
        If it has none.
    """
    if not model.stages:
        raise WorkbenchError(
            f"{model.config.name} has no attention that could be read or changed; name the modules "
            "where weights pass by `attention` of workbench.adapt, or choose another model."
        )
    return cast(AttentionModel, model)


def with_layers(model: Model, remedy: str) -> Recommender:
    """The same model, known to be one of `models`, so that its layers are known.

    Parameters
    ----------
    model : any.
    remedy : what to do with another, which ends the sentence.

    Raises
    ------
    WorkbenchError
        If it is another one, or no model.
    """
    loaded(model, "workbench.load_model", "config")
    if not isinstance(model, Recommender):
        raise WorkbenchError(
            f"{model.config.name} is none of this repository's models, so that its layers are not "
            f"known; {remedy}."
        )
    return model


def itself(model: Model) -> nn.Module:
    """A model as the module that it is."""
    return next(iter(model.modules()))


def weights_hash(model: Model) -> str:
    """SHA-256 over a model's configuration and every tensor of its state."""
    total = hashlib.sha256(repr(model.config).encode())
    for name, tensor in sorted(itself(model).state_dict().items()):
        # NumPy has no bfloat16; single precision holds each of its numbers
        known = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
        array = known.detach().cpu().contiguous().numpy()
        total.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return total.hexdigest()
