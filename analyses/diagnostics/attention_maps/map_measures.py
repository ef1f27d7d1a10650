"""Attention heatmaps (figures 1b and 6 of the AC-TSR paper), and what they are examples of.

Over all users: mean weight by distance from the prediction, and entropy against its bounds. For
three users, chosen by a rule in the baseline model, every weight of every layer, head and stage.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analyses.diagnostic import Diagnostic, roles
from analyses.diagnostics.attention_maps import map_findings as view
from analyses.running.passes import compact, held_out_batches
from models import Batch
from workbench import attribute, record_attention
from workbench.data.sequences import SequenceData
from workbench.statistics import calibrated_entropy_bound, entropy, kendall_tau_b

MASK = "[mask]"  # what BERT4Rec predicts at
SHORTEST = 5  # of whoever is shown: a map of fewer items shows nothing


def measure(
    models: Mapping[str, Any],
    data: SequenceData,
    *,
    users: np.ndarray,
    seed: int,
    progress: Callable[[int], object],
) -> pd.DataFrame:
    """Three kinds of rows: "entropy" and "distance" for every user, "weight" for those shown."""
    baseline = roles(list(models)).baseline or next(iter(models))
    frames, agreement = [], []
    for name, model in models.items():
        for who, batch, targets in held_out_batches(model, data, users):
            frames += [part.assign(model=name) for part in _whole_data(model, batch, who)]
            if name == baseline:
                agreement.append(_agreement(model, batch, targets, who))
            progress(len(who))
    for choice, (user, tau) in chosen(pd.concat(agreement)).items():
        for name, model in models.items():
            weights = _weights(model, data, user)
            frames.append(weights.assign(model=name, choice=choice, tau=tau))
    return compact(frames)


@torch.no_grad()
def _whole_data(model: Any, batch: Batch, who: np.ndarray) -> list[pd.DataFrame]:
    """Entropy by stage and layer, and the mean weight over heads by distance, for every user.

    Among the items of the history: what a mask token keeps for itself, or padding gets, is told as
    "kept".
    """
    recorded = record_attention(model, batch, stages=model.stages)
    valid = batch.valid  # [B, L]
    lengths = batch.lengths.cpu().numpy()
    case, position = (t.cpu().numpy() for t in valid.nonzero(as_tuple=True))
    parts = []
    has_other = model.history(batch).shape[1] > batch.items.shape[1]
    for stage, weights in recorded.items():  # [B, layers, H, L]
        total = weights.sum(-1, keepdim=True)
        kept = (1 - total).mean((2, 3)) * has_other  # [B, layers]
        weights = weights / total.clamp(min=torch.finfo(weights.dtype).tiny)
        nats = entropy(weights, valid[:, None, None]).mean(2)  # [B, layers]
        bounded = flattened(model, stage)
        least = calibrated_entropy_bound(batch.lengths) if bounded else 0.0 * batch.lengths
        means = weights.mean(2)  # [B, layers, L]
        for layer in range(weights.shape[1]):
            head = {"stage": stage, "layer": str(layer + 1)}
            parts.append(
                pd.DataFrame(
                    {"kind": "entropy", "user": who, "length": lengths}
                    | {"value": nats[:, layer].cpu().numpy(), "least": least.cpu().numpy()}
                    | {"kept": kept[:, layer].cpu().numpy()}
                ).assign(**head)
            )
            parts.append(
                pd.DataFrame(
                    {"kind": "distance", "user": who[case], "length": lengths[case]}
                    | {"key": lengths[case] - 1 - position}
                    | {"value": means[:, layer][valid].cpu().numpy()}
                ).assign(**head)
            )
    return parts


def flattened(model: Any, stage: str) -> bool:
    """Whether a stage is a softmax over numbers in [0, 1], as the correction of AC ends in."""
    if "calibrated" not in model.stages:
        return False
    calibration = model.config.calibration
    last = ("calibrated", "attention") if calibration.two_level else ("calibrated",)
    return calibration.normalization == "softmax" and stage in last


def _agreement(model: Any, batch: Batch, targets: Tensor, who: np.ndarray) -> pd.DataFrame:
    with torch.no_grad():
        attention = record_attention(model, batch)["attention"].mean((1, 2))  # [B, L]
    found = attribute(model, batch, targets, "saliency", detach_attention=True)
    tau = kendall_tau_b(attention.float(), found.values.float(), batch.valid)
    lengths = batch.lengths.cpu().numpy()
    return pd.DataFrame({"user": who, "length": lengths, "tau": tau.cpu().numpy()})


def chosen(agreement: pd.DataFrame) -> dict[str, tuple[int, float]]:
    """The users of highest, median and lowest tau: name -> (user, tau); ties by lowest user.

    Only histories of `SHORTEST` items or more are considered, if there are any.
    """
    long_enough = agreement[agreement["length"] >= SHORTEST]
    ranked = (long_enough if len(long_enough) else agreement).fillna({"tau": 0.0})
    ranked = ranked.sort_values(["tau", "user"], ascending=[False, True], ignore_index=True)
    places = {"highest": 0, "median": (len(ranked) - 1) // 2, "lowest": len(ranked) - 1}
    picked = {choice: ranked.iloc[place] for choice, place in places.items()}
    return {c: (int(row["user"]), float(row["tau"])) for c, row in picked.items()}


@torch.no_grad()
def _weights(model: Any, data: SequenceData, user: int) -> pd.DataFrame:
    """Every allowed weight of one user: a row per stage, layer, head, query and key position.

    A mask token has the position after the last item.
    """
    _, batch, _ = next(held_out_batches(model, data, np.array([user])))
    case = batch.take(torch.tensor([0], device=batch.items.device))
    n = int(model.rows(case)[0]) + 1  # what comes after the row that predicts is padding
    allowed = model.allowed(case)[0, 0, :n, :n]
    query, key = (t.cpu().numpy() for t in allowed.nonzero(as_tuple=True))
    items = case.items[0].cpu().numpy()
    parts = []
    for stage, weights in record_attention(model, case, stages=model.stages, rows="all").items():
        for layer in range(weights.shape[1]):
            for head in range(weights.shape[2]):
                parts.append(
                    pd.DataFrame(
                        {
                            "kind": "weight",
                            "user": user,
                            "user id": str(data.user_ids[user]),
                            "length": len(items),
                            "stage": stage,
                            "layer": str(layer + 1),
                            "head": str(head + 1),
                            "query": query,
                            "key": key,
                            "value": weights[0, layer, head, :n, :n][allowed].cpu().numpy(),
                        }
                    )
                )
    titles = np.array([*(data.title(int(item)) for item in items), MASK], dtype=object)
    return pd.concat(parts).assign(
        title=lambda f: titles[f["key"]], query_title=lambda f: titles[f["query"]]
    )


DIAGNOSTIC = Diagnostic(
    name="attention_maps",
    title="Attention heatmaps",
    question="Where does attention go, by distance and layer, and how sharp can it be?",
    measure=measure,
    plot=view.plot,
    tables=view.tables,
    conclude=view.conclude,
    exclusions=view.exclusions,
    summaries=view.summaries,
    by_user=view.by_user,
    captions=view.CAPTIONS,
    order=20,
    separable=False,
    options={"shortest": SHORTEST},
)
