"""What the zoo consists of: planted data of several kinds, and the models trained on each.

The plan is no full cross: around a base (2,000 users, a rule that speaks in 64 % of cases) it
varies the size of the data, the difficulty, and the seeds, and what tells most comes first, so that
a part of it is of use.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from workbench.data.planted import Planted, planted
from workbench.data.planted_settings import RULES, Rule
from workbench.data.sequences import SequenceData
from workbench.training.variants import (
    CALIBRATED,
    DIRECT,
    LIGHT,
    PLAIN,
    POSITIONED,
    RENORMALIZED,
    UNIFORM,
    Variant,
)

Scale = Literal["small", "default", "full"]
BASE_USERS = 2000
SIZES = (300, 1000, 16_000)
DIFFICULTIES: dict[str, dict[str, float]] = {
    "default": {"signal": 0.8, "noise": 0.2},
    "easy": {"signal": 0.95, "noise": 0.05},
    "hard": {"signal": 0.8, "noise": 0.5},
    "hopeless": {"signal": 0.0, "noise": 0.2},  # nothing has a cause to be pointed at
    # the last item is a cause in nearly every case, as it decides in real data
    "recent": {"signal": 0.95, "noise": 0.05, "cause_share": 0.95, "lag": 1},
}
THOROUGH = ("default", "recent")  # of which all kinds of models are made
CHOOSING, CONFIRMING = "choosing", "confirming"  # what data serve for, by their seed
ROLES = (CHOOSING, CONFIRMING)
CHOOSING_SEEDS, CONFIRMING_SEEDS = (0, 1), (2, 3)
SHAPE: dict[str, Any] = {"n_items": 100, "length": 30, "shortest": 20}
MODEL: dict[str, Any] = {
    "max_length": 20,  # that of a test's row is then a position that was trained
    "hidden_size": 32,
    "inner_size": 64,
    "n_heads": 2,
    "hidden_dropout": 0.1,
    "attention_dropout": 0.1,
    "initializer_range": 0.1,  # with 0.02 the first epochs teach nothing
}
TRAINING: dict[str, Any] = {"batch_size": 512, "learning_rate": 3e-3}
EPOCHS, PATIENCE = 40, 5  # of the base; an epoch of more users has more steps, so that fewer do

VARIANTS = (PLAIN, UNIFORM, LIGHT, RENORMALIZED, CALIBRATED, POSITIONED, DIRECT)
# strong enough that attention leaves the cause, and ranking finds another way to it
KEPT_OFF: dict[str, Any] = {"avoid": "cause", "avoid_weight": 1.0}


@dataclass(frozen=True)
class Cell:
    """One planted data set.

    Attributes
    ----------
    rule : see `workbench.data.planted`.
    users : how many.
    difficulty : a name of `DIFFICULTIES`.
    seed : of the data.
    """

    rule: Rule
    users: int = BASE_USERS
    difficulty: str = "default"
    seed: int = 0

    @property
    def name(self) -> str:
        """What the cell is called in tables and folders."""
        return f"{self.rule}_users={self.users}_{self.difficulty}_seed={self.seed}"

    @property
    def role(self) -> str:
        """Whether it serves to choose a rule or to confirm it."""
        return CHOOSING if self.seed in CHOOSING_SEEDS else CONFIRMING

    def training(self) -> dict[str, Any]:
        """How models are trained on it: about as many steps, however many users there are."""
        share = BASE_USERS / self.users
        patience = min(max(round(PATIENCE * share), 2), 3 * PATIENCE)
        epochs = min(max(round(EPOCHS * share), 12), 3 * EPOCHS)
        return TRAINING | {"epochs": epochs, "patience": patience}

    def planted(self) -> Planted:
        """The data and the rule behind them."""
        settings = SHAPE | DIFFICULTIES[self.difficulty]
        return planted(self.rule, n_users=self.users, seed=self.seed, **settings)

    def data(self) -> SequenceData:
        """The data, with their causes."""
        return self.planted().data


@dataclass(frozen=True, eq=False)
class ZooModel:
    """One model of the zoo.

    Attributes
    ----------
    cell : what it is trained on.
    variant : the model.
    seed : of the training.
    kept_off : whether its attention is kept off the causes in training.
    """

    cell: Cell
    variant: Variant = field(default=PLAIN)
    seed: int = 0
    kept_off: bool = False

    @property
    def label(self) -> str:
        """What the model is called in tables."""
        return self.variant.label + " kept off the cause" * self.kept_off

    @property
    def name(self) -> str:
        """The folder of the model below that of its cell."""
        return f"{self.label} seed={self.seed}".replace(" ", "_")

    def training(self) -> dict[str, Any]:
        """How it is trained."""
        return self.cell.training() | (KEPT_OFF if self.kept_off else {})

    def columns(self) -> dict[str, Any]:
        """What tells it from the others, for a tidy table."""
        cell = {("data seed" if k == "seed" else k): v for k, v in asdict(self.cell).items()}
        return cell | {"role": self.cell.role, "model": self.label, "seed": self.seed}


def plan(scale: Scale) -> list[ZooModel]:
    """The models of a scale, what tells most first.

    Parameters
    ----------
    scale : "small", for a test that the whole works, within two minutes; "default", about two hours
        on one core; or "full".
    """
    stages = {"small": _small, "default": _default, "full": _full}[scale]()
    return list({(entry.cell, entry.name): entry for entry in stages}.values())


def _small() -> Iterator[ZooModel]:
    for seed in (CHOOSING_SEEDS[0], CONFIRMING_SEEDS[0]):
        yield from _models([Cell("content", 500, "easy", seed)], [PLAIN, UNIFORM])


def _default() -> Iterator[ZooModel]:
    """One seed of data of each role; the models that differ most wherever something is varied."""
    seeds = (CHOOSING_SEEDS[0], CONFIRMING_SEEDS[0])
    cells = _cells(seeds, difficulties=THOROUGH)
    yield from _models(cells, VARIANTS[:3])
    yield from _models(cells, [PLAIN], kept_off=True)
    yield from _models(_cells(seeds, users=SIZES[:2]), VARIANTS[:2])
    yield from _models(_cells(seeds, difficulties=list(DIFFICULTIES)[1:]), VARIANTS[:2])
    yield from _models(cells, VARIANTS[3:])
    yield from _models(_cells(seeds), [PLAIN], seed=1)
    yield from _models(_cells(seeds, users=SIZES[2:]), VARIANTS[:2])


def _full() -> Iterator[ZooModel]:
    yield from _default()
    seeds = (*CHOOSING_SEEDS, *CONFIRMING_SEEDS)
    more = [variant for variant in VARIANTS if variant != UNIFORM]
    yield from _models(_cells(seeds), VARIANTS)
    yield from _models(_cells(seeds), more, seed=1)
    yield from _models(_cells(seeds), [PLAIN], kept_off=True)
    yield from _models(_cells(seeds, users=SIZES[:2]), VARIANTS)
    yield from _models(_cells(seeds, difficulties=list(DIFFICULTIES)[1:]), VARIANTS)
    yield from _models(_cells(seeds, users=SIZES[2:]), (PLAIN, UNIFORM, LIGHT))


def _cells(
    seeds: Sequence[int],
    *,
    users: Sequence[int] = (BASE_USERS,),
    difficulties: Sequence[str] = ("default",),
) -> list[Cell]:
    crossed = itertools.product(users, difficulties, seeds, RULES)
    return [Cell(rule, n, difficulty, seed) for n, difficulty, seed, rule in crossed]


def _models(
    cells: Sequence[Cell],
    variants: Sequence[Variant],
    *,
    seed: int = 0,
    kept_off: bool = False,
) -> Iterator[ZooModel]:
    for variant, cell in itertools.product(variants, cells):
        yield ZooModel(cell, variant, seed, kept_off)
