"""RecTools: SASRec and BERT4Rec in Lightning's .ckpt, which says all that has to be known."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
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
from workbench.importing.pickles import array_values
from workbench.importing.weights import Weights

PREFIX = r"(?:torch_model\.)?"
BLOCK = PREFIX + r"transformer_layers\.transformer_blocks\.(\d+)"
NET = PREFIX + r"item_model\.item_net_blocks\.\d+"
PADDING, MASK = "PAD", "MASK"
EPS, FINAL_EPS = 1e-5, 1e-8
QUERY, PRE = "SASRecTransformerLayers", "PreLNTransformerLayers"
PARTS = {  # what a model may be composed of, by the setting that names it
    "transformer_layers_type": (QUERY, PRE),
    "item_net_constructor_type": ("SumOfEmbeddingsConstructor",),
    "pos_encoding_type": ("LearnableInversePositionalEncoding",),
    "similarity_module_type": ("DistanceSimilarityModule",),
    "backbone_type": ("TransformerTorchBackbone",),
}


def settings(weights: Weights) -> Mapping[str, Any]:
    """The configuration of the model, as the file has it."""
    return weights.saved("hyper_parameters").get("model_config") or {}


def configure(state: dict[str, Tensor], facts: Facts) -> ModelConfig:
    """The configuration, as the file has it.

    Extra tokens are the first rows of its item table; they are moved behind the last item.

    Raises
    ------
    KeyError
        If the state has no item embeddings.
    ValueError
        If the file holds no configuration, or that of a model that is not here, or items of one
        name.
    """
    given = facts.settings
    if not given:
        raise ValueError(
            "there are no hyper_parameters in it; save it by model.fit_trainer.save_checkpoint"
        )
    for part, known in PARTS.items():
        kind = str(given.get(part, known[0])).rpartition(".")[2]
        if kind not in known:
            raise ValueError(
                f"its {part} is {kind}, and those here are {' or '.join(known)}; adapt the model "
                "by `workbench.adapt`"
            )
    if (distance := (given.get("similarity_module_kwargs") or {}).get("distance", "dot")) != "dot":
        raise ValueError(f"its scores are a {distance} distance, and those here are dot products")
    query = str(given["transformer_layers_type"]).endswith(QUERY)
    tokens = [
        str(token) for token in array_values(facts.tree["hyper_parameters"]["item_external_ids"])
    ]
    masks = tokens[1:2] == [MASK]
    masked = bool(given.get("use_key_padding_mask"))
    if not masked and (masks or not query):
        raise ValueError(
            "it attends to padding whose rows differ; train it with use_key_padding_mask=True, or "
            "adapt the model by `workbench.adapt`"
        )
    if masks == bool(given.get("use_causal_attn")):
        raise ValueError(
            "it has a mask token and causal attention, or neither, and the models here have one"
        )
    as_affine_maps(state)
    table = _item_table(state)
    n_items = len(tokens) - 1 - masks
    if tokens[:1] != [PADDING] or n_items != len(table) - 1 - masks:
        raise ValueError(f"its {len(table)} rows of items have {len(tokens)} names")
    if len(distinct := Counter(tokens)) < len(tokens):
        twice, _ = distinct.most_common(1)[0]
        raise ValueError(
            f"several of its items are called {twice!r}; give each a name of its own where it is "
            "trained"
        )
    facts.item_ids = tokens[1 + masks :]
    state["item_embedding.weight"] = torch.cat(
        [without_padding(table[1 + masks :]), table[1 : 1 + masks]]
    )
    if "position_embedding.weight" in state:  # its first row is of the latest
        state["position_embedding.weight"] = state["position_embedding.weight"].flip(0)
    dropout = facts.value("hidden_dropout", 0.2)
    return ModelConfig(
        name="BERT4Rec" if masks else "SASRec",
        backbone="BERT4Rec" if masks else "SASRec",
        n_items=n_items,
        n_layers=count_layers(state),
        n_heads=facts.n_heads(table.shape[1], 4),
        hidden_size=table.shape[1],
        inner_size=len(state["encoder.layers.0.feed_forward.dense_1.weight"]),
        max_length=facts.value("max_length", 100) - masks,
        position_embedding="position_embedding.weight" in state,
        position_from="end",
        left_padding="masked" if masked else "zeros",
        norm="query" if query else "pre",
        activation="relu" if query else "gelu",
        scale_embeddings=bool((given.get("pos_encoding_kwargs") or {}).get("use_scale_factor")),
        input_norm=False,
        layer_norm_eps=EPS,
        final_norm_eps=FINAL_EPS if query else None,
        hidden_dropout=dropout,
        attention_dropout=dropout,
    )


def _item_table(state: dict[str, Tensor]) -> Tensor:
    """Item embeddings with the extra tokens': those of ids and the sum of those of categories."""
    parts = []
    if "ids" in state:
        parts.append(state.pop("ids"))
    if "categories.weight" in state:
        names = ("weight", "emb_bag_inputs", "offsets", "input_lengths")
        weight, inputs, offsets, counts = (state.pop(f"categories.{name}") for name in names)
        if not (offsets[0] == 0 and torch.equal(offsets.diff(), counts[:-1])):
            raise ValueError("its categories of items are not one item after the other")
        owner = torch.arange(len(counts)).repeat_interleave(counts)
        parts.append(
            weight.new_zeros(len(counts), weight.shape[1]).index_add(0, owner, weight[inputs])
        )
    if not parts:
        raise KeyError("item embeddings")
    return torch.stack(parts).sum(0)


FORMAT = Format(
    "RecTools",
    rf"{BLOCK}\.multi_head_attn\.in_proj_weight",
    (
        (rf"{NET}\.ids_emb\.weight", "ids"),
        (rf"{NET}\.embedding_bag\.weight", "categories.weight"),
        (rf"{NET}\.(emb_bag_inputs|offsets|input_lengths)", r"categories.\1"),
        (rf"{PREFIX}pos_encoding_layer\.pos_emb\.weight", "position_embedding.weight"),
        *multihead_renames(rf"{BLOCK}\.multi_head_attn"),
        *layer_renames(
            rf"{BLOCK}\.(?:q_layer_norm|layer_norm_1)",
            rf"{BLOCK}\.(?:ff_layer_norm|layer_norm_2)",
            rf"{BLOCK}\.feed_forward\.ff_linear_([12])",
        ),
        (rf"{PREFIX}transformer_layers\.last_layernorm\.{KIND}", r"encoder.norm.\1"),
    ),
    configure,
    spelling={
        "n_heads": "n_heads",
        "max_length": "session_max_len",
        "hidden_dropout": "dropout_rate",
        "n_layers": "n_blocks",
        "hidden_size": "n_factors",
        "position_embedding": "use_pos_emb",
    },
    settings=settings,
    numbering="tokens",
)
