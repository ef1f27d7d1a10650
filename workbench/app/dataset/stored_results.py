"""A stored run, for the users and the parts of the models that are chosen."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from analyses.diagnostic import Diagnostic, discover
from analyses.report.folder import MANIFEST
from analyses.report.stored import Concluded, StoredRun, open_run, runs_in
from analyses.running.results import Results, Rows, of_users
from analyses.telling.conditions import by_condition
from analyses.telling.summaries import Summary
from analyses.verdict import Verdict
from workbench import SequenceData
from workbench.app import places, resources
from workbench.app.dataset.charts import Chart, charts
from workbench.app.dataset.per_user import Kept, Order, in_order, kept, per_user
from workbench.app.places import Outside
from workbench.app.resources import Shared
from workbench.errors import WorkbenchError
from workbench.files import REPORTS
from workbench.phrases import counted

P = ParamSpec("P")
T = TypeVar("T")
RANKED = "attention_worth"  # the diagnostic that stores ranks
LEAST_USERS = 2  # that a diagnostic is asked of


class Choice(NamedTuple):
    """The users and the parts of the models that are chosen.

    Attributes
    ----------
    lengths : of the shortest and the longest history; None for all.
    users : their indices in the data; None for all.
    layers, heads : by name; all if none is named.
    """

    lengths: tuple[int, int] | None = None
    users: np.ndarray | None = None
    layers: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """What a diagnostic says of some users, as in the report."""

    n_users: int
    findings: list[str]
    summaries: dict[str, Summary]
    tables: dict[str, pd.DataFrame]

    def parts(self, column: str) -> list[str]:
        """Layers or heads that appear in any figure or table; means and alls come last."""
        frames = [*(s.table for s in self.summaries.values()), *self.tables.values()]
        values = {str(v) for frame in frames if column in frame for v in frame[column].unique()}
        return sorted(values, key=lambda v: (not v.isdigit(), int(v) if v.isdigit() else 0, v))

    def only(self, choice: Choice) -> "Answers":
        """The same answers; figures and tables keep only the layers and heads chosen.

        Ones without layers or heads stay as they are.
        """
        summaries = {
            name: replace(summary, table=_of(summary.table, choice))
            for name, summary in self.summaries.items()
        }
        tables = {name: _of(table, choice) for name, table in self.tables.items()}
        return replace(self, summaries=summaries, tables=tables)


def _of(frame: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    for column, wanted in (("layer", choice.layers), ("head", choice.heads)):
        if wanted and column in frame:
            frame = frame[frame[column].astype(str).isin(wanted)]
    return frame


def _stamp(run: StoredRun) -> str:
    """Another for every state of the folder."""
    return f"{run.folder.resolve()} {places.state_of(run.folder / MANIFEST)}"


def of_run(
    entries: int, waiting: str | bool = "Reading the table ..."
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep what a function makes of a run, for all sessions, while its folder is as it was."""
    return st.cache_resource(
        max_entries=entries, show_spinner=waiting, hash_funcs={StoredRun: _stamp}
    )


def lengths(run: StoredRun, diagnostic: str) -> tuple[int, int] | None:
    """Shortest and longest history of a diagnostic's users; None of nobody, or without the data.

    A history counts as a whole, also where a model reads less of it.
    """
    users = users_of(run, diagnostic)
    try:
        of_each = data_of(run).lengths[users] - 1
    except (WorkbenchError, Outside, IndexError):
        return None
    return (int(of_each.min()), int(of_each.max())) if len(users) else None


@of_run(32)
def users_of(run: StoredRun, diagnostic: str) -> np.ndarray:
    """Indices of the users whom a diagnostic measured, ascending."""
    return run.users(diagnostic)


def ranks_of(run: StoredRun, users: np.ndarray) -> dict[str, np.ndarray]:
    """Rank of the held-out item of each user by model, NaN where it is not stored."""
    if not run.has(RANKED):
        return {}
    ranks = _ranks(run).reindex(users)
    return {name: ranks[name].to_numpy(float) for name in run.comparison.names if name in ranks}


@of_run(8)
def _ranks(run: StoredRun) -> pd.DataFrame:
    return by_condition(_results(run, RANKED).rows, "model", "rank")


