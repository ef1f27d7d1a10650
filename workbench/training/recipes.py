"""Recipes: options of models and of their training that belong together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

RecipeName = Literal["tuned", "paper"]


@dataclass(frozen=True)
class Recipe:
    """How models are built and trained, of whatever backbone and calibration.

    Attributes
    ----------
    model : options for `workbench.build_model`.
    training : options for `workbench.train`, but for the seed.
    """

    model: Mapping[str, Any]
    training: Mapping[str, Any]


RECIPES: Mapping[RecipeName, Recipe] = {
    # by which SASRec ranks as well as the best of its kind on Beauty; docs/training.md has what of
    # it matters there
    "tuned": Recipe(
        {
            "norm": "query",
            "scale_embeddings": True,
            "final_norm_eps": 1e-8,
            "input_norm": False,
            "n_heads": 1,
            "inner_size": 64,
            "activation": "relu",
            "initializer_range": None,
            "initializer": "torch",
            "hidden_dropout": 0.6,
            "attention_dropout": 0.6,
            "dropout_at": "feed_forward",
            "position_from": "end",
        },
        {
            "loss": "exact",
            "learning_rate": 5e-4,
            "batch_size": 3500,
            "epochs": 200,
            "patience": 25,
            "remove_seen": True,
        },
    ),
    # what the AC-TSR paper has for Beauty, as far as it is told
    "paper": Recipe(
        {
            "n_layers": 3,
            "n_heads": 4,
            "hidden_size": 64,
            "inner_size": 128,
            "hidden_dropout": 0.5,
            "attention_dropout": 0.5,
        },
        {
            "objective": "prefixes",
            "loss": "exact",
            "learning_rate": 1e-4,
            "batch_size": 256,
            "epochs": 300,
            "patience": 10,
        },
    ),
}
"""The recipes by name, "tuned" and "paper"; docs/models.md says where each is from."""
