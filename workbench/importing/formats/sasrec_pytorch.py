"""SASRec.pytorch (pmixer), a bare state dict with args.txt beside it, and what was made of it.

Three forwards share its parameters. Until 2024-06 positions count from 0 at the left edge, and the
rows of padding are zero in every layer. Since then they count from 1, and the rows of padding pass
the layers. The second of these has query-only norm like the first; since 2025-05 there is post-norm
instead, or pre-norm where args.txt has norm_first. In all of them items attend to the padding.
"""

import re
from collections.abc import Mapping
from typing import Any

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
from workbench.importing.weights import Weights

ARGUMENTS = "args.txt"
LARGEST = 65_536  # bytes of it that are read
EPS = 1e-8
NORMS = ("query", "post", "pre")


def settings(weights: Weights) -> Mapping[str, Any]:
    """The arguments of its training: in the file, beside it, and in its name."""
    settings: dict[str, Any] = {}
    beside = weights.path.with_name(ARGUMENTS)
    if weights.settings:
        settings = dict(weights.settings)
    elif beside.is_file():
        with beside.open("rb") as file:
            text = file.read(LARGEST).decode("utf-8", "replace")
        for line in text.splitlines():
            name, comma, value = line.partition(",")
            if comma:
                settings[name] = _value(value)
    named = re.findall(r"(head|maxlen|layer|hidden)=(\d+)", weights.path.name)
    spelled = {"head": "num_heads", "layer": "num_blocks", "hidden": "hidden_units"}
    return settings | {spelled.get(name, name): int(value) for name, value in named}


def _value(text: str) -> Any:
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def configure(state: dict[str, Tensor], facts: Facts) -> ModelConfig:
    """The configuration, by the rows of its position table and the arguments of its training.

    Raises
    ------
    Doubt
        If neither the arguments nor an option say which norm it has.
    ValueError
        If the arguments do not agree with the weights or each other, or an option or setting is not
        possible.
    """
    as_affine_maps(state)
    table, positions = state["item_embedding.weight"], state["position_embedding.weight"]
    size = table.shape[1]
    # the later ones have a row for padding, which is zero
    rows, later = len(positions), not positions[0].any()
    if guessed := "maxlen" not in facts.settings:
        later = later or facts.options.get("norm") in ("post", "pre")
        facts.notes.append(
            f"Positions are taken to count as {'since' if later else 'before'} 2024-06, for row 0 "
            f"of pos_emb is {'no position' if later else 'not zero'} and no argument says maxlen."
        )
    max_length = facts.settings.get("maxlen", rows - later)
    if max_length not in (rows, rows - 1):
        raise ValueError(f"its pos_emb has {rows} rows, and maxlen is {max_length}")
    later = max_length == rows - 1
    if later:
        state["padding_embedding"] = size**0.5 * table[0] + positions[0]
        state["position_embedding.weight"] = positions[1:]
    state["item_embedding.weight"] = without_padding(table[1:])
    return ModelConfig(
        name="SASRec",
        n_items=len(table) - 1,
        n_layers=count_layers(state),
        n_heads=facts.n_heads(size, 1),
        hidden_size=size,
        inner_size=len(state["encoder.layers.0.feed_forward.dense_1.weight"]),
        max_length=max_length,
        position_from="end",
        left_padding="token" if later else "zeros",
        norm=_norm(facts, later, guessed),
        activation="relu",
        scale_embeddings=True,
        input_norm=False,
        layer_norm_eps=EPS,
        final_norm_eps=EPS,
        hidden_dropout=facts.value("hidden_dropout", 0.2),
        attention_dropout=facts.value("attention_dropout", 0.2),
    )


def _norm(facts: Facts, later: bool, guessed: bool) -> Any:
    first = facts.settings.get("norm_first")
    if first is not None and not later:
        raise ValueError(
            "its positions are as before 2024-06, and its arguments have norm_first, as since "
            "2025-05, which is neither; adapt the model by `workbench.adapt`"
        )
    if first is not None:
        return "pre" if first else "post"
    if not later and guessed:
        return facts.value("norm", "query")
    if not later or "num_epochs" in facts.settings:  # all arguments are there
        return "query"
    return facts.choice(
        "norm",
        NORMS,
        f"models until 2025-05 (query) and since (post, pre) share its parameters, and there is no "
        f"{ARGUMENTS} beside it",
    )


FORMAT = Format(
    "SASRec.pytorch",
    r"attention_layers\.\d+\.in_proj_weight",
    (
        (r"item_emb\.weight", "item_embedding.weight"),
        (r"pos_emb\.weight", "position_embedding.weight"),
        *multihead_renames(r"attention_layers\.(\d+)"),
        *layer_renames(
            r"attention_layernorms\.(\d+)",
            r"forward_layernorms\.(\d+)",
            r"forward_layers\.(\d+)\.conv([12])",
        ),
        (rf"last_layernorm\.{KIND}", r"encoder.norm.\1"),
    ),
    configure,
    spelling={
        "n_heads": "num_heads",
        "hidden_dropout": "dropout_rate",
        "attention_dropout": "dropout_rate",
        "n_layers": "num_blocks",
        "hidden_size": "hidden_units",
    },
    settings=settings,
    numbering="ids",
)
