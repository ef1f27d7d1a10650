"""A stored run, for the users and the parts of the models that are chosen."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from analyses.diagnostic import Diagnostic, discover
from analyses.report.folder import MANIFEST
from analyses.report.stored import StoredRun, open_run, runs_in
from analyses.report.summaries import Summary
from analyses.running.results import Results, Rows
from analyses.verdict import Verdict
from workbench import SequenceData
from workbench.app import resources
from workbench.app.dataset.charts import Chart, charts
from workbench.app.places import Outside
from workbench.app.resources import Shared
from workbench.errors import WorkbenchError
from workbench.files import REPORTS
from workbench.phrases import counted

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
    """What a diagnostic says of some users: as in the report, and per user."""

    n_users: int
    findings: list[str]
    summaries: dict[str, Summary]
    tables: dict[str, pd.DataFrame]
    by_user: pd.DataFrame

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


def lengths(run: StoredRun, diagnostic: str) -> tuple[int, int] | None:
    """Shortest and longest history of a diagnostic's users; None where nobody knows."""
    frame = _whole(run, _results(run, _stamp(run), diagnostic).frame)
    if "length" not in frame or frame.empty:
        return None
    return int(frame["length"].min()), int(frame["length"].max())


def users_of(run: StoredRun, diagnostic: str) -> np.ndarray:
    """Indices of the users whom a diagnostic measured, ascending."""
    return np.unique(_results(run, _stamp(run), diagnostic).frame["user"].to_numpy(int))


def ranks_of(run: StoredRun, users: np.ndarray) -> dict[str, np.ndarray]:
    """Rank of the held-out item of each user by model, NaN where it is not stored."""
    if not run.has(RANKED):
        return {}
    results = _results(run, _stamp(run), RANKED)
    ranks = results.frame.astype({"model": str}).pivot(index="user", columns="model", values="rank")
    return {
        name: ranks[name].reindex(users).to_numpy(float)
        for name in results.comparison.names
        if name in ranks
    }


