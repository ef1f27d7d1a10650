"""The tables of the study: how models rank, what attention does, verdicts, and what would show."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property

import numpy as np
import pandas as pd

from analyses.claims.answers import ClaimCell
from analyses.claims.paper_claims import Claim, Contrast
from analyses.claims.record import COMPARED, COUNT, FREEDOM, SPREADS, TRAININGS, Done, Record
from analyses.claims.rule import Lines, effect_of
from analyses.claims.seed_spreads import Spreads, by_training, spread_table, spreads_by_data
from analyses.claims.study import Planned
from analyses.claims.user_table import ATTENTION, METRICS, VALID
from analyses.questions import LIMITS
from analyses.telling.decisions import POWER
from analyses.verdict import Verdict
from workbench import SequenceData
from workbench.phrases import in_order
from workbench.statistics import Part, detectable, mean_interval
from workbench.training.variants import CALIBRATED, PLAIN

CORRELATIONS = {"tau", "tau shuffled", "tau above"}
CHANGES = {"removal", "removal elsewhere"}  # of a metric; all others are shares and metrics
NO_LINE = Lines.at(np.nan)
N = " n"  # ends the name of a column of users


@dataclass(frozen=True)
class Findings:
    """All that the page is made from.

    Attributes
    ----------
    planned : every training of the study.
    trainings : those that are there.
    data : the data sets by name.
    users : what was measured, by data set.
    cells : what is said of the claims.
    verdicts : of every model that is there, by data set.
    planted : what `measure_planted` gives.
    record : what earlier runs published, of trainings that need not be there.
    sample : on how many users diagnostics ran, at most.
    seeds : trainings that the plan asks of each model of SASRec.
    failures : a sentence for each training that could not be.
    command : that makes the page.
    """

    planned: Sequence[Planned]
    trainings: Sequence[Done]
    data: Mapping[str, SequenceData]
    users: Mapping[str, pd.DataFrame]
    cells: Sequence[ClaimCell]
    verdicts: Mapping[str, Sequence[Verdict]]
    planted: pd.DataFrame
    record: Record
    sample: int
    seeds: int
    failures: Sequence[str]
    command: str

    @cached_property
    def standing(self) -> list[Done]:
        """The trainings that the page stands on, in the order of the plan."""
        places = self.places
        return sorted(
            self._trainings[0],
            key=lambda done: (places["data"].index(done.data), places["model"].index(done.model)),
        )

    @cached_property
    def spread_table(self) -> pd.DataFrame:
        """How much trainings differ, see `seed_spreads.spread_table`."""
        return spread_table(self.planned, self.users, self.record)

    @cached_property
    def spreads(self) -> dict[str, Spreads]:
        """The same by data set."""
        return spreads_by_data(self.planned, self.spread_table)

    @property
    def places(self) -> dict[str, list[str]]:
        """The data sets and the models in the order of the plan."""
        return {
            "data": list(self.data),
            "model": list(in_order(each.label for each in self.planned)),
        }

    @property
    def rows_alone(self) -> list[Done]:
        """Those of them of which only rows of tables are left."""
        return self._trainings[1]

    @cached_property
    def _trainings(self) -> tuple[list[Done], list[Done]]:
        return self.record.trainings(self.trainings)


def cells_of(cells: Sequence[ClaimCell], claim: Claim) -> list[ClaimCell]:
    """The cells of a claim."""
    return [cell for cell in cells if cell.claim is claim]


def tests_of(cells: Sequence[ClaimCell], claim: Claim) -> int:
    """How many tests decide a claim."""
    return sum(cell.lines.tests for cell in cells_of(cells, claim))


def all_tables(findings: Findings) -> dict[str, pd.DataFrame]:
    """All tables by name, with rows that are kept of earlier runs, in the order of the plan."""
    found = {
        "ranking": means(findings, METRICS),
        "attention": means(findings, ATTENTION),
        "verdicts": verdict_table(findings),
        "reach": reach(findings),
        "planted": findings.planted,
    }
    joined = {
        name: _sorted(findings.record.joined(name, frame), findings.places)
        for name, frame in found.items()
    }
    columns = [each.name for each in fields(Done)]
    return joined | {
        SPREADS: _sorted(findings.spread_table, findings.places),
        TRAININGS: pd.DataFrame(map(asdict, findings.standing), columns=columns),
    }


def _sorted(frame: pd.DataFrame, places: Mapping[str, list[str]]) -> pd.DataFrame:
    """The rows of a table of data sets in their order, and in that of models."""
    by = [name for name in places if name in frame]
    if "data" not in by:
        return frame
    return frame.sort_values(
        by,
        key=lambda column: column.map(places[str(column.name)].index),
        kind="stable",
        ignore_index=True,
    )


def reach(findings: Findings) -> pd.DataFrame:
    """What comparisons of NDCG@10 would have shown, by how often both models were trained.

    Of each data set, as far as AC-SASRec and SASRec were trained there by the first recipe.
    """
    rows = []
    for cell in findings.cells:
        users, found = findings.users.get(cell.data), cell.found
        contrast = Contrast("ndcg kept", CALIBRATED.label, PLAIN.label)
        if cell.contrast != contrast or found is None or not found.over_seeds:
            continue
        if users is None or cell.kept:
            continue
        spread = findings.spreads[cell.data].of(contrast.model, contrast.measure)
        first, second = (by_training(users, name, contrast.measure) for name in contrast.models)
        level = float(second.mean())
        tests = tests_of(findings.cells, cell.claim)
        for a, b in dict.fromkeys([(len(first), len(second)), (1, len(second)), (1, 1)]):
            parts = [Part(1.0, first[:a], spread), Part(-1.0, second[:b], spread)]
            interval = effect_of(parts, cell.lines).interval
            shown = detectable(interval, POWER, tests)
            rows.append(
                {
                    "data": cell.data,
                    "trainings": f"{a} and {b}",
                    "standard error": interval.standard_error,
                    FREEDOM: interval.freedom,
                    "those of seeds": 0 if spread is None else spread.freedom,
                    "would have shown": shown,
                    "of NDCG@10": f"{100 * shown / level:.0f} %",
                    "the line": f"{100 * LIMITS.worth:.0f} %",
                }
            )
    return pd.DataFrame(rows)


def means(findings: Findings, columns: Mapping[str, str]) -> pd.DataFrame:
    """A row per data set and model: trainings, and the mean of each measure with its interval.

    The interval is over users and seeds; over users alone where no spread is known. It ends
    where a share, a metric or a correlation ends.
    """
    rows = []
    for name, users in findings.users.items():
        known = [column for column in columns if column in users]
        for model in in_order(users["model"]):
            of_model = users[users["model"] == model]
            row = {"data": name, "model": model, "trainings": of_model["seed"].nunique()}
            if not of_model[known].notna().any(axis=None):
                continue
            for column in known:
                label = columns[column]
                values = by_training(users[users[column].notna()], model, column)
                if column == VALID:  # what a recipe is chosen by, which is no estimate
                    row |= {label: float(values.mean())}
                    continue
                interval = mean_interval([])
                if values.size:
                    spread = findings.spreads[name].of(model, column)
                    interval = effect_of([Part(1.0, values, spread)], NO_LINE).interval
                    interval = interval.within(-1 if column in CORRELATIONS | CHANGES else 0, 1)
                row |= interval.columns(label) | {f"{label}{N}": interval.n}
            rows.append(row)
    return pd.DataFrame(rows)


def verdict_table(findings: Findings) -> pd.DataFrame:
    """The verdict of every model's first training.

    It says of how many trainings of the model it was told, and of how many of all models by its
    recipe, which a verdict compares.
    """
    recipes = {(each.data, each.label): each.recipe for each in findings.planned}
    by_model = Counter((done.data, done.model) for done in findings.trainings)
    by_recipe = Counter((done.data, recipes[done.data, done.model]) for done in findings.trainings)
    return pd.DataFrame(
        [
            {
                "data": name,
                "model": verdict.model,
                COUNT: by_model[name, verdict.model],
                COMPARED: by_recipe[name, recipes[name, verdict.model]],
                "its attention": verdict.conclusion,
                "why": verdict.why,
                **{question.key: question.answer for question in verdict.questions},
                "to be shown instead": verdict.to_show,
            }
            for name, every in findings.verdicts.items()
            for verdict in every
        ]
    )
