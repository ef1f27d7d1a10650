"""What one model's diagnostics cost: recorded passes, removal conditions and gradients, timed."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from analyses.diagnostics.max_attention_removal.removal_measures import Trial, operators, places
from analyses.running.passes import Outcome
from benchmarks.timing import medians, seconds
from models import Batch
from workbench import (
    edit_attention,
    explain,
    record_attention,
)
from workbench.attention.edits import Edit
from workbench.attention.recording import Rows

SEED = 1
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

    def __call__(self, batch: Batch) -> Outcome:
        return Outcome.of(self.model, batch, self.targets)


class Costs:
    """Everything that is timed, of one model on the same cases."""

    def __init__(self, model: Any, every: list[Case]) -> None:
        self.model, self.every = model, every
        with torch.no_grad():
            self.trials = [Trial.start(model, *case) for case in every]

    def times(self, repeats: int) -> dict[str, tuple[float, float]]:
        """Name -> (seconds, ratio to its unit); gradients are enabled for attributions alone."""
        plain = {
            "pass, nothing recorded": lambda: [self.model(batch) for batch, _ in self.every],
            RECORDED: lambda: [record_attention(self.model, batch) for batch, _ in self.every],
            **{
                f"removal: {operator}, k = {k}, rows: {rows}": self._removal(edit, rows)
                for rows, k in dict.fromkeys((p.rows, p.k) for p in places(2))
                for operator, edit in operators(k, SEED).items()
            },
        }
        gradients = {
            "input x gradient": self._gradient("input x gradient"),
            "input x gradient, attention held": self._gradient("input x gradient, attention held"),
        }
        ranked = {
            RANKED: lambda: [record_attention(Ranked(self.model, t), b) for b, t in self.every],
            WHOLE: self._whole,
        }
        found = medians(
            {name: _timed(run) for name, run in (plain | ranked).items()}
            | {name: _timed(run, gradients=True) for name, run in gradients.items()},
            repeats,
        )
        found[WHOLE] /= self._count_passes()
        units = {name: RANKED if name in ranked else RECORDED for name in found}
        order = [*plain, *gradients, *ranked]
        return {name: (found[name], found[name] / found[units[name]]) for name in order}

    def _removal(self, edit: Edit, rows: Rows) -> Run:
        def run() -> None:
            for batch, _ in self.every:
                with edit_attention(self.model, edit, rows=rows):
                    self.model(batch)

        return run

    def _gradient(self, method: str) -> Run:
        return lambda: [
            explain(self.model, batch, targets, method) for batch, targets in self.every
        ]

    def _whole(self) -> None:
        for trial in self.trials:
            trial.conditions(SEED)

    def _count_passes(self) -> int:
        """How many edited passes the conditions of one trial are."""
        passes = []
        handle = self.model.register_forward_pre_hook(lambda *_: passes.append(1))
        with torch.no_grad():
            self.trials[0].conditions(SEED)
        handle.remove()
        return len(passes)


def _timed(run: Run, *, gradients: bool = False) -> Callable[[], float]:
    def timed() -> float:
        with torch.set_grad_enabled(gradients):
            return seconds(run)

    timed()  # to warm up
    return timed
