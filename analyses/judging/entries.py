"""All that is judged: the trained models of the zoo, and the unfaithful ones made of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from analyses.judging.cells import BASE_USERS, THOROUGH, ZooModel
from analyses.judging.unfaithful import decorated, mislabelled, permuted, wrong_copy
from analyses.judging.zoo import finished, load
from models import Recommender
from workbench.faithfulness.randomization import shuffled
from workbench.training.variants import LIGHT, PLAIN, UNIFORM

AS_TRAINED = "as trained"
MISLABELLED = "weights shown at other items"
DECORATED = "decorative queries and keys"
VERSIONS: dict[str, Callable[[Recommender], Any]] = {
    AS_TRAINED: lambda model: model,
    MISLABELLED: mislabelled,
    "weights dealt to other items": permuted,
    "weights shown at copies of items": wrong_copy,
    "all weights shuffled": partial(shuffled, seed=0),
    DECORATED: decorated,
}


@dataclass(frozen=True, eq=False)
class Entry:
    """One model to judge.

    Attributes
    ----------
    trained : what it is made of.
    version : what was made of it, a name of `VERSIONS`.
    """

    trained: ZooModel
    version: str = AS_TRAINED

    def model(self, zoo: Path) -> Any:
        """The model, in evaluation mode."""
        return VERSIONS[self.version](load(self.trained, zoo))

    def columns(self) -> dict[str, Any]:
        """What tells it from the others, for a tidy table."""
        return self.trained.columns() | {"version": self.version}


def entries(plan: Sequence[ZooModel], zoo: Path) -> Iterator[Entry]:
    """What a plan gives to judge, as far as it is trained, cell by cell.

    Unfaithful models are made of one training of the plain and the light model in each cell, since
    those of others would say the same; away from the base of the plan one kind of them has to do,
    and none where nothing has a cause, since there all are unfaithful.
    """
    known = finished(plan, zoo)
    for cell in dict.fromkeys(trained.cell for trained in known):
        for trained in known:
            if trained.cell == cell:
                yield from (Entry(trained, version) for version in _versions(trained))


def _versions(trained: ZooModel) -> list[str]:
    """What is judged of a trained model."""
    cell = trained.cell
    base = cell.users == BASE_USERS and cell.difficulty in THOROUGH
    if trained.variant == UNIFORM:
        return [AS_TRAINED, DECORATED] if base else [AS_TRAINED]
    single = trained.seed == 0 and not trained.kept_off
    if trained.variant not in (PLAIN, LIGHT) or not single or cell.difficulty == "hopeless":
        return [AS_TRAINED]
    return [name for name in VERSIONS if name != DECORATED] if base else [AS_TRAINED, MISLABELLED]
