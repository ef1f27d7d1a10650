"""What a description of a family of software contains, and what is known of one file of it."""

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
    """Neither the file nor an option says something for which no default would be right.

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
    """What is known of a file; options and defaults give what its settings do not say.

    Attributes
    ----------
    names : of its parameters, as the software has them.
    settings : plain values saved beside the weights.
    spelling : our options, and what shapes tell -> the names of their settings.
    options : what the user gave; options that are used are taken out.
    tree : all that the file holds, inert.
    assumed : options that were taken from the user or from defaults.
    notes : sentences that a person should read.
    extra_rows : rows of the item table after the last item that were left out; None if its
        software has no such rows.
    item_ids : the names of the items 1, 2, ..., if the file has them.
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
        """The file's value of an option, else the user's, else the default.

        Raises
        ------
        ValueError
            If the value is of another type than the default.
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

    def check(self, name: str, reached: object) -> None:
        """Check that the file's setting, if there is one, is what its weights have.

        Raises
        ------
        ValueError
            If it is another.
        """
        setting = self.spelling.get(name, "")
        said = self.settings.get(setting)
        if said is not None and said != reached:
            raise ValueError(
                f"its settings, in it or beside it, say {setting} {said}, and its weights have "
                f"{reached}; take both from one training"
            )

    def n_heads(self, hidden_size: int, usual: int) -> int:
        """The `value` of n_heads.

        Parameters
        ----------
        hidden_size : the width that the heads divide.
        usual : the default; it is 1 where `usual` does not divide the width.
        """
        return self.value("n_heads", 1 if hidden_size % usual else usual)

    def choice(self, name: str, choices: Sequence[str], reason: str) -> Any:
        """The user's value of an option that the file does not say.

        Parameters
        ----------
        name : the option.
        choices : the values that it may have.
        reason : why the file does not say it, for the error.

        Raises
        ------
        Doubt
            If the option is not given.
        ValueError
            If its value is not among the choices.
        """
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
    name : of the software.
    mark : a pattern that the name of some parameter must match for a file to be of this family.
    renames : patterns of parameters' names, with the names of these parameters here.
    configure : returns the configuration of a state under our names. It brings the state into our
        shapes if they differ, and raises LookupError or ValueError if it belongs to no model here.
    ignored : patterns of names that take no part in scoring.
    spelling : our options -> the names of the settings saved beside the weights; also of what
        shapes tell, such as n_layers, which settings then must not contradict.
    settings : where settings are found.
    numbering : how items get their ids: by first appearance in the interactions file
        ("appearance"), as they are in the file ("ids"), in the order of these ids ("sorted"), or by
        names that the checkpoint holds ("tokens").
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
        """Our name of a parameter; None for a parameter that is not used, or unknown."""
        for pattern, ours in self.renames:
            if match := re.fullmatch(pattern, name):
                return match.expand(ours)
        return None

    def ignores(self, name: str) -> bool:
        """Whether a parameter takes no part in scoring."""
        return any(re.fullmatch(pattern, name) for pattern in self.ignored)


def count_layers(state: Mapping[str, Tensor]) -> int:
    """How many layers a state under our names has.

    Raises
    ------
    ValueError
        If its layers are not numbered 0, 1, ...
    """
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


def layer_renames(norm: str, feed_forward_norm: str, dense: str) -> Renames:
    """Renames of what stands beside attention in a layer.

    Parameters
    ----------
    norm, feed_forward_norm : patterns of the two norms, with the layer's number as their group.
    dense : of the two maps of the feed-forward block, with the layer's number and 1 or 2.
    """
    return (
        (rf"{norm}\.{KIND}", r"encoder.layers.\1.norm.\2"),
        (rf"{feed_forward_norm}\.{KIND}", r"encoder.layers.\1.feed_forward.norm.\2"),
        (rf"{dense}\.{KIND}", r"encoder.layers.\1.feed_forward.dense_\2.\3"),
    )


def as_affine_maps(state: dict[str, Tensor]) -> None:
    """Change projections and convolutions of a state to affine maps, in place.

    The joint projection of `nn.MultiheadAttention`, [3 d, d], is split into query, key and value;
    convolutions of width 1 lose their last axis.
    """
    for name in [name for name in state if ".projections." in name]:
        for ours, part in zip(("query", "key", "value"), state.pop(name).chunk(3), strict=True):
            state[name.replace("projections", ours)] = part
    for name, tensor in state.items():
        if ".dense_" in name and tensor.dim() == 3 and tensor.shape[2] == 1:
            state[name] = tensor[:, :, 0]


def without_padding(items: Tensor) -> Tensor:
    """Item embeddings [N, d] after a row of zeros, [N + 1, d]."""
    return torch.cat([torch.zeros_like(items[:1]), items])
