"""What earlier runs of the study left beside their page, so that it goes on without their models.

The folder of the page holds tables, with `trainings.csv`, which says what they stand on, and what
was measured of each user, a file for each training. What is measured again takes the place of what
was kept. Of a training whose users were not kept the rows of tables stay, until as many trainings
of its model are measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from analyses.claims.rule import Evidence, Lines
from analyses.claims.study import Planned
from analyses.claims.user_table import METRICS, TRAINING, VALID, with_metrics
from analyses.running.passes import CUTOFF
from analyses.running.store import parquet
from workbench import SequenceData
from workbench.errors import WorkbenchError
from workbench.files import write_file
from workbench.phrases import listing
from workbench.statistics import Interval

TRAININGS, CELLS, USERS = "trainings", "cells", "users"
KEYS = {  # what tells the rows of a table apart; of two alike, more trainings are better
    "ranking": ["data", "model"],
    "attention": ["data", "model"],
    "verdicts": ["data", "model"],
    "reach": ["data"],
    "planted": ["model", "seed"],
    TRAININGS: ["data", "model", "seed"],
}
CELL = ["claim", "data", "comparison"]  # and of cells, which are decided together
COUNT = "trainings"
COUNTED = ("ranking", "attention", "verdicts")  # tables whose rows say of how many trainings
RANKS = ["rank kept", "rank removed"]
EXACT = 4  # decimals of the largest weight, the one number that every user has
Key = tuple[str, str, int]  # of a training: data, model, seed


@dataclass(frozen=True)
class Record:
    """What is kept.

    Attributes
    ----------
    tables : by name, as they stand in the folder; all of trainings that are planned.
    users : by data set and training, what was measured of each user, see `Measurements.users`.
    """

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    users: Mapping[str, Mapping[Key, pd.DataFrame]] = field(default_factory=dict)

    def measured(self, each: Planned) -> bool:
        """Whether a training need not be there, as its users were kept."""
        return key(each) in self.users.get(each.data, {})

    def with_users(self, data: str, found: pd.DataFrame | None) -> pd.DataFrame | None:
        """What was measured of a data set, and what was kept of other trainings; None, of none."""
        there: set[tuple[str, int]] = set()
        if found is not None:
            there = set(found[TRAINING].drop_duplicates().itertuples(index=False, name=None))
        kept = [users for at, users in self.users.get(data, {}).items() if at[1:] not in there]
        parts = [*([] if found is None else [found]), *kept]
        return pd.concat(parts, ignore_index=True) if parts else None

    def joined(self, name: str, found: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table that were found now, and those kept that are of more trainings."""
        kept = self.tables.get(name)
        if kept is None or kept.empty or found.empty:
            return found if kept is None or kept.empty else kept
        by = KEYS[name]
        at = pd.MultiIndex.from_frame(kept[by])
        now = pd.MultiIndex.from_frame(found[by])
        if name in COUNTED:
            counts = pd.Series(found[COUNT].to_numpy(), now).reindex(at).to_numpy()
            stays = ~(counts >= kept[COUNT].to_numpy())
        else:
            stays = ~at.isin(now)
        replaced = now.isin(at[stays])
        return pd.concat([found[~replaced], kept[stays]], ignore_index=True)

    def cell(self, claim: str, data: str, name: str, tests: int) -> tuple[Evidence, Lines] | None:
        """A comparison as it was published; None where it was not measured.

        Parameters
        ----------
        claim, data, name : the title of the claim, the data set, the comparison in words.
        tests : how many lines it has.
        """
        cells = self.tables.get(CELLS)
        if cells is None:
            return None
        rows = cells[(cells[CELL] == [claim, data, name]).all(axis=1) & cells["effect"].notna()]
        if rows.empty:
            return None
        row = rows.iloc[0]
        interval = Interval(
            row["effect"],
            row["low"],
            row["high"],
            int(row["users"]),
            standard_error=row["standard error"],
            freedom=row["degrees of freedom"],
        )
        counts = (int(row["trainings"]), int(row["trainings compared with"]))
        over_seeds = bool(row["seeds in interval"])
        found = Evidence(
            interval, row["p at upper line"], row["p at lower line"], counts, over_seeds
        )
        return found, Lines(row["holds above"], row["fails below"], tests)

    def only_tables(self, found: pd.DataFrame) -> dict[str, int]:
        """Of how many trainings by data set tables alone are kept, but for those found now."""
        by = KEYS[TRAININGS]
        kept = self.tables.get(TRAININGS, pd.DataFrame(columns=by))
        known = {at for of_data in self.users.values() for at in of_data}
        known |= set(found[by].itertuples(index=False, name=None))
        lost = [at[0] for at in kept[by].itertuples(index=False, name=None) if at not in known]
        return {name: lost.count(name) for name in dict.fromkeys(lost)}


