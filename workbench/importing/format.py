"""What is said of a family of software, and what is known of one file of it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from models import ModelConfig
from workbench.importing.weights import Weights

Numbering = Literal["appearance", "ids", "sorted", "tokens"]
Renames = tuple[tuple[str, str], ...]
KIND = r"(weight|bias)"  # of the parameters of an affine map or a LayerNorm


class Doubt(ValueError):
    """What neither the file nor an option says, and no default would be right for.

    Attributes
    ----------
    option : the option that would say it.
    choices : its values.
    """

    def __init__(self, option: str, choices: Sequence[str], reason: str) -> None:
        *others, last = (f"{option}={choice}" for choice in choices)
        super().__init__(
            f"{reason}; give the option {', '.join(others)} or {last}, or the data it was trained "
            "on, which then decide"
        )
        self.option = option
        self.choices = tuple(choices)


@dataclass
class Facts:
    """What is known of a file; what its settings do not say is left to options and defaults.

    Attributes
    ----------
    names : of its parameters, as the software has them.
    settings : plain values saved beside the weights.
    spelling : our options -> the names of their settings.
    options : what the user said; what is used is taken out.
    tree : all the file holds, inert.
    assumed : options that were taken from the user or from defaults.
    notes : sentences that a person should read.
    extra_rows : rows of the item table after the last item that were left out; None where its
        software has no such rows.
    item_ids : what the items 1, 2, ... are called, where the file says it.
    """

    names: Sequence[str]
    settings: Mapping[str, Any]
    spelling: Mapping[str, str]
    options: dict[str, Any]
    tree: Any = None
    assumed: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    extra_rows: int | None = None
    item_ids: list[str] | None = None

    def value(self, name: str, default: Any) -> Any:
        """The file's own value, else the option's, else the default.

        Raises ValueError for one of another type than the default.
        """
        setting = self.spelling.get(name, "")
        if setting in self.settings:
            value = self.settings[setting]
        else:
            value = self.assumed[name] = self.options.pop(name, default)
        kind = int | float if isinstance(default, float) else type(default)
        if not isinstance(value, kind) or isinstance(value, bool) != isinstance(default, bool):
            raise ValueError(f"{name} is {value!r}, where one such as {default!r} is expected")
        return value

    def n_heads(self, hidden_size: int, usual: int) -> int:
        """`value` of n_heads; the default is `usual`, or 1 where that does not divide the size."""
        return self.value("n_heads", 1 if hidden_size % usual else usual)

    def choice(self, name: str, choices: Sequence[str], reason: str) -> Any:
        """The option's value. Raises Doubt without it, ValueError for one not in `choices`."""
        if name not in self.options:
            raise Doubt(name, choices, reason)
        value = self.assumed[name] = self.options.pop(name)
        if value not in choices:
            raise ValueError(f"{name} is {value!r}; choose from {', '.join(choices)}")
        return value


def plain_settings(weights: Weights) -> Mapping[str, Any]:
    """The plain values saved in the file itself."""
    return weights.settings


@dataclass(frozen=True)
class Format:
    """One family of software.

    Attributes
    ----------
    name : what it is called.
    mark : a pattern that some parameter's name must match for a file to be of this family.
    renames : patterns of parameters' names, with what these are called here.
    configure : the configuration of a state under our names. It brings the state into our shapes
        where they differ, and raises LookupError or ValueError where it belongs to no model here.
    ignored : patterns of names that take no part in scoring.
    spelling : our options by the name of the setting saved beside the weights.
    settings : where settings are found.
    numbering : how items get their ids: by first appearance in the interactions file, as the file
        has them, in the order of what they are called there, or by names that the checkpoint holds.
    """

    name: str
    mark: str
    renames: Renames
    configure: Callable[[dict[str, Tensor], Facts], ModelConfig]
    ignored: tuple[str, ...] = ()
    spelling: Mapping[str, str] = field(default_factory=dict)
    settings: Callable[[Weights], Mapping[str, Any]] = plain_settings
    numbering: Numbering = "appearance"

    def rename(self, name: str) -> str | None:
        """Our name of a parameter; None for one that is of no use, or unknown."""
        for pattern, ours in self.renames:
            if match := re.fullmatch(pattern, name):
                return match.expand(ours)
        return None

    def ignores(self, name: str) -> bool:
        """Whether a parameter takes no part in scoring."""
        return any(re.fullmatch(pattern, name) for pattern in self.ignored)


def count_layers(state: Mapping[str, Tensor]) -> int:
    """How many layers a state under our names has. Raises ValueError for other than 0, 1, ..."""
    layers = {int(n.split(".")[2]) for n in state if n.startswith("encoder.layers.")}
    if layers != set(range(len(layers))):
        raise ValueError(f"its layers are numbered {sorted(layers)[:5]}")
    return len(layers)


def multihead_renames(theirs: str) -> Renames:
    """Renames of `nn.MultiheadAttention` under a pattern with the layer's number as its group."""
    return (
        (rf"{theirs}\.in_proj_{KIND}", r"encoder.layers.\1.projections.\2"),
        (rf"{theirs}\.out_proj\.{KIND}", r"encoder.layers.\1.dense.\2"),
    )


def as_affine_maps(state: dict[str, Tensor]) -> None:
    """Split what `nn.MultiheadAttention` projects with, [3 d, d]; convolutions of width 1 become
    affine maps."""
    for name in [name for name in state if ".projections." in name]:
        for ours, part in zip(("query", "key", "value"), state.pop(name).chunk(3), strict=True):
            state[name.replace("projections", ours)] = part
    for name, tensor in state.items():
        if ".dense_" in name and tensor.dim() == 3 and tensor.shape[2] == 1:
            state[name] = tensor[:, :, 0]


def without_padding(items: Tensor) -> Tensor:
    """Item embeddings [N, d] after a row of zeros, [N + 1, d]."""
    return torch.cat([torch.zeros_like(items[:1]), items])
