"""Why: what a softmax over numbers between 0 and 1 leaves of attention, on planted data.

Under the planted rule *distance* the item at a fixed lag causes the next one, so a model must
attend to a single item to be right. Models are those of the judge (`analyses.judging`), smaller
than the ones of the study and trained within a minute each.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from analyses.judging.cells import VARIANTS, Cell, ZooModel
from analyses.judging.zoo import finished, load, train_zoo
from analyses.running.held_out import held_out_batches
from models import Recommender
from workbench import SequenceData, record_attention
from workbench.data.lookup import users_with_case
from workbench.processes import Ranks
from workbench.statistics import calibrated_weight_bound

PLANTED = Cell("distance")
BOUND_AT = (5, 10, 20, 50)  # lengths of a history at which the bound is told
USERS = 256  # on whom weights are read


def planned(seeds: int) -> list[ZooModel]:
    """The trainings on planted data."""
    return [ZooModel(PLANTED, variant, seed) for seed in range(seeds) for variant in VARIANTS]


def train_planted(folder: Path, seeds: int, ranks: Ranks, device: str) -> None:
    """Train what is missing on a device, shared by `ranks`."""
    train_zoo(planned(seeds), folder, ranks=ranks, device=device)


def measure_planted(folder: Path, seeds: int, device: torch.device) -> pd.DataFrame:
    """A row per training: Hit@1 on all test cases, the best on these, and the weights it gives.

    `largest weight` is the largest of the prediction row of any head and layer, the mean over
    users; `ratio` the most that one weight of such a row exceeds another.
    """
    trained = finished(planned(seeds), folder)
    if not trained:
        return pd.DataFrame()
    made = PLANTED.planted()
    data, best = made.data, float(made.bayes_hits().mean())
    rows = []
    for each in trained:
        model = load(each, folder).to(device)
        rows.append(
            {
                "model": each.label,
                "seed": each.seed,
                "hit@1": model.card["metrics"]["test"]["hit@1"],
                "best possible": best,
            }
            | _weights(model, data)
        )
    return pd.DataFrame(rows)


@torch.no_grad()
def _weights(model: Recommender, data: SequenceData) -> dict[str, float]:
    largest, ratio = [], 1.0
    for cases in held_out_batches(model, data, users_with_case(data)[:USERS]):
        weights = record_attention(model, cases.batch)["attention"]  # [B, layers, H, L]
        valid = cases.batch.valid[:, None, None]
        most = weights.masked_fill(~valid, 0).amax(-1)
        least = weights.masked_fill(~valid, torch.inf).amin(-1)
        largest.append(most.amax((1, 2)).cpu().numpy())
        ratio = max(ratio, float((most / least).max()))
    return {"largest weight": float(np.concatenate(largest).mean()), "ratio": ratio}


def room(data: Mapping[str, SequenceData], longest: int) -> pd.DataFrame:
    """How much the bound leaves on data sets, means over the histories before the test items.

    `longest` is how many items of a history a model sees.
    """
    rows = []
    for name, each in data.items():
        lengths = each.lengths - 1
        items = torch.from_numpy(np.clip(lengths[lengths > 0], 1, longest))
        rows.append(
            {
                "data": name,
                "items of a history, median": float(items.double().quantile(0.5)),
                "mean weight": float((1 / items.double()).mean()),
                "largest possible weight": float(calibrated_weight_bound(items).mean()),
            }
        )
    return pd.DataFrame(rows)


def bounds() -> pd.DataFrame:
    """The largest weight that AC as published can give, by the length of a history."""
    most = calibrated_weight_bound(torch.tensor(BOUND_AT)).tolist()
    return pd.DataFrame({"items": BOUND_AT, "largest possible weight": most})