def _whole(run: StoredRun, frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose lengths count the whole history; without them where the data are gone.

    A diagnostic counts the items that a model reads of it.
    """
    if not {"user", "length"} <= set(frame):
        return frame
    try:
        data = data_of(run)
    except (WorkbenchError, Outside):
        return frame.drop(columns="length")
    return frame.assign(length=data.lengths[frame["user"].to_numpy(int)] - 1)


def answers_for(run: StoredRun, diagnostic: Diagnostic, choice: Choice) -> Answers:
    """Figures, tables and sentences for the users chosen, made by the diagnostic's functions.

    Raises
    ------
    WorkbenchError
        If fewer than two users are left.
    """
    complete = _answers(run, _stamp(run), diagnostic.name, choice.lengths, choice.users)
    complete = replace(complete, by_user=_whole(run, complete.by_user))
    return complete.only(choice)


def verdicts_of(run: StoredRun) -> tuple[Verdict, ...]:
    """The verdict of each model, as the report has it."""
    return _verdicts(run, _stamp(run))


@st.cache_resource(max_entries=16, show_spinner=False)
def _verdicts(_run: StoredRun, stamp: str) -> tuple[Verdict, ...]:
    return _run.verdicts()


def verdict_on(
    shared: Shared, data: SequenceData, pinned: str | None = None
) -> tuple[Verdict, str] | None:
    """What a stored report of these data says of these weights, and the name of its folder.

    It is the report of the folder `pinned`, if it judges them, or else the latest that does; None
    where none does.
    """
    weights = resources.weights(shared)
    for run in sorted(judged_runs(), key=lambda run: run.folder.name != pinned):
        if run.manifest["data"].get("checksum") == data.checksum:
            for verdict in verdicts_of(run):
                if run.manifest["models"].get(verdict.model, {}).get("weights") == weights:
                    return verdict, run.folder.name
    return None


def judged_runs() -> Iterator[StoredRun]:
    """The stored reports that hold a verdict, the latest first; damaged ones are left out."""
    for folder in runs_in(REPORTS):
        try:
            run = _opened(str(folder), (folder / MANIFEST).stat().st_mtime_ns)
            judged = verdicts_of(run)
        except (WorkbenchError, OSError):
            continue
        if judged:
            yield run


@st.cache_resource(max_entries=64, show_spinner=False)
def _opened(folder: str, changed: int) -> StoredRun:
    return open_run(folder)


def _stamp(run: StoredRun) -> str:
    """Another for every state of the folder."""
    return f"{run.folder.resolve()} {(run.folder / MANIFEST).stat().st_mtime_ns}"


@st.cache_resource(max_entries=16, show_spinner="Reading the table ...")
def _results(_run: StoredRun, stamp: str, diagnostic: str) -> Results:
    results = _run.results(diagnostic)
    return replace(results, rows=Rows([results.frame]))  # asked for again with every choice


@st.cache_resource(max_entries=32, show_spinner="Summing up the users ...")
def _answers(
    _run: StoredRun,
    stamp: str,
    diagnostic: str,
    lengths: tuple[int, int] | None,
    users: np.ndarray | None,
) -> Answers:
    known, results = discover()[diagnostic], _results(_run, stamp, diagnostic)
    findings, frame = _run.findings(diagnostic), results.frame
    if users is not None:
        frame = frame[frame["user"].isin(users)]
    if lengths is not None:
        frame = frame[_whole(_run, frame)["length"].between(*lengths)]
    if frame is not results.frame:
        if (n := frame["user"].nunique()) < LEAST_USERS:
            raise WorkbenchError(
                f"{known.title}: {counted(n, 'measured user')} in what is chosen, and an interval "
                f"needs {LEAST_USERS}; choose other users, or widen the range of lengths."
            )
        results = replace(results, rows=Rows([frame]))
        findings = known.findings(results)
    return Answers(
        n_users=results.frame["user"].nunique(),
        findings=findings,
        summaries=known.summaries(results),
        tables=known.tables(results),
        by_user=known.by_user(results),
    )


@st.cache_resource(max_entries=256, show_spinner=False)
def charts_of(summary: Summary) -> dict[str, Chart]:
    """The chart of each panel of a figure, by its name."""
    return charts(summary)


def sum_up(run: StoredRun) -> None:
    """Begin to sum up every question of a run, once, so that each is there when it is asked."""
    _summing_up(run, _stamp(run))


@st.cache_resource(max_entries=8, show_spinner=False)
def _summing_up(_run: StoredRun, stamp: str) -> Future[None]:
    return _worker().submit(_sum_up, _run, stamp)


def _sum_up(run: StoredRun, stamp: str) -> None:
    for name in filter(run.has, discover()):
        with suppress(WorkbenchError):  # which is told where the question is asked
            for summary in _answers(run, stamp, name, None, None).summaries.values():
                charts_of(summary)


@st.cache_resource(show_spinner=False)
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "summing up")


def per_user(table: pd.DataFrame, conditions: dict[str, str]) -> pd.DataFrame:
    """A row per user: length, and each measure of each model under the conditions chosen."""
    for column, value in conditions.items():
        table = table[table[column].astype(str) == value]
    index = [column for column in ("user", "length") if column in table]
    measures = [c for c in table.select_dtypes(["number", "bool"]).columns if c not in index]
    if "model" not in table:
        return table.groupby(index)[measures].mean().reset_index()
    models = list(dict.fromkeys(table["model"].astype(str)))
    wide = table.astype({"model": str}).pivot_table(
        index=index, columns="model", values=measures, aggfunc="mean", observed=True
    )
    order = [(measure, model) for measure in measures for model in models]
    wide = wide.reindex(columns=pd.MultiIndex.from_tuples(order))
    wide.columns = pd.Index([f"{measure} · {model}" for measure, model in order])
    return wide.reset_index()


def conditions_of(table: pd.DataFrame) -> dict[str, list[str]]:
    """Columns that tell conditions apart, and their values in order of appearance."""
    texts = table.select_dtypes(["category", "object", "string"])
    values = {
        str(column): [str(value) for value in dict.fromkeys(texts[column].dropna())]
        for column in texts
        if column != "model"
    }
    return {column: options for column, options in values.items() if 1 < len(options) <= 24}


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
    """Where the models worth comparing are: a calibrated one and its baseline, if there are two."""
    comparison = run.comparison
    names = [[plain, calibrated] for calibrated, plain in comparison.calibrated_pairs]
    chosen = (names or [[comparison.baseline]])[0]
    return [str(run.manifest["models"][name].get("source", name)) for name in chosen]
