"""What moves the prediction: every importance of items against what taking items away does.

An importance is right as far as the items it names are those without which the prediction changes.
Two ways of taking items away are used, since each is blind somewhere: an item is replaced by the
mean embedding, or no row may attend to it (masking; deletion in a model without attention). Masking
cannot take the last item away, so that item is kept and not ranked there. As the last item often
decides alone, replacement is measured both with and without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analyses.diagnostic import Diagnostic
from analyses.diagnostics.faithfulness import faithfulness_findings as view
from analyses.diagnostics.faithfulness.faithfulness_figures import summaries
from analyses.diagnostics.faithfulness.importance_choices import HELD_OUT, OWN, TRAINED
from analyses.running.held_out import HeldOutCases, recommended, seen_items
from models import Batch
from workbench import importances
from workbench.attention.base_pass import BasePass
from workbench.explaining.attention_weights import every_reduction
from workbench.explaining.erasure import effects_of_each
from workbench.explaining.methods import default_erasure, explain_each
from workbench.faithfulness.agreement import SHORTEST
from workbench.faithfulness.curves import (
    SIZES,
    Removals,
    most_important_first,
    normalised,
    searched,
)
from workbench.faithfulness.randomization import PERMUTED, POINTERS, SHUFFLED, controls
from workbench.metrics import CUTOFF, log_probabilities, target_ranks
from workbench.model import Model
from workbench.statistics import kendall_tau_b, spearman
from workbench.statistics.rounding import levels

TARGETS = (HELD_OUT, OWN)
WORDS = ("target", "importance", "operator", "last", "control")
MEASURED = ("align", "tau", "spearman", "attained", "hit", "cause")
STEPS = ("without", "alone", "without least", "stays", "stays least")
COLUMNS = {
    **dict.fromkeys(("user", "length"), np.int64),
    **dict.fromkeys(WORDS, object),
    **dict.fromkeys((*MEASURED, *(f"{step} {k}" for step in STEPS for k in SIZES)), np.float64),
}


@dataclass(frozen=True)
class Condition:
    """How items are taken away, and whether the last one may go.

    Attributes
    ----------
    operator : see `workbench.explaining.erasure`.
    last : "ranked", or "kept".
    """

    operator: str
    last: str

    def candidates(self, batch: Batch) -> Tensor:
        """The items that are ranked and may be taken away, [B, L]."""
        if self.last == "ranked":
            return batch.valid
        return batch.valid.scatter(1, batch.rows[:, None], False)


def conditions(model: Model) -> list[Condition]:
    """How items are taken from a model: replaced, and a second way that keeps the last item."""
    first = default_erasure(model)
    second = "masking" if model.stages else "deletion"
    every = [Condition(first, "ranked"), Condition(first, "kept"), Condition(second, "kept")]
    return list(dict.fromkeys(every))


@torch.no_grad()
def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """A row per user of the sample, target, importance and condition.

    Columns: `align`, whether the most important item is the one whose removal costs the score most;
    `tau` and `spearman` with the effects of all removals; `without` and `alone` with a number of
    items behind them, nats of log probability lost without the most important ones and with them
    alone; `without least 1` to 5, without the least important; `stays 1` to 5 and `stays least 1`
    to 5, whether the target is still among the first ten; `attained`, the mean loss without 1 to 5
    items on the scale of what searches attain; `hit`, whether the target was among the first ten;
    `cause`, of planted data and the held-out item, whether the most important item is among those
    that caused it, NaN where none did.
    Where the last item is kept, only some of them, since they cost a pass each. `control` is
    "trained" but for the controls, of which `align` of their attention alone is measured.
    """
    cases = cases.take(cases.in_sample & (cases.batch.lengths.cpu().numpy() >= SHORTEST))
    if not len(cases.users):
        return pd.DataFrame({column: np.zeros(0, kind) for column, kind in COLUMNS.items()})
    base = BasePass(model, cases.batch)
    scores = base.scores()  # [b, V]
    seen = seen_items(cases.data, cases.users)
    both = torch.stack([cases.targets, recommended(scores, seen)], 1)  # [b, 2]
    trial = Trial(base, both, scores, seed, cases.causes)
    frames = [trial.condition(condition).assign(control=TRAINED) for condition in conditions(model)]
    if model.stages:
        frames += controlled(model, cases.batch, cases.targets, seen, seed)
    users = pd.DataFrame({"case": range(len(cases.users)), "user": cases.users})
    return pd.concat(frames).merge(users, on="case").drop(columns="case")


def controlled(
    model: Model, batch: Batch, targets: Tensor, seen: Tensor, seed: int
) -> list[pd.DataFrame]:
    """How often attention names the item that matters most to it, in each control of a model."""
    every = controls(model, seed)
    frames = []
    for name in (SHUFFLED, POINTERS, PERMUTED):
        if name not in every:
            continue
        with every[name]() as control:
            base = BasePass(control, batch)
            both = torch.stack([targets, recommended(base.scores(), seen)], 1)  # [b, 2]
            condition = conditions(control)[0]
            candidates = condition.candidates(batch)
            effects = effects_of_each(base, both, condition.operator)
            names, aligned = [], []
            for reduction, values in every_reduction(control, batch).items():
                place = most_important_first(values, candidates, seed)
                for target, label in enumerate(TARGETS):
                    names.append((label, reduction))
                    aligned.append(is_first(place, effects[..., target], candidates))
            frame = by_case(names, {"align": torch.cat(aligned)})
            frames.append(
                frame.assign(operator=condition.operator, last=condition.last, control=name)
            )
    return frames


def by_case(names: Sequence[tuple[str, str]], columns: Mapping[str, Tensor]) -> pd.DataFrame:
    """A row for each target and importance of `names`, and for each case, the cases innermost.

    `columns` hold a value for every row.
    """
    arrays = {column: values.cpu().numpy() for column, values in columns.items()}
    n = len(next(iter(arrays.values()))) // len(names)
    targets, every = (np.repeat(each, n) for each in zip(*names, strict=True))
    cases = np.tile(np.arange(n), len(names))
    return pd.DataFrame({"case": cases, **arrays, "target": targets, "importance": every})


def is_first(place: Tensor, effects: Tensor, candidates: Tensor) -> Tensor:
    """Whether the item in the first place is the candidate of the largest effect, [b] of 0 and 1.

    `place`, `effects` and `candidates` are [b, L].
    """
    largest = effects.masked_fill(~candidates, -torch.inf).argmax(1, keepdim=True)
    return (place.gather(1, largest)[:, 0] == 0).double()


class Trial:
    """One model on the users of a sample.

    Parameters
    ----------
    base : the pass of their histories as they are.
    targets : [b, 2], the held-out item and what the model recommends.
    scores : [b, V], of all items with nothing taken away.
    seed : of what is random.
    causes : [b, L] bool, what caused the held-out item; None where nobody knows.
    """

    def __init__(
        self, base: BasePass, targets: Tensor, scores: Tensor, seed: int, causes: Tensor | None
    ) -> None:
        self.base, self.targets, self.seed, self.causes = base, targets, seed, causes
        self.model, self.batch = base.model, base.batch
        self.complete = log_probabilities(scores, targets)  # [b, 2]
        ranks = [target_ranks(scores, target) for target in targets.unbind(1)]
        self.hits = torch.stack(ranks, 1) <= CUTOFF  # [b, 2]
        self.importances = importances(base.model)
        self.effects = {
            name: effects_of_each(base, targets, name)
            for name, importance in self.importances.items()
            if importance.family == "erasure"
        }  # [b, L, 2] each, of both targets in one pass
        self.values = dict(self._explained())
        self.removals = {
            each.operator: Removals(base, targets, each.operator) for each in conditions(self.model)
        }

    def _explained(self) -> Iterator[tuple[tuple[int, str], Tensor]]:
        """Every importance by target and name, [b, L]."""
        shared = every_reduction(self.model, self.batch)
        rest = [name for name in self.importances if name not in shared | self.effects]
        targeted = [name for name in rest if self.importances[name].targeted]
        others = [name for name in rest if name not in targeted]
        shared |= explain_each(self.model, self.batch, self.targets[:, 0], others, seed=self.seed)
        own = [
            explain_each(self.model, self.batch, items, targeted, seed=self.seed)
            for items in self.targets.unbind(1)
        ]
        for name in self.importances:
            for target in range(len(TARGETS)):
                if name in self.effects:
                    yield (target, name), self.effects[name][..., target]
                else:
                    yield (target, name), (shared | own[target])[name]

    def condition(self, condition: Condition) -> pd.DataFrame:
        """All importances for both targets in one condition."""
        candidates = condition.candidates(self.batch)
        keys = sorted(self.values, key=lambda key: key[0])  # the targets one after the other
        places = {
            key: most_important_first(self.values[key], candidates, self.seed) for key in keys
        }
        curves = self._curves(places, candidates, condition)
        nothing = torch.full_like(self.complete[:, 0], torch.nan)
        columns = {
            step: torch.cat([curves[key].get(step, nothing) for key in keys])
            for step in dict.fromkeys(step for key in keys for step in curves[key])
        }
        targets = [target for target, _ in keys]
        effects = torch.cat([self.effects[condition.operator][..., target] for target in targets])
        every = candidates.repeat(len(keys), 1)
        columns["align"] = is_first(torch.cat([*places.values()]), effects, every)
        columns |= agree(torch.cat([self.values[key] for key in keys]), effects, every)
        columns["hit"] = torch.cat([self.hits[:, target].double() for target in targets])
        columns["cause"] = torch.cat([self._names_cause(*each) for each in places.items()])
        if condition.last == "ranked":  # elsewhere it would cost many passes of its own
            lost = torch.stack([columns[f"without {k}"] for k in SIZES], 1).mean(1)
            bounds = self._bounds(condition.operator, candidates)
            columns["attained"] = normalised(
                lost, *(torch.cat([bound[:, target] for target in targets]) for bound in bounds)
            )
        frame = by_case([(TARGETS[target], name) for target, name in keys], columns)
        frame = frame.assign(operator=condition.operator, last=condition.last)
        return frame.assign(length=self.batch.lengths.cpu().numpy()[frame["case"]])

    def _names_cause(self, key: tuple[int, str], place: Tensor) -> Tensor:
        """Whether the first item caused the held-out one, [b]; NaN where that is not known."""
        if self.causes is None or TARGETS[key[0]] != HELD_OUT:
            return torch.full_like(self.complete[:, 0], torch.nan)
        named = (self.causes & (place == 0)).any(1).double()
        return named.masked_fill(~self.causes.any(1), torch.nan)

    def _curves(
        self, places: Mapping[tuple[int, str], Tensor], candidates: Tensor, condition: Condition
    ) -> dict[tuple[int, str], dict[str, Tensor]]:
        """What is lost in every removal, columns by target and importance.

        In other conditions than the first one for the held-out item alone, and the most important
        items alone.
        """
        main = condition.last == "ranked"
        count = candidates.sum(1, keepdim=True)  # [b, 1]
        masks, names = [], []
        for key, place in places.items():
            for k in SIZES if main or key[0] == 0 else ():
                first = candidates & (place < k)
                masks += [first, candidates & ~first]
                names += [(key, f"without {k}"), (key, f"alone {k}")]
                if main:
                    masks.append(candidates & (place >= count - k))
                    names.append((key, f"without least {k}"))
        n = len(self.targets)
        outcome = self.removals[condition.operator].outcomes(
            torch.arange(n, device=candidates.device).repeat(len(masks)),
            torch.cat(masks),
            ranked=main,
        )
        curves: dict[tuple[int, str], dict[str, Tensor]] = {key: {} for key in places}
        parts = zip(names, outcome.nats.split(n), outcome.ranks.split(n), strict=True)
        for (key, name), left, rank in parts:
            target = key[0]
            curves[key][name] = self.complete[:, target] - left[:, target]
            if main and name.startswith("without"):
                stays = (rank[:, target] <= CUTOFF).double()
                curves[key][name.replace("without", "stays")] = stays
        return curves

    def _bounds(self, operator: str, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the most that searches for items to remove attain, [b, 2] each."""
        effects = self.effects[operator]
        most, least = searched(self.removals[operator], effects, candidates)
        return self.complete - least.mean(-1), self.complete - most.mean(-1)


def agree(importance: Tensor, effects: Tensor, candidates: Tensor) -> dict[str, Tensor]:
    """Rank correlations of an importance with effects, all [b, L]; NaN below `SHORTEST` items."""
    short = candidates.sum(1) < SHORTEST
    values = levels(importance, candidates), levels(effects, candidates)
    agreements = {"tau": kendall_tau_b, "spearman": spearman}
    return {
        name: correlation(*values, candidates).masked_fill(short, torch.nan)
        for name, correlation in agreements.items()
    }


DIAGNOSTIC = Diagnostic(
    name="faithfulness",
    title="What moves the prediction",
    question="Do the items that attention names move the prediction, more than others do?",
    measure=measure,
    findings=view.findings,
    tables=view.tables,
    summaries=summaries,
    captions=view.CAPTIONS,
    exclusions=view.exclusions,
    by_user=view.by_user,
    order=5,
)
