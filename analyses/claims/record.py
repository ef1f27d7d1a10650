"""What earlier runs of the study left beside their page, so that it goes on without their models.

The folder of the page holds what was measured of each user, a file for each training that says
itself what it is of; and tables. What is measured again takes the place of what was kept. Where
the users of trainings were not kept, the rows of tables that stand on them stay until as many
trainings of the same models are measured, and `trainings.csv` says which they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analyses.claims.rule import Effect, Lines
from analyses.claims.study import Planned, named, place
from analyses.claims.user_table import MADE, METRICS, TRAINING, VALID, with_metrics
from analyses.running.store import parquet
from workbench import SequenceData
from workbench.errors import WorkbenchError
from workbench.files import write_file
from workbench.metrics import CUTOFF
from workbench.phrases import listing
from workbench.statistics import Interval, mean_interval

TRAININGS, CELLS, USERS, SPREADS = "trainings", "cells", "users", "spreads"
COUNT, COMPARED = "trainings", "trainings compared with"
SPREAD, FREEDOM = "standard deviation", "degrees of freedom"
NOTE = "note"  # a column of text that may be empty
RANKS = ["rank kept", "rank removed"]
KEYS = ("data", "model", "seed", "recipe", "measure")
WHOLE = ("seed", "sample", "best_epoch")  # numbers that tell of a training
EXACT = 3  # decimals of the largest weight, the one number that all users have
Row = Mapping[Any, Any]  # of a table, or what a file says of itself


@dataclass(frozen=True)
class Kind:
    """A table, by the columns that it must have.

    Attributes
    ----------
    words : columns of text, whatever it looks like.
    counted : columns of whole numbers. A row takes the place of another with the same `KEYS` if it
        has as many of everything that is counted.
    numbers : further columns of numbers, which may be empty.
    """

    words: tuple[str, ...]
    counted: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


KINDS = {
    TRAININGS: Kind(("data", "model", "settings", "checksum", "device"), (), WHOLE),
    CELLS: Kind(
        ("claim", "data", "comparison", "seeds in interval"),
        (COUNT, COMPARED),
        (
            *("effect", "low", "high", "holds above", "fails below", "users", "standard error"),
            *(FREEDOM, "p at upper line", "p at lower line"),
        ),
    ),
    SPREADS: Kind(("data", "recipe", "measure"), (FREEDOM,), (SPREAD,)),
    "ranking": Kind(("data", "model"), (COUNT,), (METRICS[VALID],)),
    "attention": Kind(("data", "model"), (COUNT,)),
    "verdicts": Kind(("data", "model", "its attention", "why"), (COUNT, COMPARED)),
    "reach": Kind(("data",)),
    "planted": Kind(("model",), (), ("seed", "hit@1", "best possible", "largest weight", "ratio")),
}


@dataclass(frozen=True)
class Done:
    """A training of which something was measured.

    Attributes
    ----------
    data, model, seed : which one.
    device : where it was trained.
    settings : a short name of what it was trained with, `Planned.settings`.
    checksum : of the data.
    sample : users on whom diagnostics ran, at most, drawn at random; of each 1,024 of them, 128 by
        the measures that cost most.
    best_epoch : that of its weights; 0 where it is not known.
    """

    data: str
    model: str
    seed: int
    device: str
    settings: str
    checksum: str
    sample: int
    best_epoch: int = field(default=0, compare=False)

    @classmethod
    def of(
        cls, each: Planned, data: SequenceData, device: str, sample: int, best_epoch: int = 0
    ) -> "Done":
        """A training of the plan."""
        known = each.data, each.label, each.seed, device, each.settings, data.checksum
        return cls(*known, sample, best_epoch)

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from all others of a study."""
        return self.data, self.model, self.seed

    @property
    def name(self) -> str:
        """What it is called on its data set."""
        return named(self.model, self.seed)


