"""RecBole: SASRec, BERT4Rec, and what AC-TSR adds to it."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models import CalibrationConfig, ModelConfig
from models.config import Backbone
from workbench.importing.format import KIND, Facts, Format, Renames, count_layers

LAYER = r"(?:ti_)?trm_encoder\.layer\.(\d+)"
ATTENTION = LAYER + r"\.(?:multi_head_attention|attack_attention)"
RENAMES: Renames = (
    (r"(item|position|user)_embedding\.weight", r"\1_embedding.weight"),
    (r"absolute_pos_K_embedding\.weight", "key_positions.weight"),
    (r"absolute_pos_V_embedding\.weight", "value_positions.weight"),
    (r"time_matrix_emb_K_embedding\.weight", "key_intervals.weight"),
    (r"time_matrix_emb_V_embedding\.weight", "value_intervals.weight"),
    (rf"LayerNorm\.{KIND}", r"norm.\1"),
    (rf"output_ffn\.{KIND}", r"head.dense.\1"),
    (rf"output_ln\.{KIND}", r"head.norm.\1"),
    (r"output_bias", "head.bias"),
    (rf"{ATTENTION}\.(query|key|value|dense)\.{KIND}", r"encoder.layers.\1.\2.\3"),
    (rf"{ATTENTION}\.LayerNorm\.{KIND}", r"encoder.layers.\1.norm.\2"),
    (rf"{LAYER}\.feed_forward\.(dense_[12])\.{KIND}", r"encoder.layers.\1.feed_forward.\2.\3"),
    (rf"{LAYER}\.feed_forward\.LayerNorm\.{KIND}", r"encoder.layers.\1.feed_forward.norm.\2"),
)
SPELLING = {
    "n_heads": "n_heads",
    "max_length": "MAX_ITEM_LIST_LENGTH",
    "hidden_dropout": "hidden_dropout_prob",
    "attention_dropout": "attn_dropout_prob",
    "layer_norm_eps": "layer_norm_eps",
    "initializer_range": "initializer_range",
    "n_layers": "n_layers",
    "hidden_size": "hidden_size",
    "inner_size": "inner_size",
}
POSITIONS = "use_position_embedding"  # AC-TSR's setting of its models and of SASRec
UNSCORED = (r"user_test_embedding\.weight",)  # SSE-PT's, on which no ranking depends
# what no shape says, and what is taken where no setting says it either
DEFAULTS: dict[str, Any] = {
    "hidden_dropout": 0.5,
    "attention_dropout": 0.5,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
}
N_HEADS, MAX_LENGTH = 2, 50
# what distinguishes a backbone from SASRec: a name it has, or what RecBole calls the model
BACKBONE_MARKS: dict[Backbone, str] = {
    "TiSASRec": r"time_matrix_emb_[KV]_embedding\.weight",
    "SSE-PT": r"user_(test_)?embedding\.weight",
    "BERT4Rec": r"output_(ffn|ln)\..*|output_bias",
}
BACKBONE_NAMES: dict[str, Backbone] = {
    "sasrec": "SASRec",
    "bert4rec": "BERT4Rec",
    "ssept": "SSE-PT",
    "tisasrec": "TiSASRec",
}


def configure(state: dict[str, Tensor], facts: Facts) -> ModelConfig:
    """The configuration of a model of RecBole; see `configuration`."""
    return configuration(state, facts)


def configuration(
    state: dict[str, Tensor],
    facts: Facts,
    *,
    calibration: CalibrationConfig | None = None,
    usual_extra_rows: int = 0,
    **more: Any,
) -> ModelConfig:
    """The configuration of a post-norm model with our own layers.

    Rows of the item table that stand for no item are taken out of the state.

    Parameters
    ----------
    state : the weights under our names.
    facts : what is known of the file.
    calibration : of a model with calibrators.
    usual_extra_rows : rows of the item table after the last item, a mask token included, if no
        option says otherwise.
    more : fields of the configuration that are always so.

    Raises
    ------
    KeyError
        If the state lacks what the configuration is taken from.
    ValueError
        If the activation is none of those here, or an option or setting is of the wrong type.
    """
    backbone = backbone_of(facts)
    if (activation := facts.settings.get("hidden_act", "gelu")) not in ("gelu", "relu"):
        raise ValueError(f"its feed-forward blocks use {activation}, those here gelu or relu")
    masks = backbone == "BERT4Rec"
    extra_rows, table = _extra_rows(facts, usual_extra_rows - masks), state["item_embedding.weight"]
    positions = _has_positions(backbone, state, facts, calibrated=calibration is not None)
    config = ModelConfig(
        name=f"AC-{backbone}" if calibration else backbone,
        backbone=backbone,
        n_items=len(table) - 1 - masks - extra_rows,
        n_layers=count_layers(state),
        hidden_size=len(state["norm.weight"]),
        inner_size=len(state["encoder.layers.0.feed_forward.dense_1.weight"]),
        n_heads=_n_heads(facts, state),
        max_length=_max_length(facts, state) - (masks and positions),
        position_embedding=positions,
        activation=activation,
        calibration=calibration,
        **_particular(backbone, state),
        **{name: facts.value(name, default) for name, default in DEFAULTS.items()},
        **more,
    )
    if extra_rows:
        known = config.n_items + 1
        state["item_embedding.weight"] = torch.cat([table[:known], table[len(table) - masks :]])
        if "head.bias" in state:
            state["head.bias"] = state["head.bias"][:known]
        rows, were = ("row", "was") if extra_rows == 1 else (f"{extra_rows:,} rows", "were")
        facts.notes.append(
            f"The last {rows} of the item table, taken for no item of the data (such as a mask "
            f"token of pretraining), {were} left out."
        )
    if config.output_head:
        facts.notes.append(
            "RecBole leaves out the oldest item of every history when this model predicts; here it "
            "is read where there is room."
        )
    return config


def backbone_of(facts: Facts) -> Backbone:
    """The backbone of a file; a note is added if its settings name another model."""
    called = facts.settings.get("model")
    known = BACKBONE_NAMES.get(str(called).lower().removeprefix("ac"))
    backbone: Backbone = known or "SASRec"
    for name, mark in BACKBONE_MARKS.items():
        if any(re.fullmatch(mark, parameter) for parameter in facts.names):
            backbone = name
    if called and not known:
        facts.notes.append(
            f"The file calls its model {called}; its parameters are those of {backbone}."
        )
    return backbone


def _has_positions(
    backbone: Backbone, state: Mapping[str, Tensor], facts: Facts, *, calibrated: bool
) -> bool:
    """Whether positions are embedded; a note is added if they are not in SASRec.

    Raises
    ------
    KeyError
        If the state lacks them, and its model has them or its settings say so.
    ValueError
        If the state has them, and its settings say that it does not.
    """
    table = "key_positions.weight" if backbone == "TiSASRec" else "position_embedding.weight"
    present = table in state
    optional = backbone == "SASRec" or (calibrated and backbone != "TiSASRec")
    wanted = True
    if optional:
        unsaid = present if calibrated or not facts.settings else True
        wanted = facts.settings.get(POSITIONS, unsaid)
    if wanted and not present:
        raise KeyError(table)
    if present and not wanted:
        raise ValueError(
            f"its settings say {POSITIONS} {wanted}, and its weights have positions; take both "
            "from one training"
        )
    if not (present or calibrated):
        facts.notes.append(f"It has no positions, as AC-TSR's SASRec without {POSITIONS}.")
    return present


def _extra_rows(facts: Facts, usual: int) -> int:
    """Rows of the item table after the last item: the option's number, else the usual one."""
    rows = facts.options.pop("extra_rows", max(usual, 0))
    if type(rows) is not int or rows < 0:
        raise ValueError(f"extra_rows is {rows!r}, where a number of rows is expected")
    facts.extra_rows = rows
    return rows


