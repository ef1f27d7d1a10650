"""RePlay: SASRec of replay.nn, and of replay.models.nn before it; padding is the last id.

The older one sets the rows of padding to zero in every layer and lets items attend to them; the
other masks them.
"""

from torch import Tensor

from models import ModelConfig
from workbench.importing.format import (
    KIND,
    Facts,
    Format,
    as_affine_maps,
    count_layers,
    layer_renames,
    multihead_renames,
    without_padding,
)

PREFIX = r"(?:_?model\.)?(?:body\.)?"
ENCODER = rf"{PREFIX}(?:encoder|sasrec_layers)"
EMBEDDER = rf"{PREFIX}(?:embedder\.feature_embedders\.\w+\.emb|item_embedder\.item_emb)"
POSITIONS = rf"{PREFIX}(?:embedding_aggregator|item_embedder\.pos_emb)\.pe"
EPS, FINAL_EPS = 1e-8, 1e-5


def configure(state: dict[str, Tensor], facts: Facts) -> ModelConfig:
    """The configuration; the names of its embeddings say which of the two models it is."""
    as_affine_maps(state)
    older = any("item_embedder" in name for name in facts.names)
    table = state["item_embedding.weight"]
    state["item_embedding.weight"] = without_padding(table[:-1])
    dropout = facts.value("hidden_dropout", 0.2 if older else 0.3)
    return ModelConfig(
        name="SASRec",
        n_items=len(table) - 1,
        n_layers=count_layers(state),
        n_heads=facts.n_heads(table.shape[1], 1 if older else 4),
        hidden_size=table.shape[1],
        inner_size=len(state["encoder.layers.0.feed_forward.dense_1.weight"]),
        max_length=len(state["position_embedding.weight"]),
        position_from="end",
        left_padding="zeros" if older else "masked",
        norm="query",
        activation="relu" if older else facts.value("activation", "relu"),
        scale_embeddings=True,
        input_norm=False,
        layer_norm_eps=EPS,
        final_norm_eps=EPS if older else FINAL_EPS,
        hidden_dropout=dropout,
        attention_dropout=dropout,
    )


FORMAT = Format(
    "RePlay",
    rf"{ENCODER}\.attention_layers\.\d+\.in_proj_weight",
    (
        (rf"{EMBEDDER}\.weight", "item_embedding.weight"),
        (rf"{POSITIONS}\.weight", "position_embedding.weight"),
        *multihead_renames(rf"{ENCODER}\.attention_layers\.(\d+)"),
        *layer_renames(
            rf"{ENCODER}\.attention_layernorms\.(\d+)",
            rf"{ENCODER}\.forward_layernorms\.(\d+)",
            rf"{ENCODER}\.forward_layers\.(\d+)\.conv([12])",
        ),
        (rf"{PREFIX}output_normalization\.(?:last_layernorm\.)?{KIND}", r"encoder.norm.\1"),
    ),
    configure,
    ignored=(rf"{PREFIX}_head\._item_embedder\..*",),  # the same tensors once more
    spelling={
        "n_heads": "head_count",
        "hidden_dropout": "dropout_rate",
        "n_layers": "block_count",
        "hidden_size": "hidden_size",
        "max_length": "max_seq_len",
    },
    numbering="sorted",
)
