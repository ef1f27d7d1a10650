"""What users differ in here: per-user differences of models, from which studies are drawn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models import Batch
from workbench import edit_attention, explain, load_data, load_model, record_attention
from workbench.attention.edits import remove_largest, uniform
from workbench.data.batches import iterate
from workbench.data.splits import cases
from workbench.metrics import CUTOFF, hit, ndcg, target_ranks
from workbench.statistics import jensen_shannon_of_scores, kendall_tau_b

HIT, NDCG, SKEWED, PARAMETRIC = "Hit@10", "NDCG@10", "continuous", "parametric"
DRAWN = 20_000  # values that stand for a parametric distribution


@dataclass(frozen=True)
class Population:
    """Users who changed, and by how much: `changes` [m], none of them 0."""

    kind: str
    name: str
    changes: np.ndarray

    def everyone(self) -> bool:
        """Whether it is of a kind that changes for every user."""
        return self.kind in (SKEWED, PARAMETRIC)


def real(backbone: str = "SASRec") -> list[Population]:
    """Of the shipped models of a backbone, on the test users of MovieLens 100k.

    Ranks of the held-out item in the light calibrated model minus the plain one, and with attention
    made uniform minus learned; tau-b of attention with saliency in the two models; nats of log
    probability lost without the largest weight of each layer; divergence of the scores under
    uniform attention. Raises WorkbenchError where the data or the models cannot be had.
    """
    names = (backbone, f"AC-{backbone}-light", f"AC-{backbone}")
    plain, light, calibrated = (_measured(name) for name in names)
    metrics = [
        Population(
            kind, f"{kind}: {name}", _changed(metric(after, CUTOFF) - metric(before, CUTOFF))
        )
        for kind, metric in ((HIT, hit), (NDCG, ndcg))
        for name, after, before in (
            ("light minus plain", light["rank"], plain["rank"]),
            ("uniform minus learned", plain["rank if uniform"], plain["rank"]),
            ("lost by all who had it", np.full_like(plain["rank"], 1000), plain["rank"]),
        )
    ]
    skewed = {
        "tau-b: light minus plain": light["tau"] - plain["tau"],
        f"nats lost, {names[0]}": plain["nats lost"],
        f"divergence, {names[0]}": plain["divergence"],
        f"divergence, {names[2]}": calibrated["divergence"],
    }
    return [*metrics, *(Population(SKEWED, k, _changed(v)) for k, v in skewed.items())]


def parametric(seed: int = 0) -> list[Population]:
    """Beyond what the models show: a long tail to one side, a longer one, long tails to both."""
    draw = np.random.default_rng(seed)
    values = {
        "exponential": draw.exponential(1, DRAWN),
        "lognormal": draw.lognormal(0, 1, DRAWN),
        "t, 3 degrees of freedom": draw.standard_t(3, DRAWN),
    }
    return [Population(PARAMETRIC, name, each) for name, each in values.items()]


def _changed(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values) & (values != 0)]


def _measured(name: str) -> dict[str, np.ndarray]:
    """Column -> a value per test user, in ascending order of user."""
    data, model = load_data("ml-100k"), load_model(name)
    every = cases(data, "test", model.config.max_length)
    columns: dict[str, np.ndarray] = {}
    for index, batch, targets in iterate(data, every, 128):
        for column, values in _measure(model, batch, targets).items():
            columns.setdefault(column, np.full(len(every), np.nan))[index] = values.numpy()
    return columns


def _measure(model: Any, batch: Batch, targets: Tensor) -> dict[str, Tensor]:
    attention = record_attention(model, batch)["attention"].mean((1, 2))  # [B, L]
    importance = explain(model, batch, targets, "saliency")
    with torch.no_grad():
        scores = model.scores(batch)
        with edit_attention(model, uniform):
            even = model.scores(batch)
        with edit_attention(model, remove_largest):
            removed = model.scores(batch)
    nats = [s.double().log_softmax(-1).gather(1, targets[:, None])[:, 0] for s in (scores, removed)]
    return {
        "rank": target_ranks(scores, targets),
        "rank if uniform": target_ranks(even, targets),
        "tau": kendall_tau_b(attention, importance, batch.valid),
        "nats lost": nats[0] - nats[1],
        "divergence": jensen_shannon_of_scores(scores, even),
    }
