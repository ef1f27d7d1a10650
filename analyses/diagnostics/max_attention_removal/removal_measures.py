"""Max-attention removal (figure 1a of the AC-TSR paper), with controls.

Weight level: in the rows edited, one weight is set to zero and the rest renormalised (or the row
is made uniform, or permuted), in one layer or in all, and the whole model runs again. Item level:
an item is deleted from the history, a second and different operator.
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from analyses.diagnostic import Diagnostic
from analyses.diagnostics.max_attention_removal import removal_findings as view
from analyses.running.held_out import HeldOutCases
from analyses.running.passes import CUTOFF, Outcome
from models import Batch
from workbench import edit_attention, record_attention
from workbench.attention.edits import (
    Edit,
    equal_rows,
    permute,
    remove_largest,
    remove_random,
    remove_second_largest,
    remove_smallest,
    uniform,
)
from workbench.attention.recording import Rows, mean_attention
from workbench.evaluation import hit, ndcg
from workbench.model import AttentionModel, Model, with_attention
from workbench.statistics import jensen_shannon

DRAWS = 3  # random removals, whose effects are averaged per user
MOST, LEAST = "delete most attended item", "delete least attended item"
# Conditions that mean nothing where all weights are equal, so that no effect of theirs is measured
BY_SIZE = ("largest", "second largest", "smallest", MOST, LEAST)


def operators(seeds: list[int]) -> dict[str, list[Edit]]:
    """The edits each weight-level operator consists of: one, or a draw for each seed."""
    return {
        "largest": [remove_largest],
        "second largest": [remove_second_largest],
        "smallest": [remove_smallest],
        "random": [remove_random(seed) for seed in seeds],
        "uniform": [uniform],
        "permuted": [permute(seeds[0])],
    }


@torch.no_grad()
def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """A row per user and condition (operator, layer, rows edited).

    Effects are NaN where a condition asks for a largest weight and all are equal (`equal`).
    `copies` is the share of draws in which an item deleted occurs again in the history.
    """
    generator = np.random.default_rng([seed, *cases.users[:1]])
    seeds = generator.integers(2**31, size=DRAWS).tolist()
    trial = Trial.start(with_attention(model), cases.batch, cases.targets)
    conditions = [*trial.weights(seeds), *trial.items(seeds)]
    return pd.concat([condition.assign(user=cases.users) for condition in conditions])


@dataclass(frozen=True)
class Trial:
    """One model on one batch: the unedited pass, run once, and what edits change about it.

    Attributes
    ----------
    model, batch, targets : what is measured; targets [B].
    before : the unedited pass.
    lone : [B, T], rows that may attend to a single item, which keep it.
    choice : [B, T], rows that may attend to several.
    equal : [B, n_layers, T], rows whose weights are equal in every head.
    """

    model: AttentionModel
    batch: Batch
    targets: Tensor
    before: Outcome
    lone: Tensor  # [B, T] rows that may attend to a single item, which keep it
    choice: Tensor  # [B, T] rows that may attend to several
    equal: Tensor  # [B, layers, T] rows whose weights are equal in every head

    @classmethod
    def start(cls, model: AttentionModel, batch: Batch, targets: Tensor) -> "Trial":
        """Run the unedited pass of a batch for `targets` [B]."""
        items, at = model.history(batch), torch.arange(len(batch.items), device=targets.device)
        real = items.clone()
        real[at, model.rows(batch)] = True  # rows of padding are none
        allowed = model.allowed(batch)[:, 0] & items[:, None]  # [B, T, T]
        seen = allowed.sum(-1)  # [B, T]
        weights = record_attention(model, batch, rows="all")["attention"]  # [B, layers, H, T, T]
        equal = equal_rows(weights, allowed[:, None, None]).all(2)
        before = Outcome.of(model, batch, targets)
        lone, choice = (seen == 1) & real, (seen > 1) & real
        return cls(model, batch, targets, before, lone, choice, equal)

    def weights(self, seeds: list[int]) -> list[pd.DataFrame]:
        """Every weight-level condition: operators x (each layer, all) x (prediction row, all)."""
        n_layers = self.model.config.n_layers
        choices = {str(n + 1): [n] for n in range(n_layers)}
        if n_layers > 1:
            choices["all"] = list(range(n_layers))
        parts = []
        for operator, edits in operators(seeds).items():
            for layer, layers in choices.items():
                for rows in get_args(Rows):
                    # of the last layer only the prediction row reaches the scores
                    if rows == "prediction" or layers != [n_layers - 1]:
                        draws = [self._edited(edit, layers, rows) for edit in edits]
                        equal = self._equal(layers, rows)
                    parts.append(self._row(operator, layer, rows, draws, equal))
        return parts

    def _equal(self, layers: list[int], rows: Rows) -> Tensor:
        """For which users the rows edited have several weights, all of them equal: [B]."""
        even = self.equal[:, layers].all(1) | ~self.choice  # [B, T]
        if rows == "all":
            return even.all(-1) & self.choice.any(-1)
        at, row = torch.arange(len(even), device=even.device), self.model.rows(self.batch)
        return even[at, row] & self.choice[at, row]

    def items(self, seeds: list[int]) -> list[pd.DataFrame]:
        """Every item-level condition; the attention meant is the mean over layers and heads."""
        attention = mean_attention(self.model, self.batch)  # [B, L]
        valid = self.batch.valid
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        equal = equal_rows(attention, valid) & (self.batch.lengths > 1)
        keys = {
            MOST: [attention.masked_fill(~valid, -1)],
            LEAST: [-attention.masked_fill(~valid, 2)],
            "delete random item": [
                torch.rand(valid.shape, generator=g).to(valid.device).masked_fill(~valid, -1)
                for g in generators
            ],
        }
        parts = []
        for operator, scores in keys.items():
            deleted = [key.argmax(-1) for key in scores]  # [B] each
            draws = [
                self._effect(self.batch.without(one_hot(position, valid.shape[1]).bool())).assign(
                    copies=recurs(self.batch, position).double().cpu().numpy()
                )
                for position in deleted
            ]
            parts.append(self._row(operator, "history", "history", draws, equal))
        return parts

    def _edited(self, edit: Edit, layers: list[int], rows: Rows) -> pd.DataFrame:
        with edit_attention(self.model, edit, layers=layers, rows=rows):
            return self._effect(self.batch)

    def _effect(self, batch: Batch) -> pd.DataFrame:
        """What the scores of `batch` differ in from the unedited ones, a row per case."""
        after = Outcome.of(self.model, batch, self.targets)
        old, new = self.before.rank.cpu().numpy(), after.rank.cpu().numpy()
        return pd.DataFrame(
            {
                "rank_after": new.astype(np.float64),
                "d_hit": hit(new, CUTOFF) - hit(old, CUTOFF),
                "d_ndcg": ndcg(new, CUTOFF) - ndcg(old, CUTOFF),
                "top1_changed": (after.top != self.before.top).double().cpu().numpy(),
                "jsd": jensen_shannon(self.before.scores, after.scores).double().cpu().numpy(),
            }
        )

    def _row(
        self, operator: str, layer: str, rows: str, draws: list[pd.DataFrame], equal: Tensor
    ) -> pd.DataFrame:
        """A condition; `equal` [B] says for whom all weights it chooses among are the same."""
        effects = {c: np.mean([d[c] for d in draws], axis=0) for c in draws[0]}
        if operator in BY_SIZE:
            effects = {c: np.where(equal.cpu(), np.nan, values) for c, values in effects.items()}
        alone = self.lone[torch.arange(len(self.lone)), self.model.rows(self.batch)]  # [B]
        edited = self.lone.sum(-1) if rows == "all" else alone.long()
        return pd.DataFrame(
            {
                "operator": operator,
                "layer": layer,
                "rows": rows,
                "length": self.batch.lengths.cpu().numpy(),
                "one_key": alone.cpu().numpy(),
                "one_key_rows": edited.cpu().numpy(),
                "equal": equal.cpu().numpy(),
                "rank_before": self.before.rank.cpu().numpy(),
                **effects,
            }
        )


def recurs(batch: Batch, positions: Tensor) -> Tensor:
    """Whether the item at `positions` [B] occurs elsewhere in its history: [B] bool."""
    deleted = batch.items.gather(1, positions[:, None])
    return ((batch.items == deleted) & batch.valid).sum(1) > 1


DIAGNOSTIC = Diagnostic(
    name="max_attention_removal",
    title="Max-attention removal",
    question="Does the prediction depend on the largest attention weight, more than on others?",
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
