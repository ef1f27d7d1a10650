"""What one model's diagnostics cost: recorded passes, removal conditions and gradients, timed."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from analyses.diagnostics.max_attention_removal.removal_measures import Trial, operators, places
from analyses.running.passes import RankedScores
from benchmarks.timing import medians, seconds
from models import Batch
from workbench import explain, record_attention
from workbench.attention.base_pass import BasePass
from workbench.attention.editing import Edited, edited_scores
from workbench.attention.edits import remove_matched

SEED, DRAWS = 1, 10
RECORDED, RANKED = "recorded pass", "recorded pass, to the ranks"
WHOLE = "whole removal condition"

Case = tuple[Batch, Tensor]
Run = Callable[[], object]


class Ranked:
    """A model whose pass goes on to all scores and to the ranks of the held-out items."""

    def __init__(self, model: Any, targets: Tensor) -> None:
        self.model, self.targets = model, targets

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def __call__(self, batch: Batch) -> RankedScores:
        return RankedScores.of(self.model, batch, self.targets)


class Costs:
    """Everything that is timed, of one model on the same cases."""

    def __init__(self, model: Any, every: list[Case]) -> None:
        self.model, self.every = model, every
        with torch.no_grad():
            self.trials = [Trial.start(model, *case) for case in every]

    def times(self, repeats: int) -> dict[str, tuple[float, float]]:
        """Name -> (seconds, ratio to its unit); gradients are enabled for attributions alone."""
        edits = {
            "at the prediction row": [
                Edited(edit, place.layers)
                for place in places(self.model.config.n_layers)
                if place.rows == "prediction"
                for edit in operators(place.k, SEED).values()
            ],
            "draws of a control": [Edited(remove_matched(1, seed)) for seed in range(DRAWS)],
            **{f"{name}, k = 1, alone": [Edited(e)] for name, e in operators(1, SEED).items()},
            **{
                f"{name}, k = 1, all rows": [Edited(e, rows="all")]
                for name, e in operators(1, SEED).items()
            },
        }
        plain = {
            "pass, nothing recorded": lambda: [self.model(batch) for batch, _ in self.every],
            RECORDED: lambda: [record_attention(self.model, batch) for batch, _ in self.every],
            "kept pass": lambda: [BasePass(self.model, batch) for batch, _ in self.every],
        }
        removals = {
            f"removal: {name}" + f", each of {len(each)}" * (len(each) > 1): each
            for name, each in edits.items()
        }
        gradients = {
            "input x gradient": self._gradient("input x gradient"),
            "input x gradient, attention held": self._gradient("input x gradient, attention held"),
        }
        ranked = {
            RANKED: lambda: [record_attention(Ranked(self.model, t), b) for b, t in self.every],
            WHOLE: self._whole,
        }
        runs = plain | {name: self._removal(each) for name, each in removals.items()} | ranked
        found = medians(
            {name: _timed(run) for name, run in runs.items()}
            | {name: _timed(run, gradients=True) for name, run in gradients.items()},
            repeats,
        )
        for name, each in removals.items():
            found[name] /= len(each)
        found[WHOLE] /= self._count_conditions()
        units = {name: RANKED if name in ranked else RECORDED for name in found}
        order = [*plain, *removals, *gradients, *ranked]
        return {name: (found[name], found[name] / found[units[name]]) for name in order}

    def _removal(self, edits: Sequence[Edited]) -> Run:
        """Edits from kept passes on, to the score of a single item."""

        def run() -> None:
            for trial in self.trials:
                for _ in edited_scores(trial.base, edits, trial.targets[:, None]):
                    pass

        return run

    def _gradient(self, method: str) -> Run:
        return lambda: [
            explain(self.model, batch, targets, method) for batch, targets in self.every
        ]

    def _whole(self) -> None:
        for trial in self.trials:
            trial.conditions(SEED)

    def _count_conditions(self) -> int:
        """How many conditions a trial has."""
        return len(self.trials[0].conditions(SEED))


def _timed(run: Run, *, gradients: bool = False) -> Callable[[], float]:
    def timed() -> float:
        with torch.set_grad_enabled(gradients):
            return seconds(run)

    timed()  # to warm up
    return timed
