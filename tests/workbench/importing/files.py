"""Checkpoints as other software writes them, made here."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

GOLDEN = Path(__file__).parents[2] / "golden"
HIDDEN = 32  # of `chain_state`


def golden(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    """The reference's parameters under its names, all else of the file, and its settings."""
    with safe_open(GOLDEN / f"{name}.safetensors", "pt") as file:
        settings = {k: json.loads(v) for k, v in file.metadata().items()}
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    parameters = {k.removeprefix("param."): t for k, t in tensors.items() if k.startswith("param.")}
    return parameters, {k: t for k, t in tensors.items() if not k.startswith("param.")}, settings


def s3_state(parameters: dict[str, Tensor], spare_rows: int = 1) -> dict[str, Tensor]:
    """RecBole's SASRec under the names of the S3-Rec family, the item table with a mask token."""
    pairs = (
        ("trm_encoder.layer", "item_encoder.layer"),
        ("multi_head_attention", "attention"),
        ("feed_forward", "intermediate"),
        ("_embedding.", "_embeddings."),
    )
    state = {}
    for name, tensor in parameters.items():
        for theirs, others in pairs:
            name = name.replace(theirs, others)
        state[name] = tensor.float()
    table = state["item_embeddings.weight"]
    state["item_embeddings.weight"] = table.new_ones(len(table) + spare_rows, table.shape[1])
    state["item_embeddings.weight"][: len(table)] = table
    return state


def chain_state(successor: np.ndarray) -> dict[str, Tensor]:
    """RecBole's SASRec of one layer that has learnt what follows what: `successor` by id.

    Codes of items are random signs. Attention and the first feed-forward block do nothing; the
    second maps the code of an item to that of its successor.
    """
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(len(successor), HIDDEN, generator=generator).sign()
    layer, inner = "trm_encoder.layer.0.", len(successor)
    state = {
        "item_embedding.weight": codes,
        "position_embedding.weight": torch.zeros(8, HIDDEN),
        f"{layer}feed_forward.dense_1.weight": codes / HIDDEN * 20,
        f"{layer}feed_forward.dense_1.bias": torch.full((inner,), -15.0),
        f"{layer}feed_forward.dense_2.weight": codes[torch.from_numpy(successor)].T * 3,
        f"{layer}feed_forward.dense_2.bias": torch.zeros(HIDDEN),
    }
    for name in ("query", "key", "value", "dense"):
        state[f"{layer}multi_head_attention.{name}.weight"] = torch.zeros(HIDDEN, HIDDEN)
        state[f"{layer}multi_head_attention.{name}.bias"] = torch.zeros(HIDDEN)
    for name in ("", f"{layer}multi_head_attention.", f"{layer}feed_forward."):
        state[f"{name}LayerNorm.weight"] = torch.ones(HIDDEN)
        state[f"{name}LayerNorm.bias"] = torch.zeros(HIDDEN)
    return state


@contextmanager
def recbole_config(settings: dict[str, Any]) -> Iterator[Any]:
    """An object pickled as RecBole's Config is; its class is gone when the block ends."""
    names = ("recbole", "recbole.config", "recbole.config.configurator")
    assert not any(name in sys.modules for name in names)
    sys.modules.update({name: ModuleType(name) for name in names})
    try:
        config = type("Config", (), {"__module__": names[-1]})
        sys.modules[names[-1]].Config = config  # type: ignore[attr-defined]
        made = config()
        made.final_config_dict = settings
        yield made
    finally:
        for name in names:
            del sys.modules[name]
