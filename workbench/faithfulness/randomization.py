"""Controls: the same model with what it learned taken out, by which every measure is judged.

A measure of the trained model that a control reaches as well does not show what was learned
(Adebayo et al., NeurIPS 2018, arXiv 1810.03292).
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from models import Batch, Recommender
from workbench.attention.adapter import Scorer
from workbench.attention.editing import edit_attention
from workbench.attention.edits import dealt
from workbench.attention.hooks import around_passes
from workbench.errors import WorkbenchError
from workbench.model import Model, itself, with_layers

Control = Callable[[], AbstractContextManager[Model]]
SHUFFLED = "all weights shuffled"
POINTERS = "queries and keys shuffled"
PERMUTED = "attention permuted"


def controls(model: Model, seed: int) -> dict[str, Control]:
    """The controls of a model by their names, those that it can have.

    `with controls(model, seed)[name]() as control:` gives a model that is measured like the trained
    one, while the block runs. They are all weights shuffled, queries and keys shuffled, the layers
    drawn anew one after another from the top, and attention permuted in every pass, which changes
    what is recorded too.

    Parameters
    ----------
    model : a trained model, which is as it was after each block.
    seed : of what is drawn.
    """
    module = _module_of(model)
    made: dict[str, Control] = {}
    if list(module.parameters()):
        made[SHUFFLED] = _copy_by(shuffled, model, seed)
    if _pointers(module):
        made[POINTERS] = _copy_by(shuffled, model, seed, only="queries and keys")
    if isinstance(model, Recommender):
        for layers in range(1, model.config.n_layers + 1):
            named = "top layer" if layers == 1 else f"top {layers} layers"
            made[f"{named} re-initialised"] = _copy_by(reinitialized, model, layers, seed)
    if model.stages:
        made[PERMUTED] = partial(_permuted, model, seed)
    return made


def shuffled(
    model: Model, seed: int, *, only: Literal["everything", "queries and keys"] = "everything"
) -> Model:
    """A copy whose parameters are permuted, each tensor within itself.

    So they keep their distribution. The padding row of an embedding stays where it is.

    Parameters
    ----------
    model : a trained model.
    seed : of the permutations.
    only : "queries and keys" permutes no more than the projections that attention compares: the
        modules called `query` and `key`, and those within a `nn.MultiheadAttention`.

    Returns
    -------
    Model
        In evaluation mode. That of an adapted model shares its module, whose parameters are
        exchanged during each pass, since `embed` and `score` reach that module and no copy.

    Raises
    ------
    WorkbenchError
        If there is nothing to permute.
    """
    other, module = _copied(model)
    chosen = list(module.parameters()) if only == "everything" else _pointers(module)
    if not chosen:
        what = "parameters" if only == "everything" else "modules called query and key"
        raise WorkbenchError(
            f"{model.config.name} has no {what} to shuffle; permute its attention, or compare it "
            "with random importances instead."
        )
    padding = {
        id(part.weight): part.padding_idx
        for part in module.modules()
        if isinstance(part, nn.Embedding) and part.padding_idx is not None
    }
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in chosen:
            rows = tensor if tensor.dim() else tensor[None]
            moving = torch.arange(len(rows), device=rows.device) != padding.get(id(tensor), -1)
            values = rows[moving]
            order = torch.randperm(values.numel(), generator=generator).to(rows.device)
            rows[moving] = values.flatten()[order].view_as(values)
    return other


def reinitialized(model: Model, layers: int, seed: int) -> Model:
    """A copy whose layers nearest to the output are as untrained as a new model's.

    Parameters
    ----------
    model : one of `models`, or of a class of yours that extends `models.Recommender`: what a layer
        is, and how it is drawn, another module does not say.
    layers : how many, counted from the top.
    seed : of what is drawn.

    Returns
    -------
    Model
        In evaluation mode.

    Raises
    ------
    WorkbenchError
        If the model is of another kind, or has fewer layers.
    """
    model = with_layers(model, "shuffle its weights instead")
    if not 1 <= layers <= model.config.n_layers:
        raise WorkbenchError(
            f"{model.config.name} has no {layers} layers to re-initialise; choose from 1 to "
            f"{model.config.n_layers}."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        other = type(model)(model.config)
    drawn = tuple(
        f"encoder.layers.{n}." for n in range(model.config.n_layers - layers, model.config.n_layers)
    )
    kept = {key: v for key, v in model.state_dict().items() if not key.startswith(drawn)}
    other.to(model.device, model.item_embedding.weight.dtype).load_state_dict(kept, strict=False)
    other.card, other.item_ids, other.user_ids = model.card, model.item_ids, model.user_ids
    return other.eval()


def _copy_by(make: Callable[..., Model], *args: Any, **named: Any) -> Control:
    """Make the copy when it is asked for, and no earlier."""
    return lambda: nullcontext(make(*args, **named))


@contextmanager
def _permuted(model: Model, seed: int) -> Iterator[Model]:
    """A history is permuted in one way in all passes, in whatever batch, and without some items.

    Were it drawn anew in each, most of what an erasure measures would be the draw.
    """
    seen: dict[str, Batch] = {}

    def begin(batch: Batch) -> None:
        seen["batch"] = batch

    def edit(weights: Tensor, allowed: Tensor) -> Tensor:
        return dealt(weights, allowed, _noise_of(seen["batch"], weights, seed))

    with around_passes(model, begin), edit_attention(model, edit, rows="all"):
        yield model


def _noise_of(batch: Batch, weights: Tensor, seed: int) -> Tensor:
    """Numbers from 0 to below 1 for weights [B, H, T, T], by user, head, row and key alone.

    By the items where the batch names no users.
    """
    if batch.users is None:
        places = torch.arange(batch.items.shape[1], device=batch.items.device)
        drawn = _hashed(_hashed(batch.items.long()) * (places + 1)).sum(1)  # padding, 0, stays 0
    else:
        drawn = batch.users.long()
    drawn = _hashed(_hashed(drawn) + seed)
    for count in weights.shape[1:]:
        drawn = _hashed(drawn[..., None] + torch.arange(count, device=drawn.device))
    return (drawn & (2**24 - 1)).to(weights.dtype) / 2**24


def _hashed(numbers: Tensor) -> Tensor:
    """Each integer as one that looks random: the mixing of SplitMix64 (Steele et al. 2014)."""
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15), (31, 1)):
        numbers = (numbers ^ ((numbers >> shift) & (2 ** (64 - shift) - 1))) * factor
    return numbers


def _pointers(module: nn.Module) -> list[Tensor]:
    """What makes queries and keys: parameters, or the part of one that does (a view)."""
    tensors: list[Tensor | None] = []
    for path, part in module.named_modules():
        if isinstance(part, nn.MultiheadAttention):
            if part.in_proj_weight is None:
                tensors += [part.q_proj_weight, part.k_proj_weight]
            else:
                tensors += part.in_proj_weight.detach().chunk(3)[:2]
            if part.in_proj_bias is not None:
                tensors += part.in_proj_bias.detach().chunk(3)[:2]
        elif path.rpartition(".")[2] in ("query", "key"):
            tensors += part.parameters()
    return [tensor for tensor in tensors if tensor is not None]


def _module_of(model: Model) -> nn.Module:
    """The module whose parameters a model runs with; an empty one around a function."""
    module = model.module if isinstance(model, Scorer) else itself(model)
    return module if isinstance(module, nn.Module) else nn.Module()


def _copied(model: Model) -> tuple[Model, nn.Module]:
    """A copy in evaluation mode, and the module whose parameters it runs with."""
    if isinstance(model, Scorer):
        exchanged = Exchanged(model)
        return cast(Model, exchanged), exchanged.values
    about = (model.card, model.item_ids, model.user_ids)  # many small objects: shared
    other = copy.deepcopy(model, {id(each): each for each in about})
    other.eval()
    return other, _module_of(other)


class Exchanged:
    """An adapted model that runs with other parameters, and is itself otherwise.

    Parameters
    ----------
    model : the adapted model.

    Attributes
    ----------
    values : a copy of its module, from which the parameters of each pass are taken.
    """

    PASSES = ("embed", "scores")

    def __init__(self, model: Scorer) -> None:
        self.original = model
        self.values = copy.deepcopy(_module_of(model))

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.original, name)
        return partial(self._run, value) if name in self.PASSES else value

    def __call__(self, batch: Any) -> Any:
        """A pass, so that weights pass the taps."""
        return self._run(self.original, batch)

    def _run(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        # each place of a parameter once: exchanged twice, by two names of one submodule, the
        # second time would keep the copy's value as the one to put back
        values: dict[str, Tensor] = {
            ".".join(["model.module", *filter(None, [path]), name]): value
            for path, part in self.values.named_modules()
            for name, value in part.named_parameters(recurse=False, remove_duplicate=False)
        }
        return functional_call(
            _Pass(self.original), values, (function, *args), named, tie_weights=False
        )


class _Pass(nn.Module):
    """Whatever is called while the parameters of `model` are exchanged."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return function(*args, **named)