def _n_heads(facts: Facts, state: Mapping[str, Tensor]) -> int:
    for term in ("order", "distance"):  # their maps act on the query and the key of one head
        affine = state.get(f"encoder.layers.0.weights.spatial.{term}.weight")
        if affine is not None:
            return 2 * len(state["norm.weight"]) // affine.shape[1]
    return facts.n_heads(len(state["norm.weight"]), N_HEADS)


def _particular(backbone: Backbone, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What only one backbone has."""
    if backbone == "SSE-PT":
        users = state["user_embedding.weight"]
        return {"n_users": len(users) - 1, "user_size": users.shape[1]}
    if backbone == "BERT4Rec":
        return {"output_head": any(name.startswith("head.") for name in state)}
    if backbone == "TiSASRec":  # RecBole clips bare differences of timestamps in float32
        return {"time_span": len(state["key_intervals.weight"]) - 1, "time_unit": "rounded second"}
    return {}


def _max_length(facts: Facts, state: Mapping[str, Tensor]) -> int:
    for name in (
        "position_embedding.weight",
        "key_positions.weight",
        "encoder.layers.0.weights.correction.gate.bias",
    ):
        if name in state:
            return len(state[name])
    return facts.value("max_length", MAX_LENGTH)


FORMAT = Format("RecBole", rf"{LAYER}\..*", RENAMES, configure, UNSCORED, SPELLING)