def key(each: Planned) -> Key:
    """What tells a training from all others."""
    return each.data, each.label, each.seed


def training_row(each: Planned, data: SequenceData, device: str) -> dict[str, object]:
    """What the table of trainings says of one."""
    return {
        **dict(zip(KEYS[TRAININGS], key(each), strict=True)),
        "device": device,
        "settings": each.settings,
        "checksum": data.checksum,
    }


def read_record(
    folder: Path, planned: Sequence[Planned], data: Mapping[str, SequenceData]
) -> Record:
    """What the folder of a page keeps; nothing where there is none.

    Parameters
    ----------
    folder : of the tables.
    planned : every training of the study.
    data : its data sets by name.

    Raises
    ------
    WorkbenchError
        If a file cannot be read, or is of other trainings or data than those of the study, so
        that writing the page would lose it.
    """
    tables = {
        name: _table(path) for name in (*KEYS, CELLS) if (path := _csv(folder, name)).exists()
    }
    if TRAININGS not in tables:
        return Record()
    known = {key(each): each for each in planned}
    other: list[str] = []
    users: dict[str, dict[Key, pd.DataFrame]] = {}
    for row in tables[TRAININGS].to_dict("records"):
        at: Key = (str(row["data"]), str(row["model"]), int(row["seed"]))
        each = known.get(at)
        if each is None or (row["settings"], row["checksum"]) != (
            each.settings,
            data[each.data].checksum,
        ):
            other.append(f"{at[1]} seed {at[2]} on {at[0]}")
            continue
        path = users_file(folder, each)
        if path.exists():
            users.setdefault(each.data, {})[at] = _users(path, each)
    if other:
        raise WorkbenchError(
            f"{folder} keeps what was measured of other trainings than this study plans, of which "
            f"its page would tell nothing more: {listing(other, 3)}. Give the data sets, --seeds "
            "and --backbones of that page, choose another folder by --out, or delete this one."
        )
    return Record(tables, users)


def users_file(folder: Path, each: Planned) -> Path:
    """Where what was measured of each user of a training lies."""
    return folder / USERS / each.data / each.label.replace(" ", "_") / f"seed-{each.seed}.parquet"


def keep_users(folder: Path, each: Planned, users: pd.DataFrame) -> None:
    """Keep what was measured of each user of a training, small enough for version control.

    Ranks beyond the cutoff stand as the one after it, numbers in single precision, the largest
    weight to `EXACT` decimals.
    """
    again = (*TRAINING, *(name for name in METRICS if name != VALID))  # made of the rest
    small = users[[name for name in users if name not in again]].dropna(axis=1, how="all")
    kinds = dict.fromkeys(small, np.float32) | dict.fromkeys(RANKS, np.int8) | {"user": np.int32}
    small = small.assign(**small[RANKS].clip(upper=CUTOFF + 1)).sort_values("user").astype(kinds)
    if "largest" in small:
        small["largest"] = small["largest"].round(EXACT)
    write_file(users_file(folder, each), parquet(small))


def _users(path: Path, each: Planned) -> pd.DataFrame:
    try:
        small = pd.read_parquet(BytesIO(path.read_bytes()))
        whole = with_metrics(small.astype(dict.fromkeys(small.columns[1:], np.float64)))
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(path, error) from None
    return whole.assign(model=each.label, seed=each.seed)


def _csv(folder: Path, name: str) -> Path:
    return folder / f"{name}.csv"


def _table(path: Path) -> pd.DataFrame:
    needed = KEYS.get(path.stem, CELL)
    try:
        table = pd.read_csv(path, dtype={"settings": str, "checksum": str}, keep_default_na=True)
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=needed)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    lacking = [name for name in needed if name not in table]
    if lacking:
        raise _unreadable(path, f"it has no column {lacking[0]!r}")
    return table


def _unreadable(path: Path, reason: object) -> WorkbenchError:
    return WorkbenchError(
        f"{path} cannot be read ({' '.join(str(reason).split())}); take it back from where it was "
        "kept, or delete it with the folder it lies in, and all of it is measured anew."
    )
