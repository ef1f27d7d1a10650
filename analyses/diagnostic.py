"""What a diagnostic is, and how those in the folder `diagnostics` are discovered."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from analyses import diagnostics
from analyses.running.held_out import HeldOutCases
from analyses.running.results import Results, Rows
from workbench.data.sequences import SequenceData
from workbench.model import Model

if TYPE_CHECKING:  # half a second, for those who draw
    from matplotlib.figure import Figure

    from analyses.telling.summaries import Summary


class Measure(Protocol):
    """Measure one model on one batch: a row per case and condition.

    The model is in evaluation mode. The column `user` holds indices, of `cases.users`, and may be
    left out where each row is a case, in their order; `model` is added.
    """

    def __call__(self, model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame: ...


class Examples(Protocol):
    """Measure a few users chosen by what was measured of all of them: further rows."""

    def __call__(
        self, models: Mapping[str, Model], data: SequenceData, results: Results
    ) -> pd.DataFrame: ...


def no_pictures(results: Results) -> "dict[str, Figure]":
    """Where summaries describe all figures."""
    return {}


def nobody_left_out(results: Results) -> list[str]:
    """Where everybody was measured."""
    return []


def every_column(results: Results) -> Rows:
    """All that was measured of each user."""
    return results.rows


@dataclass(frozen=True)
class Diagnostic:
    """One question asked of every model, and how its answer is measured, drawn and put into words.

    Everything but the measures is made from `Results`, so that stored ones are enough.

    Attributes
    ----------
    name, title, question : what it is called in files and on pages, and what it asks.
    measure, examples : what is measured of each batch, and then of a few users, if any.
    findings : sentences, each with its interval and number of users, the main one first.
    tables : tables by name.
    summaries : the numbers of figures by name; report and app draw them.
    captions : what each figure and table shows and does not mean, by the beginning of its name.
    pictures : figures by name that no summary can describe; the app shows them as they are.
    exclusions : sentences that count what was left out.
    by_user : the rows and columns worth reading of a single user, named for readers, the main
        condition's rows first in each piece.
    needs_attention, needs_gradients : what a model must have to be measured.
    across_seeds : whether the siblings of a model, the same training with other seeds, are measured
        as well; they have rows of their own, and `Comparison.trainings` tells whose they are.
    order : its place in the report.
    """

    name: str
    title: str
    question: str
    measure: Measure
    findings: Callable[[Results], list[str]]
    tables: Callable[[Results], dict[str, pd.DataFrame]]
    summaries: "Callable[[Results], dict[str, Summary]]"
    captions: Mapping[str, str]
    pictures: "Callable[[Results], dict[str, Figure]]" = no_pictures
    exclusions: Callable[[Results], list[str]] = nobody_left_out
    by_user: Callable[[Results], Rows] = every_column
    examples: Examples | None = None
    needs_attention: bool = False
    needs_gradients: bool = False
    across_seeds: bool = False
    order: int = 100

    def caption(self, name: str) -> str:
        """The caption of a figure or table: that of the longest key its name begins with."""
        fitting = [key for key in self.captions if name.startswith(key)]
        return self.captions[max(fitting, key=len)] if fitting else ""


def discover() -> dict[str, Diagnostic]:
    """All diagnostics by name: the `DIAGNOSTIC` of each module or package in `diagnostics`."""
    within = diagnostics.__name__
    known = [importlib.import_module(f"{within}.{n}").DIAGNOSTIC for n in diagnostics.names()]
    return {d.name: d for d in sorted(known, key=lambda d: (d.order, d.name))}


def choose(known: Mapping[str, Diagnostic], names: Sequence[str]) -> list[Diagnostic]:
    """The diagnostics of these names in the order of the report; all, where none is named.

    Parameters
    ----------
    known : diagnostics by name, as `discover` gives them.
    names : of those that are wanted.

    Raises
    ------
    WorkbenchError
        If there is none of a name.
    """
    diagnostics.check_names(names, known)
    return [d for d in known.values() if not names or d.name in names]
