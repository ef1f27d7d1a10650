"""Small models that are trained within a minute, where data were planted for a moment's use."""

from typing import Any

SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "inner_size": 64,
    "hidden_dropout": 0.2,
    "attention_dropout": 0.2,
}
QUICK: dict[str, Any] = {
    "objective": "positions",
    "epochs": 20,
    "patience": 20,
    "batch_size": 128,
    "learning_rate": 3e-3,
}
