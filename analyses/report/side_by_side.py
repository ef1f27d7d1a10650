"""Two reports side by side: verdicts, and what was measured, paired by user."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analyses.conclusions import DECISIVE
from analyses.diagnostic import Diagnostic, discover
from analyses.report.markdown import listed, literal, table
from analyses.report.stored import StoredRun
from analyses.running.results import Results, Rows
from analyses.telling.conditions import paired_means
from analyses.telling.decisions import FAMILIES, RISK, decided
from analyses.telling.wording import change, people
from analyses.verdict import Verdict, verdicts
from workbench.errors import WorkbenchError
from workbench.phrases import counted
from workbench.statistics import Interval
from workbench.writing import number

LENGTH = "length"  # of a history, which a change of a model does not touch
DECIDED = f"Holm's method at {100 * RISK / FAMILIES:g} %, a diagnostic's part of {100 * RISK:g} %"


@dataclass(frozen=True)
class Became:
    """What a measure of one model became, over the users of both reports.

    Attributes
    ----------
    model, measure : names; what is measured, in the main condition of its diagnostic.
    before, after : means over these users.
    difference : after minus before, paired by user.
    """

    model: str
    measure: str
    before: float
    after: float
    difference: Interval


def compared(before: StoredRun, after: StoredRun) -> str:
    """Both reports side by side, as Markdown.

    Raises
    ------
    WorkbenchError
        If they stand on different data or have no model, no diagnostic or no user in common.
    """
    checksums = [run.manifest["data"].get("checksum") for run in (before, after)]
    if checksums[0] != checksums[1]:
        raise WorkbenchError(
            f"{before.folder} and {after.folder} stand on different data (another checksum), so "
            "that their users are not the same; run both on one data set."
        )
    names = _same_models(before, after)
    known = discover()
    measured = [n for n in known if before.has(n) and after.has(n)]
    if not measured:
        raise WorkbenchError(
            f"{before.folder} and {after.folder} measured nothing in common; run one with the "
            "diagnostics of the other (--only)."
        )
    lines = [
        "# What changed",
        literal(
            f"Before: {before.folder}, made {before.manifest['created']}. After: {after.folder}, "
            f"made {after.manifest['created']}. Data: {before.manifest['data'].get('name')}."
        ),
        *_verdicts(before, after, names),
    ]
    for name in measured:
        lines += [f"## {known[name].title}", *_section(known[name], before, after, names)]
    return "\n\n".join(lines) + "\n"


def _same_models(before: StoredRun, after: StoredRun) -> dict[str, str]:
    """The models of both, by their names before."""
    first, second = before.comparison.names, after.comparison.names
    if len(first) == len(second) == 1:
        return {first[0]: second[0]}
    common = [name for name in first if name in second]
    if not common:
        raise WorkbenchError(
            f"{before.folder} and {after.folder} have no model of one name in common, and several "
            "to choose from; compare reports of one model each."
        )
    return {name: name for name in common}


def _verdicts(before: StoredRun, after: StoredRun, names: dict[str, str]) -> Iterator[str]:
    """What became of each conclusion and answer."""
    first, second = (_judged(run) for run in (before, after))
    told = [
        line
        for name, later in names.items()
        if name in first and later in second
        for line in _verdict(first[name], second[later])
    ]
    if told:
        yield "## Verdict"
        yield _on_whom(before.users(DECISIVE), after.users(DECISIVE))
        yield "\n".join(told)


def _on_whom(before: np.ndarray, after: np.ndarray) -> str:
    """How many of the users, [n] and [m] indices, behind the verdicts of both are the same."""
    both = len(np.intersect1d(before, after))
    if both == len(before) == len(after):
        return f"Both stand on the same {counted(both, 'user')}."
    return (
        f"They stand on {counted(len(before), 'user')} before and {counted(len(after), 'user')} "
        f"after, of whom {both:,} are the same: what differs may be the users."
    )


def _judged(run: StoredRun) -> dict[str, Verdict]:
    measured = {n: run.results(n) for n in run.manifest["diagnostics"] if run.has(n)}
    return {verdict.model: verdict for verdict in verdicts(measured)}


def _verdict(before: Verdict, after: Verdict) -> list[str]:
    about = after.reduction
    if before.reduction != about:
        about = f"{about}; before: {before.reduction}"
    if before.conclusion == after.conclusion:
        same = literal(f"{after.model}: {after.conclusion}, as before ({about}).")
        lines = [f"- {same}"]
    else:
        became = f"{after.conclusion}; before: {before.conclusion}"
        lines = [f"- **{literal(f'{after.model}: {became} ({about}).')}**"]
    answers = {question.key: question for question in before.questions}
    for question in after.questions:
        was = answers.get(question.key)
        if was is not None and was.answer != question.answer:
            told = f"{question.asked} {question.answer.capitalize()}; before: {was.answer}."
            lines.append(f"  - {literal(f'{told} {question.sentence}')}")
    if before.to_show != after.to_show:
        told = f"To be shown: {after.to_show}; before: {before.to_show}."
        lines.append(f"  - {literal(told)}")
    return lines


def _section(
    diagnostic: Diagnostic, before: StoredRun, after: StoredRun, names: dict[str, str]
) -> list[str]:
    """What changed in one diagnostic: sentences of what is detected, and all of it as a table."""
    try:
        found = changes(
            diagnostic, before.results(diagnostic.name), after.results(diagnostic.name), names
        )
    except KeyError as error:
        return [f"Not comparable: one of the two lacks the column {error}; run it again."]
    if not found:
        return ["No user was measured in both."]
    decisions = decided([each.difference for each in found])
    told = [
        f"{each.model}, {each.measure}: {decision.detected} than before "
        f"({change(each.difference)}; {people(each.difference.n)})"
        for each, decision in zip(found, decisions, strict=True)
        if decision.claims
    ]
    rows = [
        {
            "model": each.model,
            "measure": each.measure,
            "before": number(each.before),
            "after": number(each.after),
            "difference": change(each.difference),
            "users": f"{each.difference.n:,}",
        }
        for each in found
    ]
    nothing = f"No change was detected among {len(found)} comparisons ({DECIDED})."
    return [listed(told) or nothing, table(pd.DataFrame(rows))]


def changes(
    diagnostic: Diagnostic, before: Results, after: Results, names: dict[str, str]
) -> list[Became]:
    """Every measure of each model before and after, in the main condition.

    Parameters
    ----------
    diagnostic : what was measured; its `by_user` has the main condition first.
    before, after : what it measured, of the same data.
    names : the models to compare: their name before, and after.
    """
    first, second = (diagnostic.by_user(results) for results in (before, after))
    found = []
    for name, later in names.items():
        one, other = _main(first, name), _main(second, later)
        for measure in [column for column in one if column in other]:
            both = pd.concat([one[measure], other[measure]], axis=1, join="inner").dropna()
            if both.empty:
                continue
            was, became = (both.iloc[:, k].astype(np.float64) for k in (0, 1))
            difference = paired_means(became, was)
            found.append(Became(later, str(measure), was.mean(), became.mean(), difference))
    return found


def _main(rows: Rows, model: str) -> pd.DataFrame:
    """The measures of a model in the condition of its first row, by user."""
    first: pd.Series | None = None
    parts, settings = [], None
    for frame in rows.where(model=model):
        if first is None and len(frame):
            first = frame.select_dtypes(["category", "object", "string"]).iloc[0]
        for column, value in ({} if first is None else first).items():
            frame = frame[frame[column] == value]
        measures = frame.select_dtypes(["number", "bool"]).columns
        kept = measures.difference(["user", LENGTH], sort=False)
        parts.append(frame.drop_duplicates("user").set_index("user")[kept])
        if frame["user"].nunique() > 1:
            still = kept if settings is None else settings  # few after the first of many pieces
            settings = {column for column in still if _is_setting(frame, column)}
    return pd.concat(parts).drop(columns=[*(settings or ())])


def _is_setting(frame: pd.DataFrame, column: str) -> bool:
    """Whether numbers tell the rows of a user apart, and are the same for every user."""
    place = frame.groupby("user").cumcount()
    alike = frame.groupby(place)[column].nunique(dropna=False).max() == 1
    return bool(alike) and frame[column].nunique() > 1
