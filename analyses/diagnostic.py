"""What a diagnostic is, and how those in the folder `diagnostics` are found."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses import diagnostics
from analyses.report.summaries import Summary
from models import BACKBONES
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError


class Measure(Protocol):
    """Run the models over the test cases of `users`; a tidy row per user and condition.

    `progress(n)` is to be called with the number of users done, once per batch and model.
    """

    def __call__(
        self,
        models: Mapping[str, Any],
        data: SequenceData,
        *,
        users: np.ndarray,
        seed: int,
        progress: Callable[[int], object],
    ) -> pd.DataFrame: ...


@dataclass(frozen=True)
class Diagnostic:
    """One question asked of every model, and how its answer is measured, drawn and told.

    `plot` and `tables` name each figure and table; `captions` says, under the beginning of its
    name, what it shows and what it does not mean. `conclude` gives the findings, each a sentence
    with its interval and number of users. `order` is the place in the report. A diagnostic that can
    be measured one model and one share of the users at a time leaves `separable` as it is; what was
    measured is then stored piece by piece. `options` are whatever else the numbers depend on.

    Two more make the app's page of a whole data set livelier, and may be left out: `summaries`
    gives the numbers of figures, by the figure's name, which are then drawn anew for the users
    chosen (a figure without is shown as it was drawn); `by_user` reduces the tidy table to what is
    worth reading of a single user, columns named for readers, the main condition's rows first.
    """

    name: str
    title: str
    question: str
    measure: Measure
    plot: Callable[[pd.DataFrame], dict[str, Figure]]
    tables: Callable[[pd.DataFrame], dict[str, pd.DataFrame]]
    conclude: Callable[[pd.DataFrame], list[str]]
    exclusions: Callable[[pd.DataFrame], list[str]]
    captions: Mapping[str, str]
    order: int = 100
    separable: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    summaries: Callable[[pd.DataFrame], dict[str, Summary]] = lambda frame: {}
    by_user: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame

    def caption(self, name: str) -> str:
        """The caption of a figure or table: that of the longest key its name begins with."""
        fitting = [key for key in self.captions if name.startswith(key)]
        return self.captions[max(fitting, key=len)] if fitting else ""


def discover() -> dict[str, Diagnostic]:
    """Every diagnostic: any module or package in `diagnostics` that exposes `DIAGNOSTIC`."""
    names = [info.name for info in pkgutil.iter_modules(diagnostics.__path__)]
    modules = [importlib.import_module(f"{diagnostics.__name__}.{name}") for name in names]
    found = [module.DIAGNOSTIC for module in modules if hasattr(module, "DIAGNOSTIC")]
    return {d.name: d for d in sorted(found, key=lambda d: (d.order, d.name))}


def choose(known: Mapping[str, Diagnostic], names: Sequence[str]) -> list[Diagnostic]:
    """The diagnostics of these names in the order of the report; all, where none is named."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise WorkbenchError(
            f"no diagnostic is called {unknown[0]!r}; known are {', '.join(known)}."
        )
    return [d for d in known.values() if not names or d.name in names]


def source_file(diagnostic: Diagnostic) -> Path:
    """The file a diagnostic is written in."""
    return Path(inspect.getfile(inspect.unwrap(diagnostic.measure))).resolve()


class Roles(NamedTuple):
    """Which model plays which part in a comparison."""

    baseline: str | None
    uniform: str | None
    calibrated: list[str]


def is_uniform(name: str) -> bool:
    """Whether a model's name says that its attention is frozen to uniform."""
    return "-uniform" in name and not name.startswith("AC-")


def roles(names: Sequence[str]) -> Roles:
    """Parts by name: `AC-...` is calibrated, `...-uniform...` uniform, the first other baseline."""
    calibrated = [name for name in names if name.startswith("AC-")]
    uniform = [name for name in names if is_uniform(name)]
    plain = [name for name in names if name not in (*calibrated, *uniform)]
    return Roles(next(iter(plain), None), next(iter(uniform), None), calibrated)


def backbone(name: str) -> str:
    """What a model's name says it is built on: `SASRec` for `AC-SASRec-light`, say."""
    bare = name.removeprefix("AC-")
    known = [b for b in BACKBONES if bare.startswith(b)]
    return known[0] if known else bare.split(" ")[0].split("-uniform")[0].split("-light")[0]


def families(names: Sequence[str]) -> dict[str, list[str]]:
    """The models of each backbone."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(backbone(name), []).append(name)
    return found


def by_backbone(names: Sequence[str]) -> dict[str, Roles]:
    """The parts that the models of each backbone play among themselves."""
    return {family: roles(members) for family, members in families(names).items()}


def calibrated_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each calibrated model with the plain one of its backbone, where there is one."""
    return [
        (ac, parts.baseline)
        for parts in by_backbone(names).values()
        for ac in parts.calibrated
        if parts.baseline
    ]
