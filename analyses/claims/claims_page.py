"""The page of the study, its tables and its figures, from what was measured and decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analyses.claims.answers import Cell, stands, table
from analyses.claims.mechanism import RULE, bounds, room
from analyses.claims.mechanism import USERS as PLANTED_USERS
from analyses.claims.paper_claims import (
    CLAIMS,
    IMPROVES,
    OF_ATTENTION,
    OF_THE_VARIANT,
    Claim,
    by_training,
    spread_of,
)
from analyses.claims.rule import ANSWERS, DECIDED, OPEN, RISK, Evidence, Lines, evidence, in_general
from analyses.claims.study import RECIPES, Planned, Recipe
from analyses.claims.user_table import VALID
from analyses.judging.cells import MODEL as SHAPE
from analyses.report.claims import POWER
from analyses.report.drawing import draw, images
from analyses.report.page import environment, readable
from analyses.report.summaries import Summary, ends, not_empty
from analyses.report.wording import number, span
from analyses.verdict import Verdict
from models import ModelConfig
from workbench import SequenceData
from workbench.files import write_file
from workbench.phrases import counted, in_order
from workbench.statistics import Interval, detectable

PAGE, FOLDER = "claims.md", "claims"
LONGEST = ModelConfig.max_length  # of a history, by both recipes
TEMPLATE = "claims.md"
METRICS = {
    VALID: "NDCG@10, validation",
    "hit kept": "HR@10, seen kept",
    "ndcg kept": "NDCG@10, seen kept",
    "hit removed": "HR@10, seen removed",
    "ndcg removed": "NDCG@10, seen removed",
}
ATTENTION = {
    "largest": "largest weight",
    "names": "attention names what matters most",
    "recency names": "the last item is it",
    "tau": "tau-b with saliency",
    "tau shuffled": "the same, weights shuffled",
    "tau above": "more than that",
    "removal": "NDCG@10 without the largest weight",
    "removal elsewhere": "without as much elsewhere",
}
CORRELATIONS = {"tau", "tau shuffled", "tau above"}
CHANGES = {"removal", "removal elsewhere"}  # of a metric; all others are shares and metrics
CSV_DIGITS = 6
HUGE = 1000  # a ratio of weights whose size says nothing more
NO_LINE = Lines.unknown(1)
N = " n"  # ends the name of a column of users


@dataclass(frozen=True)
class Findings:
    """All that the page is made from.

    Attributes
    ----------
    planned, trained : every training of the study, and those that are there.
    data : the data sets by name.
    users : what was measured, by data set.
    cells : what is said of the claims.
    verdicts : of every model, by data set.
    planted : what `measure_planted` gives.
    sample : on how many users diagnostics ran, at most.
    seeds : trainings that the plan asks of each model of SASRec.
    failures : a sentence for each training that could not be.
    command : that makes the page.
    """

    planned: Sequence[Planned]
    trained: Sequence[Planned]
    data: Mapping[str, SequenceData]
    users: Mapping[str, pd.DataFrame]
    cells: Sequence[Cell]
    verdicts: Mapping[str, Sequence[Verdict]]
    planted: pd.DataFrame
    sample: int
    seeds: int
    failures: Sequence[str]
    command: str


def write(findings: Findings, out: Path) -> Path:
    """Write the page and, in a folder beside it, its tables and figures; and return the page."""
    tables = {
        "cells": table(findings.cells),
        "ranking": means(findings, METRICS),
        "attention": means(findings, ATTENTION),
        "verdicts": verdict_table(findings),
        "planted": findings.planted,
    }
    for name, frame in tables.items():
        text = frame.round(CSV_DIGITS).to_csv(index=False)
        write_file(out / FOLDER / f"{name}.csv", text.encode())
    summaries = figures(findings, tables)
    for name, summary in summaries.items():
        write_file(out / FOLDER / f"{name}.png", images(draw(summary))[0])
    write_file(out / PAGE, page(findings, tables, list(summaries)).encode())
    return out / PAGE


def page(findings: Findings, tables: Mapping[str, pd.DataFrame], drawn: Sequence[str]) -> str:
    """The text of the page."""
    rendered = (
        environment()
        .overlay(autoescape=False)
        .get_template(TEMPLATE)
        .render(
            findings=findings,
            claims=CLAIMS,
            of_attention=OF_ATTENTION,
            of_the_variant=OF_THE_VARIANT,
            names=list(findings.data),
            general=lambda claim: _said(_of(findings.cells, claim)),
            measured=lambda claim: _measured(_of(findings.cells, claim)),
            on=lambda claim, name: _said(
                [cell for cell in _of(findings.cells, claim) if cell.data == name]
            ),
            rows=lambda claim: [
                _row(cell, cell.found, findings)
                for cell in _of(findings.cells, claim)
                if cell.found is not None
            ],
            unmeasured=lambda claim: _unmeasured(_of(findings.cells, claim)),
            counts=_counts(findings.cells),
            tables={name: _markdown(frame) for name, frame in _read(tables).items()},
            written=list(tables),
            decided=sum(cell.answer in DECIDED for cell in findings.cells),
            stands=stands(findings.cells),
            behind=_behind(tables["attention"]),
            questions=_questions(findings),
            bounds=_markdown(bounds()),
            room=_markdown(room(findings.data, LONGEST)),
            reach=_reach(findings),
            improves=IMPROVES,
            planted_settings=RULE,
            planted_length=SHAPE["max_length"],
            planted_users=PLANTED_USERS,
            drawn=drawn,
            missing=_missing(findings),
            recipes={name: _recipe(recipe) for name, recipe in RECIPES.items()},
            risk=RISK,
            power=POWER,
            counted=counted,
        )
    )
    return rendered.rstrip() + "\n"


def _read(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables that the page shows, those of them that have rows; trainings as their means."""
    shown = {
        name: frame[[column for column in frame if not str(column).endswith(N)]]
        for name, frame in tables.items()
        if len(frame) and name != "cells"
    }
    if "planted" in shown:
        by = shown["planted"].groupby("model", sort=False)
        hits = [_with_range(values.to_numpy()) for _, values in by["hit@1"]]
        means = by[["best possible", "largest weight"]].mean()
        numbers = pd.DataFrame({"trainings": by.size()}).assign(**{"hit@1": hits})
        ratios = by["ratio"].max().map(_ratio)
        shown["planted"] = numbers.join(means).assign(ratio=ratios).reset_index()
    return shown


