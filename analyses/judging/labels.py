"""Whether an importance finds the planted cause, and so which attention is faithful.

Cases are held-out items that the rule produced, and whose causes a model can read: one, or the two
of a conjunction. There the best prediction is the effect, so that a model that knows the rule is
right in all of them. What an importance *finds* is the share of causes among as many first items:
whether the first item is the cause, or how many of the first two are those of a conjunction (either
alone would not do: the last item is one of them in three quarters of these). "Faithful" is
measured, never taken from a name. A map, which is a model and a reduction of its attention, is

- *faithful* if the model has learned the rule (it is right in at least `LEARNED` of the cases), and
  the map finds at least `FOUND` of the causes where the model is right, and in all cases more than
  chance and than recency do, by intervals that leave out 0;
- *unfaithful* if it finds less than `FOUND` of all causes, and hardly more (`MARGIN`) than the
  better of chance and recency, or if nothing in the data has a cause;
- *partly* faithful otherwise: shown, and counted in no error rate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analyses.reliability import FAITHFUL, FOUND, PARTLY, UNFAITHFUL
from models import Batch
from workbench import explain
from workbench.data.batches import cause_mask, make_batch
from workbench.data.sequences import SequenceData
from workbench.data.splits import held_out_cases
from workbench.errors import WorkbenchError
from workbench.metrics import target_ranks
from workbench.mode import evaluation_mode
from workbench.model import Model
from workbench.statistics import cause_scores, chance_scores, mean_interval

LEARNED = 0.5
MARGIN = 0.1
CASES = 300  # at most, drawn at random: shares are then known to about 5 %


@dataclass(frozen=True)
class CausedCases:
    """Cases whose cause is known.

    Attributes
    ----------
    batch : their histories, [B, L].
    targets : [B], what the rule produced.
    causes : [B, L] bool, True at what it produced them from.
    users : [B] indices.
    """

    batch: Batch
    targets: Tensor
    causes: Tensor
    users: np.ndarray


def caused_cases(data: SequenceData, max_length: int) -> CausedCases | None:
    """The test cases that a rule produced, whose causes are all among what a model reads.

    `CASES` of them at most, drawn at random; None where there are none.

    Parameters
    ----------
    data : planted data.
    max_length : how many items a model reads.

    Raises
    ------
    WorkbenchError
        If the data carry no truth.
    """
    if data.truth is None:
        raise WorkbenchError(f"{data.name} carries no causes; give planted data.")
    chosen = held_out_cases(data, max_length)
    places = data.truth.places(data.offsets[chosen.users], chosen.ends)  # [n, 2]
    given = places >= 0
    readable = given[:, 0] & (~given | (places >= chosen.starts[:, None])).all(1)
    index = np.flatnonzero(readable)
    if not len(index):
        return None
    if len(index) > CASES:
        index = np.sort(np.random.default_rng(0).choice(index, CASES, replace=False))
    part = chosen.take(index)
    batch = make_batch(data, part)
    causes = cause_mask(data, part, batch.items.shape[1])
    return CausedCases(batch, torch.from_numpy(part.targets), causes, part.users)


@torch.no_grad()
def right(model: Model, cases: CausedCases) -> Tensor:
    """Whether the model ranks the target first, [B] bool."""
    with evaluation_mode(model):
        scores = model.scores(cases.batch.to(model.device)).to(cases.targets.device)
    return target_ranks(scores, cases.targets) == 1


def truth_table(model: Model, cases: CausedCases | None, names: Sequence[str]) -> pd.DataFrame:
    """How well importances find the cause.

    Parameters
    ----------
    model : what is explained.
    cases : cases with causes, None where nothing has one.
    names : importances, as `workbench.explain` knows them.

    Returns
    -------
    DataFrame
        A row per importance: `importance`, `n` cases, `hit@1` of the model in them, what is `found`
        and what of that where the model is right; the share whose first item is a cause (`top1`),
        the mean `rank` and `average precision` of causes; what `chance` and `recency` find, and the
        lower ends of the intervals of the differences to them. Magnitudes are ranked, so that an
        item that lowers the score counts as one that matters.
    """
    if cases is None:
        return pd.DataFrame([{"importance": name, "n": 0} for name in names])
    valid = cases.batch.valid
    correct = right(model, cases)
    chance = chance_scores(valid, cases.causes).top1.numpy()
    recency = _found(explain(model, cases.batch, cases.targets, "recency"), cases)
    rows = []
    for name in names:
        values = explain(model, cases.batch, cases.targets, name).abs()
        found, scores = _found(values, cases), cause_scores(values, valid, cases.causes)
        rows.append(
            {
                "importance": name,
                "n": len(found),
                "hit@1": float(correct.double().mean()),
                "found": found.mean(),
                "found where right": found[correct.numpy()].mean() if correct.any() else np.nan,
                "top1": float(scores.top1.mean()),
                "rank": float(scores.rank.mean()),
                "average precision": float(scores.average_precision.mean()),
                "chance": chance.mean(),
                "recency": recency.mean(),
                "above chance, at least": _at_least(found - chance),
                "above recency, at least": _at_least(found - recency),
            }
        )
    return pd.DataFrame(rows)


def label(row: Mapping[str, Any]) -> str:
    """Faithful, partly or unfaithful, by the definition above, of a row of `truth_table`."""
    hardly_more = max(row["chance"], row["recency"]) + MARGIN  # above 1 where the last is the cause
    if row["n"] == 0 or (row["found"] < FOUND and row["found"] <= hardly_more):
        return UNFAITHFUL
    if (
        row["hit@1"] >= LEARNED
        and row["found where right"] >= FOUND
        and row["above chance, at least"] > 0
        and row["above recency, at least"] > 0
    ):
        return FAITHFUL
    return PARTLY


def _found(importance: Tensor, cases: CausedCases) -> np.ndarray:
    """The share of k causes among the k most important items, ties broken at random, [B]."""
    values = importance.masked_fill(~cases.batch.valid, -torch.inf)
    above = (values[:, None, :] > values[:, :, None]).sum(-1)  # [B, L]
    tied = (values[:, None, :] == values[:, :, None]).sum(-1)
    k = cases.causes.sum(1, keepdim=True)
    among = ((k - above) / tied).clamp(0, 1)  # the chance of each item to be among the first k
    return ((among * cases.causes).sum(1, keepdim=True) / k)[:, 0].double().numpy()


def _at_least(differences: np.ndarray) -> float:
    """The lower end of the interval of a mean; 0 where too few differ from 0 to have one."""
    interval = mean_interval(differences)
    return interval.low if interval.has_ends else 0.0