@dataclass(frozen=True)
class Record:
    """What is kept.

    Attributes
    ----------
    folder : where.
    tables : by name, as they stand there, all of trainings that are planned.
    users : what was measured of each user, see `Measurements.users`, by training.
    """

    folder: Path = Path()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    users: Mapping[Done, pd.DataFrame] = field(default_factory=dict)

    def measured(self, each: Planned) -> bool:
        """Whether a training need not be there, as its users were kept."""
        return any(done.key == each.key for done in self.users)

    def with_users(self, data: str, found: pd.DataFrame | None) -> pd.DataFrame | None:
        """What was measured of a data set, and what was kept of other trainings; None, of none."""
        there: set[tuple[str, int]] = set()
        if found is not None:
            there = set(found[TRAINING].drop_duplicates().itertuples(index=False, name=None))
        kept = [
            users
            for done, users in self.users.items()
            if done.data == data and (done.model, done.seed) not in there
        ]
        parts = [*([] if found is None else [found]), *kept]
        return pd.concat(parts, ignore_index=True) if parts else None

    def joined(self, name: str, found: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table that were found now, and those kept that they do not replace."""
        kept = self.tables.get(name, pd.DataFrame())
        if kept.empty or found.empty:
            return found if kept.empty else kept
        kind = KINDS[name]
        by = [each for each in KEYS if each in kept]
        at, now = (pd.MultiIndex.from_frame(frame[by]) for frame in (kept, found))
        replaced = at.isin(now)
        for count in kind.counted:
            counts = pd.Series(found[count].to_numpy(), now).reindex(at).to_numpy()
            replaced &= counts >= kept[count].to_numpy()
        stays = now.isin(at[~replaced])
        return pd.concat([found[~stays], kept[~replaced]], ignore_index=True)

    def trainings(self, found: Sequence[Done]) -> tuple[list[Done], list[Done]]:
        """The trainings that tables stand on, and those of them of which rows alone are left.

        Of a model on a data set these are the ones that were found now, or whose users were kept;
        while they are fewer, those that its rows were published of.

        Parameters
        ----------
        found : those that are there.
        """
        known = {done.key: done for done in (*self.users, *found)}
        listed = self._listed()
        stand: list[Done] = []
        lost: list[Done] = []
        for model in dict.fromkeys(done.key[:2] for done in (*known.values(), *listed)):
            of_users = [done for done in known.values() if done.key[:2] == model]
            of_tables = [done for done in listed if done.key[:2] == model]
            if len(of_users) >= len(of_tables):
                stand += of_users
            else:
                stand += of_tables
                lost += of_tables
        return stand, lost

    def _listed(self) -> list[Done]:
        rows = self.tables.get(TRAININGS, pd.DataFrame()).to_dict("records")
        return [_done(row) for row in rows]

    def cell(self, claim: str, data: str, name: str, tests: int) -> tuple[Effect, Lines] | None:
        """A comparison as it was published; None where it was not measured.

        Parameters
        ----------
        claim, data, name : the title of the claim, the data set, the comparison in words.
        tests : how many lines it has.
        """
        row = self._measured_cells.get((claim, data, name))
        if row is None:
            return None
        return _effect(row), Lines(row["holds above"], row["fails below"], tests)

    def check_all_told(self, told: set[tuple[str, str, str]]) -> None:
        """See that every comparison that was published has its place.

        Parameters
        ----------
        told : claims, data sets and comparisons in words, as `cell` was asked for them.

        Raises
        ------
        WorkbenchError
            If one has none, so that a new page would lose it.
        """
        for claim, data, name in self._measured_cells:
            if (claim, data, name) not in told:
                raise WorkbenchError(
                    f"{self.folder / CELLS}.csv has a comparison that the study does not make: "
                    f"{name} on {data}, of the claim {claim!r}. Call it there what the study calls "
                    "it, or delete its row."
                )

    @cached_property
    def _measured_cells(self) -> dict[tuple[str, str, str], Row]:
        cells = self.tables.get(CELLS)
        rows = [] if cells is None else cells[cells["effect"].notna()].to_dict("records")
        return {(row["claim"], row["data"], row["comparison"]): row for row in rows}


def effect_columns(found: Effect | None) -> dict[str, object]:
    """What was measured in a cell as columns of `cells.csv`, from which `Record.cell` reads it."""
    nothing = replace(mean_interval([]), freedom=np.nan)
    found = found or Effect(nothing, np.nan, np.nan, (0, 0))
    interval = found.interval
    return {
        "effect": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "standard error": interval.standard_error,
        FREEDOM: interval.freedom,
        "p at upper line": found.upper,
        "p at lower line": found.lower,
        "users": interval.n,
        COUNT: found.trainings[0],
        COMPARED: found.trainings[1],
        "seeds in interval": found.over_seeds,
    }


def _effect(row: Row) -> Effect:
    def number(name: str) -> float:
        return float(str(row[name]))

    interval = Interval(
        number("effect"),
        number("low"),
        number("high"),
        int(number("users")),
        standard_error=number("standard error"),
        freedom=number(FREEDOM),
    )
    return Effect(
        interval,
        number("p at upper line"),
        number("p at lower line"),
        (int(number(COUNT)), int(number(COMPARED))),
        row["seeds in interval"] == "True",
    )


def read_record(
    folder: Path, planned: Sequence[Planned], data: Mapping[str, SequenceData], sample: int
) -> Record:
    """What the folder of a page keeps; nothing where there is none.

    Parameters
    ----------
    folder : of the tables.
    planned : every training of the study.
    data : its data sets by name.
    sample : users on whom diagnostics run, at most.

    Raises
    ------
    WorkbenchError
        If a file cannot be read, or is of other trainings, data or users than those of the study,
        so that writing the page would lose it or mix them.
    """
    paths = {name: folder / f"{name}.csv" for name in KINDS}
    tables = {name: _table(path) for name, path in paths.items() if path.exists()}
    users = dict(_users(path) for path in sorted((folder / USERS).glob("*/*/*.parquet")))
    record = Record(folder, tables, users)
    if not tables and not users:
        return record
    asked = {Done.of(each, data[each.data], "", sample) for each in planned}
    listed = {*users, *record._listed()}
    other = {
        f"{done.model} seed {done.seed} on {done.data}"
        for done in listed
        if Done(**asdict(done) | {"device": ""}) not in asked
    }
    models = {(done.data, done.model) for done in listed}
    for table in tables.values():
        if {"data", "model"} <= set(table):
            rows = table[["data", "model"]].itertuples(index=False, name=None)
            other |= {f"{model} on {name}" for name, model in rows if (name, model) not in models}
    if other:
        raise WorkbenchError(
            f"{folder} keeps what was measured of other trainings than those of this study, which "
            f"its page would lose or mix with these: {listing(sorted(other), 3)}. Give the data, "
            "--seeds, --backbones and --users of that page, or another folder by --out."
        )
    return record


def keep_users(folder: Path, done: Done, users: pd.DataFrame) -> None:
    """Keep what was measured of each user of a training, small enough for version control.

    Ranks beyond the cutoff stand as the one after it, numbers in single precision, the largest
    weight to `EXACT` decimals.
    """
    again = (*TRAINING, *MADE)
    small = users[[name for name in users if name not in again]].dropna(axis=1, how="all")
    kinds = dict.fromkeys(small, np.float32) | dict.fromkeys(RANKS, np.int8) | {"user": np.int32}
    small = small.assign(**small[RANKS].clip(upper=CUTOFF + 1)).sort_values("user").astype(kinds)
    if "largest" in small:
        small["largest"] = small["largest"].round(EXACT)
    path = (folder / USERS / place(*done.key)).with_suffix(".parquet")
    facts = {name: str(value) for name, value in asdict(done).items()}
    write_file(path, parquet(small, steps=["user"], **facts))


def _users(path: Path) -> tuple[Done, pd.DataFrame]:
    """What a file keeps, and of which training."""
    try:
        table = pq.read_table(BytesIO(path.read_bytes()))
        done = _done({k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()})
        small = table.to_pandas()
        if not small["user"].is_unique:
            raise ValueError("a user stands there twice")
        numbers = [name for name in small if name != "user"]
        whole = with_metrics(small.astype(dict.fromkeys(numbers, np.float64)))
    except (OSError, ValueError, KeyError, pa.ArrowInvalid) as error:
        raise _unreadable(path, error) from None
    return done, whole.assign(model=done.model, seed=done.seed)


def _done(facts: Row) -> Done:
    data, model, device, settings, checksum = (
        str(facts[name]) for name in ("data", "model", "device", "settings", "checksum")
    )
    seed, sample, best_epoch = (int(facts[name]) for name in WHOLE)
    return Done(data, model, seed, device, settings, checksum, sample, best_epoch)


def _table(path: Path) -> pd.DataFrame:
    """A table of the folder: keys as text, what is counted as numbers, and the rest as it looks."""
    kind = KINDS[path.stem]
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        needed = (*kind.words, *kind.counted, *kind.numbers)
        lacking = [name for name in needed if name not in table]
        if lacking:
            raise ValueError(f"it has no column {lacking[0]!r}")
        numbers = {name for name in table if name not in (*kind.words, NOTE)}
        for name in table:
            if name in numbers:
                table[name] = _numbers(table[name], name in (*kind.counted, *kind.numbers))
        whole = [*kind.counted, *(name for name in WHOLE if name in kind.numbers)]
        if table[whole].isna().any(axis=None):
            raise ValueError("a row says of no training, or of how many trainings it is")
        return table.astype(dict.fromkeys(whole, np.int64))
    except pd.errors.EmptyDataError:
        if path.stem != TRAININGS:  # a table without rows has no columns
            return pd.DataFrame(columns=[*kind.words, *kind.counted, *kind.numbers])
        raise _unreadable(path, "it is empty") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _numbers(column: pd.Series, needed: bool) -> pd.Series:
    """A column as numbers; as it is where it has others words, unless numbers are needed."""
    try:
        return pd.to_numeric(column.replace("", np.nan))
    except (ValueError, TypeError):
        if needed:
            raise
        return column


def _unreadable(path: Path, reason: object) -> WorkbenchError:
    return WorkbenchError(
        f"{path} cannot be read ({' '.join(str(reason).split())}); take it back from where it was "
        "kept, or delete the folder that it was written with, and all is measured anew."
    )