def _with_range(values: np.ndarray) -> str:
    """The mean of trainings and, of several, their range."""
    ends = f" [{values.min():.4f}, {values.max():.4f}]" if len(values) > 1 else ""
    return f"{values.mean():.4f}{ends}"


def _ratio(value: float) -> str:
    """How much one weight exceeds another, as far as that is worth reading."""
    return number(value, 2) if value < HUGE else f"more than {HUGE:,}"


def _of(cells: Sequence[Cell], claim: object) -> list[Cell]:
    return [cell for cell in cells if cell.claim is claim]


def _said(cells: Sequence[Cell]) -> str:
    """What is said of a claim, from some of its cells."""
    return in_general([cell.answer for cell in cells]) if cells else "not planned"


def _measured(cells: Sequence[Cell]) -> str:
    """How many of some cells are measured."""
    if not cells:
        return "\N{EM DASH}"
    return f"{sum(cell.found is not None for cell in cells)} of {len(cells)}"


def _counts(cells: Sequence[Cell]) -> dict[str, int]:
    """How many cells have each answer."""
    return {name: n for name in ANSWERS if (n := sum(cell.answer == name for cell in cells))}


def _unmeasured(cells: Sequence[Cell]) -> list[str]:
    """The comparisons that are not measured yet, data set by data set."""
    left: dict[str, list[str]] = {}
    for cell in cells:
        if cell.found is None:
            left.setdefault(cell.data, []).append(cell.name)
    return [f"{data} ({'; '.join(names)})" for data, names in left.items()]


