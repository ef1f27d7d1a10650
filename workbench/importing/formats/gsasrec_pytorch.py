"""gSASRec-pytorch: SASRec as published, without output projection; padding is the id n + 1."""

from torch import Tensor

from models import ModelConfig
from workbench.importing.format import (
    KIND,
    Facts,
    Format,
    count_layers,
    layer_renames,
    without_padding,
)

BLOCK = r"transformer_blocks\.(\d+)"
PROJECTION = rf"{BLOCK}\.multihead_attention"
EPS = 1e-5


def configure(state: dict[str, Tensor], facts: Facts) -> ModelConfig:
    """The configuration; the tables lose the rows of id 0, which no item has, and of padding."""
    for name in ("item_embedding.weight", "output_embedding.weight"):
        if name in state:
            state[name] = without_padding(state[name][1:-1])
    items = state["item_embedding.weight"]
    dropout = facts.value("hidden_dropout", 0.5)
    return ModelConfig(
        name="SASRec",
        n_items=len(items) - 1,
        n_layers=count_layers(state),
        n_heads=facts.n_heads(items.shape[1], 1),
        hidden_size=items.shape[1],
        inner_size=len(state["encoder.layers.0.feed_forward.dense_1.weight"]),
        max_length=len(state["position_embedding.weight"]),
        position_from="end",
        norm="query",
        activation="relu",
        output_projection=False,
        input_norm=False,
        layer_norm_eps=EPS,
        final_norm_eps=EPS,
        output_embedding="output_embedding.weight" in state,
        hidden_dropout=dropout,
        attention_dropout=dropout,
    )


FORMAT = Format(
    "gSASRec-pytorch",
    rf"{PROJECTION}\.query_proj\.{KIND}",
    (
        (r"(item|position|output)_embedding\.weight", r"\1_embedding.weight"),
        (rf"{PROJECTION}\.(query|key)_proj\.{KIND}", r"encoder.layers.\1.\2.\3"),
        (rf"{PROJECTION}\.val_proj\.{KIND}", r"encoder.layers.\1.value.\2"),
        *layer_renames(rf"{BLOCK}\.first_norm", rf"{BLOCK}\.second_norm", rf"{BLOCK}\.dense([12])"),
        (rf"seq_norm\.{KIND}", r"encoder.norm.\1"),
    ),
    configure,
    numbering="ids",
)
