"""What each head of a model does with one history, a row per head."""

import pandas as pd
import torch

from workbench.explore.inspection import Inspection
from workbench.faithfulness.agreement import of_one
from workbench.statistics import normalised_entropy
from workbench.statistics.distributions import shares


def head_table(inspection: Inspection, stage: str = "attention") -> pd.DataFrame:
    """The prediction row of every layer and head.

    Parameters
    ----------
    inspection : of a model with attention.
    stage : the point where the weights were read.

    Returns
    -------
    DataFrame
        A row per head: layer and head (from 1), entropy (share of what even weights over the items
        have, 0 to 1; NaN for a single item), distance (mean number of items back from the latest,
        which is 0, by weight), tau (Kendall's tau-b with the leave-one-out effects; NaN where there
        is none), top (the place of the largest weight, from 0), weight (how large that is).
    """
    rows = []
    n = len(inspection.items)
    back = torch.arange(n - 1, -1, -1, dtype=torch.float64)
    for layer, heads in enumerate(inspection.weights[stage]):
        for head in range(len(heads)):
            row = inspection.row(stage, layer, head)
            share = shares(row.double())
            rows.append(
                {
                    "layer": layer + 1,
                    "head": head + 1,
                    "entropy": float(normalised_entropy(share, torch.ones(n, dtype=torch.bool))),
                    "distance": float((share * back).sum()),
                    "tau": of_one(row, inspection.effects)[0],
                    "top": int(row.argmax()),
                    "weight": float(row.max()),
                }
            )
    return pd.DataFrame(rows)