def _row(cell: Cell, found: Evidence, findings: Findings) -> dict[str, str]:
    """A measured cell in words."""
    digits = 4 if cell.contrast is not None and cell.contrast.measure != "names" else 3
    if cell.contrast is not None and cell.contrast.measure == "tau":
        digits = 3
    sign = cell.contrast is not None
    line = f"above {number(cell.lines.upper, digits, sign=sign)}"
    if cell.lines.lower != cell.lines.upper:
        line += f"; fails below {number(cell.lines.lower, digits, sign=sign)}"
    behind = [counted(found.interval.n, "user" if sign else "batch", "" if sign else "batches")]
    if sign:
        runs = " and ".join(str(n) for n in found.trainings if n)
        behind.append(f"{runs} training{'s' * (found.trainings != (1, 0))}")
    answer = f"**{cell.answer}**" if cell.answer != OPEN else cell.answer
    if cell.note:
        answer += f": {cell.note}"
    elif cell.answer == OPEN and found.interval.standard_error > 0:
        reach = detectable(found.interval, POWER, _tests(findings.cells, cell.claim))
        answer += f"; {number(reach, digits)} from a line would have shown"
    return {
        "data": cell.data,
        "comparison": cell.name,
        "effect": span(found.interval, digits, sign=sign),
        "line": line,
        "behind": ", ".join(behind),
        "answer": answer,
    }


def _tests(cells: Sequence[Cell], claim: Claim) -> int:
    """How many tests decide a claim."""
    return sum(cell.lines.tests for cell in _of(cells, claim))


def _questions(findings: Findings) -> dict[str, str]:
    """What a verdict asks, by the names of its questions."""
    every = [verdict for of_data in findings.verdicts.values() for verdict in of_data]
    return {question.key: question.asked for verdict in every[:1] for question in verdict.questions}


def _behind(attention: pd.DataFrame) -> str:
    """On how many users the columns of the table stand, in words."""
    numbers = attention[[column for column in attention if str(column).endswith(N)]].max()
    by: dict[int, list[str]] = {}
    for column, n in numbers[numbers > 0].items():
        by.setdefault(int(n), []).append(f"*{str(column).removesuffix(N)}*")
    return "; ".join(f"of {counted(n, 'user')} for {', '.join(names)}" for n, names in by.items())


def _reach(findings: Findings) -> str:
    """What calibrated minus plain would have shown in NDCG@10, by how often both were trained."""
    rows = []
    for cell in findings.cells:
        contrast, users = cell.contrast, findings.users.get(cell.data)
        if cell.claim.title != IMPROVES or cell.found is None or contrast is None or users is None:
            continue
        spread = spread_of(users, contrast.measure)
        if spread is None:
            continue
        first, second = (
            by_training(users, name, contrast.measure) for name in (contrast.model, contrast.other)
        )
        tests = _tests(findings.cells, cell.claim)
        for a, b in dict.fromkeys([(len(first), len(second)), (1, len(second)), (1, 1)]):
            found = evidence(first[:a], second[:b], cell.lines, spread).interval
            shown = detectable(found, POWER, tests)
            rows.append(
                {
                    "data": cell.data,
                    "comparison": cell.name,
                    "trainings": f"{a} and {b}",
                    "sd of a training": spread.variance**0.5,
                    "degrees of freedom": spread.freedom,
                    "would have shown": shown,
                    "of NDCG@10": f"{100 * shown / float(second.mean()):.0f} %",
                }
            )
    return _markdown(pd.DataFrame(rows)) if rows else ""


def means(findings: Findings, columns: Mapping[str, str]) -> pd.DataFrame:
    """A row per data set and model: trainings, and the mean of each measure with its interval.

    The interval is over users and seeds; over users alone where nothing was trained twice. It ends
    where a share, a metric or a correlation ends.
    """
    rows = []
    for name, users in findings.users.items():
        if {"tau", "tau shuffled"} <= set(users):
            users = users.assign(**{"tau above": users["tau"] - users["tau shuffled"]})
        known = [column for column in columns if column in users]
        spreads = {column: spread_of(users, column) for column in known}
        for model in in_order(users["model"]):
            of_model = users[users["model"] == model]
            row = {"data": name, "model": model, "trainings": of_model["seed"].nunique()}
            if not of_model[known].notna().any(axis=None):
                continue
            for column in known:
                values = by_training(users[users[column].notna()], model, column)
                if not values.size:
                    interval = Interval(np.nan, np.nan, np.nan, 0)
                else:
                    interval = evidence(values, None, NO_LINE, spreads[column]).interval
                    interval = interval.within(-1 if column in CORRELATIONS | CHANGES else 0, 1)
                label = columns[column]
                row |= {label: interval.estimate}
                if column == VALID:  # what a recipe is chosen by, which is no estimate
                    continue
                row |= {f"{label} low": interval.low, f"{label} high": interval.high}
                row |= {f"{label}{N}": interval.n}
            rows.append(row)
    return pd.DataFrame(rows)


