"""How much trainings of one model differ: of a data set, by a recipe, in a measure.

Models by one recipe are taken to scatter alike, by different ones they are not: NDCG@10 on Beauty
scatters more than twice as much by defaults as tuned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analyses.claims.record import FREEDOM, SPREAD, SPREADS, Record
from analyses.claims.study import Planned
from analyses.claims.user_table import ATTENTION, METRICS, VALID
from workbench.statistics import SeedSpread, seed_spread

COLUMNS = ["data", "recipe", "measure", SPREAD, FREEDOM]
MEASURES = (*(name for name in METRICS if name != VALID), *ATTENTION)
FEWEST = 3  # degrees of freedom of seeds: two trainings may happen to be alike


@dataclass(frozen=True)
class Spreads:
    """The spreads of trainings on a data set.

    Attributes
    ----------
    recipes : by which models were trained, by label.
    known : by recipe and measure.
    """

    recipes: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[tuple[str, str], SeedSpread] = field(default_factory=dict)

    def of(self, label: str, measure: str) -> SeedSpread | None:
        """How much trainings of a model differ; None where they are too few to know it."""
        spread = self.known.get((self.recipes[label], measure))
        return None if spread is None or spread.freedom < FEWEST else spread


def by_training(users: pd.DataFrame, model: str, measure: str) -> np.ndarray:
    """A measure of each training of a model and of every user of the table, [trainings, users]."""
    rows = users[users["model"] == model]
    wide = rows.pivot(index="seed", columns="user", values=measure).sort_index()
    return wide.reindex(columns=np.unique(users["user"])).to_numpy(np.float64)


def spread_table(
    planned: Sequence[Planned], users: Mapping[str, pd.DataFrame], record: Record
) -> pd.DataFrame:
    """A row per data set, recipe and measure, of models that were trained several times.

    Parameters
    ----------
    planned : every training of the study, for their recipes.
    users : what was measured, by data set.
    record : of earlier trainings. What it has of a spread stands until one is known with as many
        degrees of freedom.
    """
    rows = []
    for data, found in users.items():
        for recipe, labels in _labels(planned, data).items():
            for measure in (name for name in MEASURES if name in found):
                present = found[found["model"].isin(labels) & found[measure].notna()]
                models = [by_training(present, name, measure) for name in present["model"].unique()]
                spread = seed_spread(models)
                if spread is not None:
                    rows.append((data, recipe, measure, spread.variance**0.5, spread.freedom))
    return record.joined(SPREADS, pd.DataFrame(rows, columns=COLUMNS))


def spreads_by_data(planned: Sequence[Planned], table: pd.DataFrame) -> dict[str, Spreads]:
    """The spreads of each data set of the plan, from the rows of a table of them."""
    found = {}
    for data in dict.fromkeys(each.data for each in planned):
        labels = _labels(planned, data)
        recipes = {label: recipe for recipe, of_recipe in labels.items() for label in of_recipe}
        rows = table[table["data"] == data]
        known = {
            (recipe, measure): SeedSpread(spread**2, freedom)
            for _, recipe, measure, spread, freedom in rows[COLUMNS].itertuples(index=False)
        }
        found[data] = Spreads(recipes, known)
    return found


def _labels(planned: Sequence[Planned], data: str) -> dict[str, list[str]]:
    """The labels of models on a data set, by recipe."""
    labels: dict[str, list[str]] = {}
    for each in planned:
        if each.data == data and each.label not in labels.setdefault(each.recipe, []):
            labels[each.recipe].append(each.label)
    return labels