def chosen(run: StoredRun, diagnostic: str, choice: Choice) -> np.ndarray:
    """Indices of the users chosen whom a diagnostic measured, ascending.

    Raises
    ------
    WorkbenchError
        If lengths are chosen, and the data are gone.
    """
    users = users_of(run, diagnostic)
    if choice.users is not None:
        users = users[np.isin(users, choice.users)]
    if choice.lengths is not None:
        low, high = choice.lengths
        of_each = data_of(run).lengths[users] - 1
        users = users[(low <= of_each) & (of_each <= high)]
    return users


def answers_for(run: StoredRun, diagnostic: Diagnostic, choice: Choice) -> Answers:
    """Figures, tables and sentences for the users chosen.

    Those of all users are the report's; of others the diagnostic's functions make them.

    Raises
    ------
    WorkbenchError
        If fewer than two users are left.
    """
    if choice.lengths is None and choice.users is None:
        complete = _all(run, diagnostic.name)
    else:
        complete = _answers(run, diagnostic.name, chosen(run, diagnostic.name, choice))
    return complete.only(choice)


@of_run(16, waiting=False)
def verdicts_of(run: StoredRun) -> tuple[Verdict, ...]:
    """The verdict of each model, as the report has it."""
    return run.verdicts()


def verdict_on(
    shared: Shared, data: SequenceData, pinned: str | None = None
) -> tuple[Verdict, StoredRun] | None:
    """What a stored report of these data says of these weights, and the report.

    It is that of the folder `pinned`, if it judges them, or else the one of most users that does,
    of equal ones the latest; None where none does.
    """
    weights = resources.weights(shared)
    for run in _judged(sorted(_on(data.checksum), key=lambda run: run.folder.name != pinned)):
        for verdict in verdicts_of(run):
            if run.manifest["models"].get(verdict.model, {}).get("weights") == weights:
                return verdict, run
    return None


def first_verdicts() -> StoredRun | None:
    """Of the reports with verdicts on the data of the latest one, that of most users."""
    latest = next(judged_runs(), None)
    return None if latest is None else next(_judged(_on(latest.manifest["data"].get("checksum"))))


def _on(checksum: object) -> list[StoredRun]:
    """The stored reports on these data, those of most users first, of equal ones the latest."""
    runs = [run for run in _runs() if run.manifest["data"].get("checksum") == checksum]
    return sorted(runs, key=lambda run: -int(run.manifest["users"].get("measured") or 0))


def stands_on(run: StoredRun) -> str:
    """How many users a report is of, which one it is, and when it was made."""
    measured, of = (run.manifest["users"].get(key) for key in ("measured", "of"))
    made = run.manifest["created"]
    return f"{measured:,} of {of:,} users; report {run.folder.name} of {made}"


def stored_runs() -> list[Path]:
    """Folders of reports: those in reports/, then those that were named at the start.

    A folder that was named may be a report, or hold some.
    """
    reports = runs_in(REPORTS)
    for folder in places.named():
        reports += [folder] if (folder / MANIFEST).is_file() else runs_in(folder)
    return list(dict.fromkeys(reports))


def judged_runs() -> Iterator[StoredRun]:
    """The stored reports that hold a verdict, the latest first; damaged ones are left out."""
    return _judged(_runs())


def _runs() -> Iterator[StoredRun]:
    for folder in stored_runs():
        try:
            run = _opened(str(folder), places.state_of(folder / MANIFEST))
        except (WorkbenchError, OSError):
            continue
        yield run


def _judged(runs: Iterable[StoredRun]) -> Iterator[StoredRun]:
    for run in runs:
        judged: tuple[Verdict, ...] = ()
        with suppress(WorkbenchError, OSError):
            judged = verdicts_of(run)
        if judged:
            yield run


def as_it_is(run: StoredRun) -> StoredRun:
    """The run that its folder holds by now.

    Raises
    ------
    WorkbenchError
        If it holds none any more.
    """
    return _opened(str(run.folder), places.state_of(run.folder / MANIFEST))


@st.cache_resource(max_entries=64, show_spinner=False)
def _opened(folder: str, state: str) -> StoredRun:
    return open_run(folder)


@of_run(16)
def _results(run: StoredRun, diagnostic: str) -> Results:
    return run.results(diagnostic)


@of_run(32, waiting=False)
def _all(run: StoredRun, diagnostic: str) -> Answers:
    """What is said of all users: read from the report, or made of the table if it has it not."""
    users = users_of(run, diagnostic)
    findings, told = run.findings(diagnostic), _concluded(run).get(diagnostic)
    if told is None:
        known, results = discover()[diagnostic], _results(run, diagnostic)
        told = Concluded(known.summaries(results), known.tables(results))
    return Answers(len(users), findings, *told)


