"""How well numbers, and decisions, tell faithful from unfaithful attention.

Everything works on tidy tables with a row per map: its `label`, its `role`, and what a report says
of it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analyses.conclusions import OPEN, SHOWN
from analyses.reliability import FAITHFUL, UNFAITHFUL
from workbench.statistics import exact_share

ALL_MAPS = "all"  # the group that they are all in


def auc(values: np.ndarray, faithful: np.ndarray) -> float:
    """The chance that a faithful map has a greater value than an unfaithful one; ties are half.

    The statistic of Mann and Whitney over the number of pairs. NaN where either is missing.

    Parameters
    ----------
    values : [n]; NaNs are left out.
    faithful : [n] bool.
    """
    from scipy.stats import rankdata  # which takes a second to import

    known = ~np.isnan(values)
    values, faithful = values[known], faithful[known]
    n, m = int(faithful.sum()), int((~faithful).sum())
    if not n or not m:
        return float("nan")
    return float((rankdata(values)[faithful].sum() - n * (n + 1) / 2) / (n * m))


def told_apart(
    maps: pd.DataFrame, numbers: Sequence[str], decisions: Mapping[str, str]
) -> pd.DataFrame:
    """How well each number tells faithful from unfaithful, and its decision's two error rates.

    Parameters
    ----------
    maps : a row per map: `label`, and a column for each number and decision. Maps that are partly
        faithful are left out.
    numbers : the columns of numbers, greater = more faithful.
    decisions : number -> the column of the decision that is made by it, bool; True says faithful.

    Returns
    -------
    DataFrame
        A row per number: `number`, `faithful` and `unfaithful` (how many), `auc`, and of the
        decision the share of `unfaithful called faithful` and of `faithful not recognised`, each
        with its exact interval (`... low`, `... high`); NaN where there is no decision.
    """
    counted = maps[maps["label"].isin([FAITHFUL, UNFAITHFUL])]
    rows = []
    for number in numbers:
        known = counted[counted[number].notna()]
        faithful = (known["label"] == FAITHFUL).to_numpy()
        row = {"number": number, FAITHFUL: faithful.sum(), UNFAITHFUL: (~faithful).sum()}
        row["auc"] = auc(known[number].to_numpy(float), faithful)
        if number in decisions:
            says = known[decisions[number]].to_numpy(bool)
            row |= exact_share(says[~faithful]).columns("unfaithful called faithful")
            row |= exact_share(~says[faithful]).columns("faithful not recognised")
        rows.append(row)
    return pd.DataFrame(rows)


def confusion(maps: pd.DataFrame) -> pd.DataFrame:
    """How often each conclusion was reached by what is true: a row per label, a column for each."""
    table = pd.crosstab(maps["label"], maps["conclusion"])
    return table.rename_axis(index="truth", columns=None).reset_index()


def error_rates(maps: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The two error rates of a verdict, and how often it could not tell, for all and by group.

    Parameters
    ----------
    maps : a row per map: `label`, `conclusion` and the columns `by`.
    by : columns, by each of which the maps are grouped in turn.

    Returns
    -------
    DataFrame
        `group`, `value`, and for faithful and unfaithful maps how many there are and the shares
        that are called believable and undecided, each with its exact interval.
    """
    groups = [(ALL_MAPS, "", maps)]
    for column in by:
        # numbers stand in their order, names in that of the maps
        grouped = maps.groupby(column, sort=pd.api.types.is_numeric_dtype(maps[column]))
        groups += [(column, str(value), part) for value, part in grouped]
    rows = []
    for group, value, part in groups:
        row: dict[str, object] = {"group": group, "value": value}
        for truth in (FAITHFUL, UNFAITHFUL):
            reached = part.loc[part["label"] == truth, "conclusion"]
            row[truth] = len(reached)
            row |= exact_share((reached == SHOWN).to_numpy()).columns(f"{truth} believed")
            row |= exact_share((reached == OPEN).to_numpy()).columns(f"{truth} undecided")
        rows.append(row)
    return pd.DataFrame(rows)