def verdict_table(findings: Findings) -> pd.DataFrame:
    """The verdict of every model's first training."""
    return pd.DataFrame(
        [
            {
                "data": name,
                "model": verdict.model,
                "its attention": verdict.conclusion,
                "why": verdict.why,
                **{question.key: question.answer for question in verdict.questions},
                "to be shown instead": verdict.instead,
            }
            for name, every in findings.verdicts.items()
            for verdict in every
        ]
    )


def figures(findings: Findings, tables: Mapping[str, pd.DataFrame]) -> dict[str, Summary]:
    """The figures by name."""
    made = {
        "ranking": _differences(findings.cells, "ndcg kept", "NDCG@10, one model minus another"),
        "pointing": _differences(
            findings.cells,
            "names",
            "Share of users for whom attention names what matters most, one model minus another",
        ),
        "agreement": _differences(
            findings.cells, "tau", "tau-b of attention with saliency, one model minus another"
        ),
        "planted": _planted(findings.planted),
    }
    return not_empty(made)


def _differences(cells: Sequence[Cell], measure: str, title: str) -> Summary:
    """Effects of all cells in a measure and their lines; a part of a gain is left out."""
    rows: list[dict[str, object]] = []
    decided = 0
    for cell in cells:
        contrast, found = cell.contrast, cell.interval
        if contrast is None or found is None or contrast.measure != measure:
            continue
        if contrast.kind == "most":
            continue
        decided += cell.answer in DECIDED
        lines = {"least": cell.lines.upper, "most": cell.lines.lower}
        rows.append({"panel": "", "series": cell.data, "row": cell.name} | lines | ends(found))
    frame = pd.DataFrame(rows)
    series = in_order(frame["series"]) if len(frame) else ()
    if len(frame):  # a comparison that stands behind two claims is drawn once
        frame = frame.drop_duplicates(["series", "row"])
    where = f", {series[0]}" if len(series) == 1 else ""
    message = f"{decided} of {counted(len(rows), 'answer')} decided" if rows else ""
    full = f"{title}{where}: 95 % intervals; grey, between the lines of holding and failing"
    return Summary("dots", full, "difference", series, frame, message=message)


def _planted(planted: pd.DataFrame) -> Summary:
    """Hit@1 by model under the planted rule, with the range of its trainings; the best last."""
    rows = []
    if len(planted):
        for name in in_order(planted["model"]):
            hits = planted.loc[planted["model"] == name, "hit@1"]
            rows.append(
                {"panel": "", "series": "Hit@1", "row": name, "estimate": hits.mean()}
                | {"low": hits.min(), "high": hits.max(), "n": len(hits)}
            )
        best = planted["best possible"].iloc[0]
        rows.append(
            {"panel": "", "series": "Hit@1", "row": "who knows the rule", "estimate": best}
            | {"low": np.nan, "high": np.nan, "n": 1}
        )
    title = f"Planted rule {RULE.rule}: Hit@1 on test cases, mean and range of trainings"
    return Summary("dots", title, "Hit@1", ("Hit@1",), pd.DataFrame(rows))


def _markdown(frame: pd.DataFrame) -> str:
    """A table as text; an estimate and its ends are one cell."""
    header, rows = readable(frame)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _missing(findings: Findings) -> list[str]:
    """What is planned and not trained, a line for each data set."""
    there = {(each.data, each.name) for each in findings.trained}
    lines = []
    for name in findings.data:
        of_data = [each for each in findings.planned if each.data == name]
        left: dict[str, list[int]] = {}
        for each in of_data:
            if (each.data, each.name) not in there:
                left.setdefault(each.label, []).append(each.seed)
        if left:
            parts = [f"{label} ({_seeds(seeds)})" for label, seeds in left.items()]
            done = len(of_data) - sum(map(len, left.values()))
            lines.append(f"{name}, {done} of {len(of_data)} trained; missing: {'; '.join(parts)}.")
    return lines


def _seeds(seeds: Sequence[int]) -> str:
    return ("seed " if len(seeds) == 1 else "seeds ") + ", ".join(map(str, seeds))


def _recipe(recipe: Recipe) -> str:
    """A recipe in one line."""
    return ", ".join(f"{k} {v}" for k, v in (dict(recipe.model) | dict(recipe.training)).items())