@of_run(8, waiting="Reading the report ...")
def _concluded(run: StoredRun) -> dict[str, Concluded]:
    return run.concluded()


@of_run(32, waiting="Summing up the users ...")
def _answers(run: StoredRun, diagnostic: str, users: np.ndarray) -> Answers:
    """What is said of some users, made of their rows piece by piece."""
    known, every = discover()[diagnostic], _results(run, diagnostic)
    if len(users) < LEAST_USERS:
        raise WorkbenchError(
            f"{known.title}: {counted(len(users), 'measured user')} in what is chosen, and an "
            f"interval needs {LEAST_USERS}; choose other users, or widen the range of lengths."
        )
    results = of_users(every, users)
    findings, summaries = known.findings(results), known.summaries(results)
    return Answers(len(users), findings, summaries, known.tables(results))


@of_run(32)
def kept_of_users(run: StoredRun, diagnostic: str) -> Kept:
    """What a diagnostic keeps of single users."""
    return kept(_rows_of_users(run, diagnostic))


def _rows_of_users(run: StoredRun, diagnostic: str) -> Rows:
    return discover()[diagnostic].by_user(_results(run, diagnostic))


@of_run(8, waiting="Sorting the users ...")
def users_in_order(
    run: StoredRun, diagnostic: str, users: np.ndarray, conditions: dict[str, str], order: Order
) -> np.ndarray:
    """Users by one measure of one model, as `per_user.in_order` has them."""
    return in_order(_rows_of_users(run, diagnostic), users, conditions, order)


def numbers_of_users(
    run: StoredRun, diagnostic: str, users: np.ndarray, conditions: Mapping[str, str]
) -> pd.DataFrame:
    """The table of `per_user` in the order of `users`, with lengths where the data are there."""
    table = _numbers(run, diagnostic, users, dict(conditions))
    try:
        of_each = data_of(run).lengths[table["user"].to_numpy(int)] - 1
    except (WorkbenchError, Outside, IndexError):
        return table
    table = table.copy()
    table.insert(1, "length", of_each)
    return table


@of_run(8)
def _numbers(
    run: StoredRun, diagnostic: str, users: np.ndarray, conditions: dict[str, str]
) -> pd.DataFrame:
    table = per_user(_rows_of_users(run, diagnostic), users, conditions)
    table = table.set_index("user")
    return table.loc[users[np.isin(users, table.index)]].reset_index()


@st.cache_resource(max_entries=256, show_spinner=False)
def charts_of(summary: Summary) -> dict[str, Chart]:
    """The chart of each panel of a figure, by its name."""
    return charts(summary)


def data_of(run: StoredRun) -> SequenceData:
    """The data a run stands on.

    Raises
    ------
    WorkbenchError
        If they are gone or were changed.
    """
    described = run.manifest["data"]
    data = resources.data(source_of(run))
    if data.checksum != described.get("checksum"):
        raise WorkbenchError(
            f"{source_of(run)} is not what this run stands on (another checksum), so its users "
            "cannot be opened; run the report again."
        )
    return data


def source_of(run: StoredRun) -> str:
    """Name or path of the data a run stands on."""
    described = run.manifest["data"]
    provenance = described.get("provenance")
    origin = provenance.get("source") if isinstance(provenance, dict) else None
    return str(origin or described.get("name"))


def models_of(run: StoredRun) -> list[str]:
    """Where the models worth comparing are: a calibrated one and its baseline, if there are two.

    Empty where one of them was at hand and is in no folder.
    """
    comparison = run.comparison
    names = [[plain, calibrated] for calibrated, plain in comparison.calibrated_pairs]
    chosen = (names or [[comparison.baseline]])[0]
    sources = [source_of_model(run, name) for name in chosen]
    return [source for source in sources if source] if all(sources) else []


def sources_of_models(run: StoredRun) -> list[str]:
    """Names or folders of the models of a run that are in one."""
    sources = (source_of_model(run, name) for name in run.manifest["models"])
    return [source for source in sources if source]


def source_of_model(run: StoredRun, model: str) -> str | None:
    """Name or folder of a model of a run; None where it was at hand and is in no folder."""
    source = run.manifest["models"][model].get("source")
    return None if source is None else str(source)
