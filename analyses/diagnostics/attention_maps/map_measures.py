"""Attention heatmaps (figures 1b and 6 of the AC-TSR paper), and what they are examples of.

Over all users: mean weight by distance from the prediction, and entropy against its bounds. For
three users, chosen by a rule in the baseline model, all weights of all layers, heads and stages.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analyses.diagnostic import Diagnostic
from analyses.diagnostics.attention_maps import map_findings as view
from analyses.running.held_out import HeldOutCases, held_out_batches
from analyses.running.results import Results
from models import ModelConfig
from workbench import explain, record_attention
from workbench.data.sequences import SequenceData
from workbench.explore.shown import MASK
from workbench.faithfulness.agreement import rank_agreement
from workbench.model import Model, with_attention
from workbench.statistics import calibrated_entropy_bound, entropy
from workbench.statistics.distributions import shares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORTEST = 5  # history of a user who is shown: a map of fewer items shows nothing


def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """Rows of three kinds for each user: "entropy", "distance" and "agreement"."""
    recorded = record_attention(model, cases.batch, stages=model.stages)
    mean = recorded["attention"].mean((1, 2))  # [B, L]
    return pd.concat([*spread(model, cases, recorded), agreement(model, cases, mean)])


@torch.no_grad()
def spread(model: Model, cases: HeldOutCases, recorded: Mapping[str, Tensor]) -> list[pd.DataFrame]:
    """Entropy by stage and layer, and the mean weight over heads by distance.

    Among the items of the history; what a mask token keeps for itself, or padding gets, is in the
    column "kept". `recorded` holds the weights of each stage, [B, layers, H, L].
    """
    batch = cases.batch
    valid = batch.valid  # [B, L]
    lengths = batch.lengths.cpu().numpy()
    case, position = (t.cpu().numpy() for t in valid.nonzero(as_tuple=True))
    parts = []
    has_mask = with_attention(model).history(batch).shape[1] > batch.items.shape[1]
    for stage, weights in recorded.items():  # [B, layers, H, L]
        kept = (1 - weights.sum(-1)).mean(2) * has_mask  # [B, layers]
        weights = shares(weights)
        nats = entropy(weights, valid[:, None, None]).mean(2)  # [B, layers]
        bounded = flattened(model, stage)
        least = calibrated_entropy_bound(batch.lengths) if bounded else 0.0 * batch.lengths
        means = weights.mean(2)  # [B, layers, L]
        for layer in range(weights.shape[1]):
            place = {"stage": stage, "layer": str(layer + 1)}
            parts.append(
                pd.DataFrame(
                    {"kind": "entropy", "user": cases.users, "length": lengths}
                    | {"value": nats[:, layer].cpu().numpy(), "least": least.cpu().numpy()}
                    | {"kept": kept[:, layer].cpu().numpy()}
                ).assign(**place)
            )
            parts.append(
                pd.DataFrame(
                    {"kind": "distance", "user": cases.users[case], "length": lengths[case]}
                    | {"key": lengths[case] - 1 - position}
                    | {"value": means[:, layer][valid].cpu().numpy()}
                ).assign(**place)
            )
    return parts


def flattened(model: Model, stage: str) -> bool:
    """Whether a stage is a softmax over numbers in [0, 1], as the correction of AC ends in."""
    config = model.config
    calibration = config.calibration if isinstance(config, ModelConfig) else None
    if calibration is None or "calibrated" not in model.stages:
        return False
    last = ("calibrated", "attention") if calibration.two_level else ("calibrated",)
    return calibration.normalization == "softmax" and stage in last


def agreement(model: Model, cases: HeldOutCases, attention: Tensor) -> pd.DataFrame:
    """Tau-b of each user between `attention` [B, L] of the prediction row and saliency."""
    batch = cases.batch
    saliency = explain(model, batch, cases.targets, "saliency, attention held")
    tau = rank_agreement(attention, saliency, batch).tau
    lengths = batch.lengths.cpu().numpy()
    columns = {"kind": "agreement", "user": cases.users, "length": lengths}
    return pd.DataFrame(columns | {"tau": tau.cpu().numpy()})


def examples(models: Mapping[str, Model], data: SequenceData, results: Results) -> pd.DataFrame:
    """Rows of the kind "weight": all weights of three users, chosen in the baseline model."""
    of_baseline = results.rows.where(kind="agreement", model=results.comparison.baseline)
    candidates = of_baseline.map(lambda frame: frame[["user", "length", "tau"]]).whole()
    return pd.concat(
        _weights(model, data, user).assign(model=name, choice=choice, tau=tau)
        for choice, (user, tau) in chosen(candidates).items()
        for name, model in models.items()
    )


def chosen(candidates: pd.DataFrame) -> dict[str, tuple[int, float]]:
    """The users of highest, median and lowest tau: name -> (user, tau); ties by lowest user.

    Only histories of `SHORTEST` items or more are considered, if there are any.
    """
    long_enough = candidates[candidates["length"] >= SHORTEST]
    ranked = (long_enough if len(long_enough) else candidates).fillna({"tau": 0.0})
    ranked = ranked.sort_values(["tau", "user"], ascending=[False, True], ignore_index=True)
    places = {"highest": 0, "median": (len(ranked) - 1) // 2, "lowest": len(ranked) - 1}
    picked = {choice: ranked.iloc[place] for choice, place in places.items()}
    return {c: (int(row["user"]), float(row["tau"])) for c, row in picked.items()}


@torch.no_grad()
def _weights(model: Model, data: SequenceData, user: int) -> pd.DataFrame:
    """All allowed weights of one user: a row per stage, layer, head, query and key position.

    A mask token has the position after the last item. In planted data the column "cause" is 1 where
    the key caused the held-out item, else 0.
    """
    cases = next(held_out_batches(model, data, np.array([user])))
    case = cases.batch
    attentive = with_attention(model)
    n = int(attentive.rows(case)[0]) + 1  # what comes after the row that predicts is padding
    allowed = attentive.allowed(case)[0, 0, :n, :n]
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
    frame = pd.concat(parts).assign(
        title=lambda f: titles[f["key"]], query_title=lambda f: titles[f["query"]]
    )
    if cases.causes is None:
        return frame
    caused = np.append(cases.causes[0].cpu().numpy(), False).astype(float)
    return frame.assign(cause=lambda f: caused[f["key"]])


def pictures(results: Results) -> "dict[str, Figure]":
    """The heatmaps of the users chosen."""
    from analyses.diagnostics.attention_maps import heatmaps  # which brings matplotlib

    return heatmaps.pictures(results)


DIAGNOSTIC = Diagnostic(
    name="attention_maps",
    title="Attention heatmaps",
    question="Where does attention go, by distance and layer, and how sharp can it be?",
    measure=measure,
    examples=examples,
    findings=view.findings,
    tables=view.tables,
    summaries=view.summaries,
    pictures=pictures,
    captions=view.CAPTIONS,
    exclusions=view.exclusions,
    by_user=view.by_user,
    needs_attention=True,
    order=20,
)
