"""What a report could say of an attention map without knowing any cause, in numbers.

Each number comes with the decision that would be made by it alone; `scoring` says how well both
tell faithful from unfaithful maps.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from torch import Tensor

from analyses.diagnostics.faithfulness.importance_choices import CONTROLS
from models import Batch
from workbench import explain
from workbench.faithfulness.agreement import most_important, rank_agreement
from workbench.model import Model
from workbench.statistics import mean_interval

SAYS = "{}: says faithful"  # the column of the decision that goes with a number
NUMBERS = (
    "same first item as replacement",
    "the same, above the best control",
    "tau with replacement",
    "tau with saliency",
)
DECISIONS: Mapping[str, str] = {name: SAYS.format(name) for name in NUMBERS[1:]}


def signals(model: Model, batch: Batch, targets: Tensor, names: list[str]) -> pd.DataFrame:
    """Numbers and decisions for attention maps of a model.

    Parameters
    ----------
    model, batch, targets : what is explained, [B, L] and [B].
    names : reductions of attention, as `workbench.explain` knows them.

    Returns
    -------
    DataFrame
        A row per map: `importance`, `NUMBERS`, means over the histories, and `DECISIONS`: whether
        the interval of the number leaves out what is not above 0.
    """
    effect = explain(model, batch, targets, "replacement")
    gradient = explain(model, batch, targets, "saliency")
    controls = [_same_first(explain(model, batch, targets, c), effect, batch) for c in CONTROLS]
    best = max(controls, key=np.mean)
    rows = []
    for name in names:
        weights = explain(model, batch, targets, name)
        same = _same_first(weights, effect, batch)
        per_user = {
            NUMBERS[1]: same - best,
            NUMBERS[2]: rank_agreement(weights, effect, batch).tau.numpy(),
            NUMBERS[3]: rank_agreement(weights, gradient, batch).tau.numpy(),
        }
        row: dict[str, object] = {"importance": name, NUMBERS[0]: same.mean()}
        for number, values in per_user.items():
            interval = mean_interval(values)
            row[number] = interval.estimate
            row[DECISIONS[number]] = bool(interval.low > 0)
        rows.append(row)
    return pd.DataFrame(rows)


def _same_first(importance: Tensor, effect: Tensor, batch: Batch) -> np.ndarray:
    """The chance that both rank one item first, ties broken at random, [B]."""
    first, other = (most_important(values, batch.valid) for values in (importance, effect))
    return (first * other).sum(1).numpy()
