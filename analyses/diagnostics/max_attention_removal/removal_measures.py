"""Max-attention removal (figure 1a of the AC-TSR paper), against a control of the same mass.

In the rows edited, the k largest weights of each head are set to zero and the rest renormalised, in
one layer or in all, and what follows is computed again. The control, `workbench.attention.edits.
remove_matched`, takes as much weight from other keys, in the same pattern over heads and layers. A
single random weight is no control: it carries a fraction of the largest one's mass, and is another
key in each head and layer, while the largest is often the same in all.

One thing the control cannot share: where the largest weight is one key, as much weight elsewhere is
several, whose values partly cancel, so that the largest moves the scores further even where weights
were dealt to keys at random. If values are unrelated to weights, the mean square of what a row's
output moves by is in proportion to the sum of squares of what its weights change by, whichever keys
these are. How far scores move is therefore also given per length of that change (`size`), in which
largest and control do not differ where weights were dealt at random.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analyses.diagnostic import Diagnostic
from analyses.diagnostics.max_attention_removal import removal_findings as view
from analyses.running.held_out import HeldOutCases
from analyses.running.passes import RankedScores
from models import Batch
from workbench import record_attention
from workbench.attention.base_pass import BasePass
from workbench.attention.editing import Edited, edited_scores
from workbench.attention.edits import Edit, remove_k_largest, remove_matched
from workbench.attention.recording import Rows
from workbench.model import AttentionModel, Model, with_attention
from workbench.statistics.distributions import Distributions
from workbench.statistics.rounding import even

COUNTS = (1, 2, 3, 5)  # how many of the largest weights are removed, in all layers
BY_LAYER = (1, 5)  # and in one layer alone of several, where the ends of the range have to do
LARGEST, CONTROL = "largest", "control"


class Place(NamedTuple):
    """Where weights are edited: how many of the largest, in which layers, in which rows."""

    k: int
    layer: str
    layers: Sequence[int]
    rows: Rows


def places(n_layers: int) -> list[Place]:
    """Every place: the prediction row in each layer and in all, and once every row of all layers.

    Of the last layer only the prediction row reaches the scores, so in a model of one layer it
    stands for all.
    """
    every = range(n_layers)
    if n_layers == 1:
        return [Place(k, "1", every, "prediction") for k in COUNTS]
    whole = [Place(k, "all", every, "prediction") for k in COUNTS]
    alone = [Place(k, str(n + 1), [n], "prediction") for n in every for k in BY_LAYER]
    return [*whole, Place(COUNTS[0], "all", every, "all"), *alone]


def operators(k: int, seed: int) -> dict[str, Edit]:
    """The removal of the k largest weights, and its control."""
    return {LARGEST: remove_k_largest(k), CONTROL: remove_matched(k, seed)}


@torch.no_grad()
def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """A row per user and condition (operator, k, layer, rows edited).

    Effects are NaN where the rows edited have no k largest weights to lose: the history has no more
    than k items (`short`), or the weights of all rows edited are equal (`equal`). `mass` is what
    the prediction row loses of its weight, the mean over heads and layers edited, and `size` the
    length of the change of its weights (the root of the sum of squares over keys), root mean square
    over heads and layers edited; both of the unedited weights.
    """
    generator = np.random.default_rng([seed, *cases.users[:1]])
    trial = Trial.start(with_attention(model), cases.batch, cases.targets)
    conditions = trial.conditions(int(generator.integers(2**31)))
    return pd.concat([condition.assign(user=cases.users) for condition in conditions])


@dataclass(frozen=True)
class Trial:
    """One model on one batch: the unedited pass, run once, and what edits change about it.

    Attributes
    ----------
    base : the unedited pass.
    targets : [B].
    before : what it led to.
    likely : the distribution over all items that it led to.
    rows : [B], the prediction row.
    seen : [B, T], how many items each row may attend to; 0 for rows of padding.
    equal : [B, n_layers, T], rows whose weights are equal in every head.
    weights : [B, n_layers, H, T], what the prediction row gives to each item, 0 to other tokens.
    items : [B, T], which tokens are items.
    """

    base: BasePass
    targets: Tensor
    before: RankedScores
    likely: Distributions
    rows: Tensor
    seen: Tensor
    equal: Tensor
    weights: Tensor
    items: Tensor

    @classmethod
    def start(cls, model: AttentionModel, batch: Batch, targets: Tensor) -> "Trial":
        """Run the unedited pass of a batch for `targets` [B]."""
        items, at = model.history(batch), torch.arange(len(batch.items), device=targets.device)
        real, row = items.clone(), model.rows(batch)
        real[at, row] = True  # rows of padding are none
        allowed = model.allowed(batch)[:, 0] & items[:, None]  # [B, T, T]
        weights = record_attention(model, batch, rows="all")["attention"]  # [B, layers, H, T, T]
        equal = even(weights, allowed[:, None, None]).all(2)
        given = weights[at, :, :, row].masked_fill(~items[:, None, None], 0.0)
        base = BasePass(model, batch)
        before = RankedScores.of_scores(base.scores(), targets)
        likely, seen = Distributions(before.scores), allowed.sum(-1) * real
        return cls(base, targets, before, likely, row, seen, equal, given, items)

    def conditions(self, seed: int) -> list[pd.DataFrame]:
        """Every condition: the removal in each place, and its control."""
        every = [
            (operator, edit, place)
            for place in places(self.base.model.config.n_layers)
            for operator, edit in operators(place.k, seed).items()
        ]
        edits = [Edited(edit, place.layers, rows=place.rows) for _, edit, place in every]
        scores = edited_scores(self.base, edits)
        return [self._condition(*each, after) for each, after in zip(every, scores, strict=True)]

    def _condition(self, operator: str, edit: Edit, place: Place, scores: Tensor) -> pd.DataFrame:
        short = self.base.batch.lengths <= place.k
        equal = self._equal(place) & ~short
        effects = self._effect(scores)
        effects["mass"] = self._mass(operator, place).cpu().numpy()
        effects["size"] = self._size(edit, place).cpu().numpy()
        unknown = (short | equal).cpu().numpy()
        return pd.DataFrame(
            {
                **{name: np.where(unknown, np.nan, values) for name, values in effects.items()},
                "operator": operator,
                "k": place.k,
                "layer": place.layer,
                "rows": place.rows,
                "length": self.base.batch.lengths.cpu().numpy(),
                "short": short.cpu().numpy(),
                "equal": equal.cpu().numpy(),
                "rank_before": self.before.rank.cpu().numpy(),
            }
        )

    def _equal(self, place: Place) -> Tensor:
        """For which users the weights of every row edited are equal: [B]."""
        even = self.equal[:, list(place.layers)].all(1) | (self.seen < 2)  # [B, T]
        if place.rows == "all":
            return even.all(-1)
        return even[torch.arange(len(even), device=even.device), self.rows]

    def _mass(self, operator: str, place: Place) -> Tensor:
        """What the prediction row loses of its weight, the mean over heads and layers: [B]."""
        weights = self.weights[:, list(place.layers)]  # [B, layers, H, T]
        largest = weights.topk(min(place.k, weights.shape[-1])).values.sum(-1)
        if operator == CONTROL:
            largest = largest.minimum(weights.sum(-1) - largest)  # no more than the others have
        return largest.mean((1, 2))

    def _size(self, edit: Edit, place: Place) -> Tensor:
        """How far the weights of the prediction row change, over heads and layers: [B]."""
        weights = self.weights[:, list(place.layers)]
        change = edit(weights, self.items[:, None, None]) - weights  # [B, layers, H, T]
        return change.square().sum(-1).mean((1, 2)).sqrt()

    def _effect(self, scores: Tensor) -> dict[str, np.ndarray]:
        """What scores under an edit differ in from the unedited ones, [B] each."""
        after = RankedScores.of_scores(scores, self.targets)
        return {
            "rank_after": after.rank.cpu().numpy().astype(np.float64),
            **self.before.changed_to(after),
            "jsd": self.likely.divergence(after.scores).cpu().numpy(),
        }


DIAGNOSTIC = Diagnostic(
    name="max_attention_removal",
    title="Max-attention removal",
    question="Does the prediction depend on the largest attention weights, more than on as much "
    "attention elsewhere?",
    measure=measure,
    findings=view.findings,
    tables=view.tables,
    summaries=view.summaries,
    captions=view.CAPTIONS,
    exclusions=view.exclusions,
    by_user=view.by_user,
    needs_attention=True,
    order=10,
)
