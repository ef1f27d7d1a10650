"""Everything that, with the weights, makes a model."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from typing import Any, Literal, get_args, get_origin

Backbone = str  # the name of one, see `models.BACKBONES`
# those of `models.BACKBONES`, for who needs no more than names, and not PyTorch
BACKBONE_NAMES: tuple[Backbone, ...] = (
    "SASRec",
    "BERT4Rec",
    "SSE-PT",
    "TiSASRec",
)
KEEPING_POSITIONS = ("TiSASRec",)  # those whose classes say `keeps_positions`
KINDS: dict[Any, tuple[Any, str]] = {
    str: (str, "a text"),
    bool: (bool, "True or False"),
    int: (int, "a whole number"),
    int | None: (int | None, "a whole number"),
    float: (int | float, "a number"),
    float | None: (int | float | None, "a number"),
}  # which values a type takes, and the words for them; a Literal says its words itself
SIZE, SHARE, POSITIVE = "1 or more", "from 0 to 1", "above 0"
RANGES: dict[str, str] = {
    **dict.fromkeys(
        ("n_items", "max_length", "n_layers", "n_heads", "hidden_size", "inner_size", "time_span"),
        SIZE,
    ),
    **dict.fromkeys(("swap_users", "swap_items", "swap_targets", "alpha"), SHARE),
    **dict.fromkeys(("hidden_dropout", "attention_dropout"), "from 0 to less than 1"),
    **dict.fromkeys(("final_norm_eps", "layer_norm_eps", "initializer_range"), POSITIVE),
    **dict.fromkeys(("n_users", "penalty"), "0 or more"),
}  # of the fields of both configurations, where they are not None
ADVERSARIAL_OPTIONS = ("correction", "alpha", "two_level", "mix", "normalization", "penalty")
WITHIN: dict[str, Callable[[float], bool]] = {
    SIZE: lambda value: value >= 1,
    SHARE: lambda value: 0 <= value <= 1,
    POSITIVE: lambda value: value > 0,
    "from 0 to less than 1": lambda value: 0 <= value < 1,
    "0 or more": lambda value: value >= 0,
}


@dataclass(frozen=True)
class CalibrationConfig:
    """Which calibrators are plugged into the attention, and how they are combined (AC-TSR).

    Parameters
    ----------
    order, distance : the two terms of the spatial calibrator.
    adversarial : False is the lightweight variant.
    correction : how attention A and calibrated attention A_c are combined.
    alpha : weight of A_c in "fixed".
    two_level : the adversarial calibrator acts on the output of the spatial one; otherwise on the
        plain attention, and `mix` says how the two results are joined.
    mix : half and half, or a learned ratio.
    normalization : "softmax" as in the reference, or "renormalize", dividing by the row sum; "none"
        is what the reference does in SSE-PT and TiSASRec, where rows sum to as much as e.
    penalty : lambda, the weight of ||1 - M||_2.

    Raises
    ------
    ValueError
        For an unknown word, a value of another type or out of range, or options that contradict
        each other.
    """

    order: bool = True
    distance: bool = True
    adversarial: bool = True
    correction: Literal["fixed", "gate", "annealing"] = "gate"
    alpha: float = 0.5
    two_level: bool = True
    mix: Literal["half", "learned"] = "half"
    normalization: Literal["softmax", "renormalize", "none"] = "softmax"
    penalty: float = 0.03

    def __post_init__(self) -> None:
        _check_kinds(self)
        _check_ranges(self)
        if self.normalization == "none" and self.correction == "fixed":
            raise ValueError("fixed correction without normalization would reach masked keys")
        if not (self.order or self.distance or self.adversarial):
            raise ValueError("calibration without order, distance or adversarial is none; use None")

    def idle(self) -> dict[str, tuple[str, str]]:
        """Options that change nothing beside the others: why, and how they would."""
        if not self.adversarial:
            without = ("it has no adversarial calibrator", "choose a model that has one")
            return dict.fromkeys(ADVERSARIAL_OPTIONS, without)
        idle = {}
        if self.correction != "fixed":
            idle["alpha"] = (f"its correction is {self.correction!r}", "give correction=fixed, too")
        if self.two_level:
            idle["mix"] = ("its calibrators act on two levels", "give two_level=False, too")
        return idle


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and options of a model. Item ids run from 1 to n_items; 0 is padding.

    What only one backbone knows stands here too, since a model's card is this configuration, flat;
    each class says in `options` which of the fields are its own.

    Parameters
    ----------
    name : what the model is called, `AC-SASRec` for example.
    n_items : items of the catalogue.
    max_length : items of a history that are read.
    n_layers, n_heads, hidden_size, inner_size : sizes of the transformer.
    hidden_dropout, attention_dropout : chances of dropout.
    dropout_at : where hidden states are dropped, beside the input: in what each sub-layer adds
        ("sublayers"), or after both maps of the feed-forward blocks and not after attention
        ("feed_forward"), as SASRec was published.
    position_embedding : whether positions are embedded.
    position_from : the end of a history from which positions count; "end" gives the last item the
        last of `max_length` positions, as models trained on left-padded histories have it.
    attention : "uniform" gives every key of a row the same weight.
    calibration : the calibrators of AC-TSR, or None.
    norm : where a layer normalises: the sum of each sub-layer and its input ("post"), the input of
        each ("pre"), or queries, to which attention is added, and the input of the feed-forward
        block, to which that is added ("query", as SASRec was published).
    activation : of the feed-forward blocks.
    value_projection : whether what attention mixes are affine maps of the states, or the states.
    output_projection : whether an affine map follows the mixed values of all heads.
    scale_embeddings : whether item embeddings are multiplied by sqrt(hidden_size) when read.
    input_norm : whether a LayerNorm comes before the first layer.
    final_norm_eps : epsilon of a LayerNorm after the last layer; None where there is none.
    layer_norm_eps : epsilon of every other LayerNorm.
    initializer_range : standard deviation of new weights; None for that of Glorot & Bengio (2010),
        sqrt(2 / (rows + columns)) of each matrix.
    initializer : whether all weights are drawn so ("alike"), or feed-forward blocks as
        `torch.nn.Linear` draws them, and queries, keys and values as `torch.nn.MultiheadAttention`
        does, for which the three are one matrix ("torch").
    backbone : the `name` of the class; a model writes its own here.
    left_padding : SASRec: what rows attend to beside earlier items, where a history is shorter
        than max_length: nothing ("masked"), or the padding before it, which is zero in every layer
        ("zeros") or a token that passes the layers ("token"); see `SASRec`.
    output_embedding : SASRec: whether items that are scored have embeddings of their own.
    output_head : BERT4Rec: whether what scores items passes another layer, see `OutputHead`.
    n_users : SSE-PT: users of the data.
    user_size : SSE-PT: the part of hidden_size that stands for the user; None for half.
    swap_users, swap_items, swap_targets : SSE-PT: the chance that a user, an item that is read or
        an item to be predicted is exchanged for a random one in training.
    time_span : TiSASRec: the number of units at which intervals are clipped.
    time_unit : TiSASRec: what intervals are counted in, a user's smallest interval ("smallest", as
        in the paper), "second", or "rounded second": seconds between times that are rounded to
        single precision first, as RecBole feeds them.

    Raises
    ------
    ValueError
        For an unknown word, a value of another type or out of range, or a size that does not go
        with another.
    """

    name: str
    n_items: int
    max_length: int = 50
    n_layers: int = 2
    n_heads: int = 2
    hidden_size: int = 64
    inner_size: int = 256
    hidden_dropout: float = 0.5
    attention_dropout: float = 0.5
    dropout_at: Literal["sublayers", "feed_forward"] = "sublayers"
    position_embedding: bool = True
    position_from: Literal["start", "end"] = "start"
    attention: Literal["learned", "uniform"] = "learned"
    calibration: CalibrationConfig | None = field(default=None)
    norm: Literal["post", "query", "pre"] = "post"
    activation: Literal["gelu", "relu"] = "gelu"
    value_projection: bool = True
    output_projection: bool = True
    scale_embeddings: bool = False
    input_norm: bool = True
    final_norm_eps: float | None = None
    layer_norm_eps: float = 1e-12
    initializer_range: float | None = 0.02
    initializer: Literal["alike", "torch"] = "alike"
    backbone: Backbone = "SASRec"
    left_padding: Literal["masked", "zeros", "token"] = "masked"
    output_embedding: bool = False
    output_head: bool = False
    n_users: int = 0
    user_size: int | None = None
    swap_users: float = 0.5
    swap_items: float = 0.1
    swap_targets: float = 0.1
    time_span: int = 256
    time_unit: Literal["smallest", "second", "rounded second"] = "smallest"

    def __post_init__(self) -> None:
        _check_kinds(self)
        _check_ranges(self)
        if self.hidden_size % self.n_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of n_heads {self.n_heads}"
            )
        if self.user_size is not None and not 0 <= self.user_size < self.hidden_size:
            raise ValueError(
                f"user_size {self.user_size} leaves no room for items in hidden_size "
                f"{self.hidden_size}; choose from 0 to {self.hidden_size - 1}"
            )
        if self.attention == "uniform" and self.calibration is not None:
            raise ValueError("uniform attention leaves nothing to calibrate")
        if self.left_padding != "masked" and self.calibration is not None:
            raise ValueError(
                f"left_padding {self.left_padding!r} has no place among items, which calibrated "
                "attention needs; choose 'masked'"
            )

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able copy."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelConfig":
        """The config that `to_dict` wrote.

        Raises
        ------
        ValueError
            For a field that there is not, and as for a new config.
        """
        values = dict(values)
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown model option {unknown[0]!r}")
        if values.get("calibration") is not None:
            values["calibration"] = CalibrationConfig(**values["calibration"])
        return cls(**values)


def _check_kinds(config: "ModelConfig | CalibrationConfig") -> None:
    for each in fields(config):
        value, words = getattr(config, each.name), get_args(each.type)
        if get_origin(each.type) is Literal and value not in words:
            raise ValueError(f"{each.name} is {value!r}; choose from {', '.join(words)}")
        if each.type in KINDS:
            kind, description = KINDS[each.type]
            fits = isinstance(value, kind) and not (
                isinstance(value, float) and not isfinite(value)
            )
            if not fits or (isinstance(value, bool) and kind is not bool):  # True is a number, too
                raise ValueError(f"{each.name} is {value!r}, where {description} is expected")


def _check_ranges(config: "ModelConfig | CalibrationConfig") -> None:
    for each in fields(config):
        value, allowed = getattr(config, each.name), RANGES.get(each.name)
        if allowed is not None and value is not None and not WITHIN[allowed](value):
            optional = ", or None" if "None" in str(each.type) else ""
            raise ValueError(f"{each.name} is {value}; it must be {allowed}{optional}")
