"""The page of the study, from what was measured and decided."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from analyses.claims.answers import ClaimCell, table, undone
from analyses.claims.claims_figures import figures
from analyses.claims.claims_tables import Findings, N, all_tables, cells_of, tests_of
from analyses.claims.mechanism import PLANTED, bounds, room
from analyses.claims.mechanism import USERS as PLANTED_USERS
from analyses.claims.missing_models import CPU
from analyses.claims.paper_claims import (
    CLAIMS,
    OF_ATTENTION,
    OF_DIRECT,
    OF_THE_VARIANT,
)
from analyses.claims.record import CELLS, COMPARED, COUNT, TRAININGS, Done
from analyses.claims.rule import (
    ANSWERS,
    DECIDED,
    HOLDS,
    OPEN,
    RISK,
    UNMEASURED,
    Effect,
    in_general,
)
from analyses.claims.seed_spreads import FEWEST
from analyses.claims.study import RECIPES, Planned, Recipe
from analyses.conclusions import CONCLUSIONS
from analyses.judging.cells import MODEL as SHAPE
from analyses.questions import QUESTIONS
from analyses.report import markdown
from analyses.report.page import environment
from analyses.telling.decisions import POWER
from analyses.telling.drawing import draw, images
from analyses.telling.wording import span
from models import ModelConfig
from workbench.files import write_file
from workbench.phrases import counted, listing
from workbench.statistics import detectable
from workbench.training.settings import Training
from workbench.writing import number

PAGE, FOLDER = "claims.md", "claims"
SHOWN = ("ranking", "attention", "verdicts", "planted")  # tables that the page has as they are
EARLIER = "earlier"  # a folder with a page by other recipes, which the new one names
LONGEST = ModelConfig.max_length  # of a history, by all recipes
TEMPLATE = "claims.md"
CSV_NUMBER = "%.6g"
FRAGILE = "\N{DAGGER}"  # marks an answer that would not stand if all were decided together
SO_FAR = "holds so far"
HUGE = 1000  # a ratio of weights whose size says nothing more


def write(findings: Findings, out: Path) -> Path:
    """Write the page and, in a folder beside it, its tables and figures; and return the page."""
    found = {CELLS: table(findings.cells), **all_tables(findings)}
    for name in sorted(found, key=lambda name: name != TRAININGS):  # what the others stand on first
        text = found[name].to_csv(index=False, float_format=CSV_NUMBER)
        write_file(out / FOLDER / f"{name}.csv", text.encode())
    summaries = figures(findings.cells, found["planted"])
    for name, summary in summaries.items():
        write_file(out / FOLDER / f"{name}.png", images(draw(summary))[0])
    earlier = (out / EARLIER / PAGE).is_file()
    write_file(out / PAGE, page(findings, found, list(summaries), earlier=earlier).encode())
    return out / PAGE


def page(
    findings: Findings,
    tables: Mapping[str, pd.DataFrame],
    drawn: Sequence[str],
    *,
    earlier: bool = False,
) -> str:
    """The text of the page; `earlier` is whether it names one that was written before."""
    fragile = undone(findings.cells)
    rendered = (
        environment()
        .overlay(autoescape=False)
        .get_template(TEMPLATE)
        .render(
            findings=findings,
            earlier=earlier,
            claims=CLAIMS,
            of_attention=OF_ATTENTION,
            of_the_variant=OF_THE_VARIANT,
            of_direct=OF_DIRECT,
            names=list(findings.data),
            names_shown=[markdown.literal(name) for name in findings.data],
            literal=markdown.literal,
            general=lambda claim: _in_general(cells_of(findings.cells, claim)),
            measured=lambda claim: _measured(cells_of(findings.cells, claim)),
            on=lambda claim, name: _on_data(
                [cell for cell in cells_of(findings.cells, claim) if cell.data == name], fragile
            ),
            rows=lambda claim: [
                _row(cell, cell.found, findings)
                for cell in cells_of(findings.cells, claim)
                if cell.found is not None
            ],
            unmeasured=lambda claim: _unmeasured(cells_of(findings.cells, claim)),
            counts=_counts([cell.answer for cell in findings.cells], ANSWERS),
            shown=_counts(tables["verdicts"].get("its attention", ()), CONCLUSIONS),
            reasons=_reasons(tables["verdicts"]),
            tables={name: markdown.table(frame) for name, frame in _read(tables).items()},
            written=list(tables),
            decided=sum(cell.answer in DECIDED for cell in findings.cells),
            undone=fragile,
            fragile=FRAGILE,
            so_far=SO_FAR,
            today=date.today().isoformat(),
            behind=_behind(tables["attention"]),
            questions=QUESTIONS,
            bounds=markdown.table(bounds()),
            room=markdown.table(room(findings.data, LONGEST)),
            reach=markdown.table(tables["reach"]),
            planted_settings=PLANTED,
            planted_length=SHAPE["max_length"],
            planted_users=PLANTED_USERS,
            drawn=drawn,
            missing=_missing(findings),
            elsewhere=_elsewhere(findings.standing),
            stopped=_stopped(findings.planned, findings.standing),
            best_unknown=sum(done.best_epoch == 0 for done in findings.standing),
            trained=len(findings.standing),
            kept=sum(cell.kept for cell in findings.cells),
            users_kept=bool(findings.trainings or findings.record.users),
            only_tables=_only_tables(findings),
            recipes={name: _recipe(recipe) for name, recipe in RECIPES.items()},
            risk=RISK,
            fewest=FEWEST,
            power=POWER,
            counted=counted,
        )
    )
    return rendered.rstrip() + "\n"


def _elsewhere(standing: Sequence[Done]) -> dict[str, str]:
    """What was trained on a device other than a processor, in words, by the device."""
    found: dict[str, list[str]] = {}
    for done in standing:
        if done.device != CPU:
            found.setdefault(done.device, []).append(_on(done))
    return {device: listing(names) for device, names in found.items()}


def _stopped(planned: Sequence[Planned], standing: Sequence[Done]) -> str:
    """The trainings that might have become better by more epochs than they were allowed."""
    allowed = {each.key: Training(**each.training) for each in planned}
    found = []
    for done in standing:
        how = allowed[done.key]
        if done.best_epoch > how.epochs - how.patience:
            found.append(f"{_on(done)} ({done.best_epoch} of {how.epochs})")
    return listing(found) if found else ""


def _on(done: Done) -> str:
    return f"{done.name} on {markdown.literal(done.data)}"


def _only_tables(findings: Findings) -> str:
    """Of which trainings only rows of tables are left, in words; nothing where of none."""
    left = Counter(done.data for done in findings.rows_alone)
    parts = [
        f"{counted(left[name], 'training')} on {markdown.literal(name)}"
        for name in findings.data
        if left[name]
    ]
    return listing(parts) if parts else ""


def _read(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables that the page shows, those of them that have rows; trainings as their means."""
    shown = {
        name: frame[[column for column in frame if not str(column).endswith(N)]]
        for name, frame in tables.items()
        if len(frame) and name in SHOWN
    }
    if "verdicts" in shown:
        told_beside = ["why", COUNT, COMPARED]
        shown["verdicts"] = shown["verdicts"].drop(columns=told_beside)
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


def _in_general(cells: Sequence[ClaimCell]) -> str:
    """What is said of a claim, from its cells."""
    if not cells:
        return "not planned"
    given = {cell.answer for cell in cells}
    return SO_FAR if given == {HOLDS, UNMEASURED} else in_general([c.answer for c in cells])


def _on_data(cells: Sequence[ClaimCell], fragile: Sequence[ClaimCell]) -> str:
    """The answers to a claim on a data set, how often each if they differ; a dash, of none.

    Those that would not stand if all were decided together, `fragile`, are marked.
    """
    if not cells:
        return "not planned"
    marked = {cell.answer for cell in cells if any(cell is each for each in fragile)}
    counts = _counts([cell.answer for cell in cells], ANSWERS)
    words = {answer: f"{answer}{FRAGILE * (answer in marked)}" for answer in counts}
    if len(counts) == 1:
        return next(iter(words.values())).replace(UNMEASURED, "\N{EN DASH}")
    return ", ".join(f"{words[answer]} ({count})" for answer, count in counts.items())


def _measured(cells: Sequence[ClaimCell]) -> str:
    """How many of some cells are measured."""
    if not cells:
        return "\N{EM DASH}"
    return f"{sum(cell.found is not None for cell in cells)} of {len(cells)}"


def _counts(given: Iterable[str], possible: Sequence[str]) -> dict[str, int]:
    """How often each possible answer was given, of those that were."""
    times = Counter(given)
    return {answer: times[answer] for answer in possible if times[answer]}


def _unmeasured(cells: Sequence[ClaimCell]) -> str:
    """How many comparisons are not measured yet, by data set; nothing where all are."""
    left = Counter(cell.data for cell in cells if cell.found is None)
    of_data = ", ".join(f"{count} on {markdown.literal(data)}" for data, count in left.items())
    return f"{left.total()} of {counted(len(cells), 'comparison')} ({of_data})" if left else ""


def _row(cell: ClaimCell, found: Effect, findings: Findings) -> dict[str, str]:
    """A measured cell in words."""
    digits = 4 if cell.contrast is not None and cell.contrast.measure != "names" else 3
    if cell.contrast is not None and cell.contrast.measure == "tau":
        digits = 3
    sign = cell.contrast is not None
    lower, upper = (
        number(line, digits, sign=sign) for line in (cell.lines.lower, cell.lines.upper)
    )
    behind = [counted(found.interval.n, "user" if sign else "batch", "" if sign else "batches")]
    if sign:
        runs = " and ".join(str(n) for n in found.trainings if n)
        then = " then" if cell.kept else ""
        behind.append(f"{runs} training{'s' * (found.trainings != (1, 0))}{then}")
    answer = f"**{cell.answer}**" if cell.answer != OPEN else cell.answer
    shown = ""
    if cell.note:
        answer += f": {cell.note}"
    elif found.interval.standard_error > 0:
        shown = number(
            detectable(found.interval, POWER, tests_of(findings.cells, cell.claim)), digits
        )
        answer += nearly(cell, found) if cell.answer == OPEN else ""
    return {
        "data": markdown.literal(cell.data),
        "comparison": markdown.literal(cell.name),
        "effect": span(found.interval, digits, sign=sign),
        "holds": f"above {upper}",
        "fails": f"below {lower}",
        "shown": shown,
        "behind": ", ".join(behind),
        "answer": answer,
    }


def nearly(cell: ClaimCell, found: Effect) -> str:
    """The p values of an effect beyond a line that is not told only because many are tested."""
    effect, lines = found.interval.estimate, cell.lines
    if effect > lines.upper:
        p, corrected = found.upper, cell.decided.upper
    elif lines.tests == 1:
        p, corrected = found.lower, cell.decided.upper
    else:
        p, corrected = found.lower, cell.decided.lower
    beyond = effect > lines.upper or effect < lines.lower
    return f" (p {p:.2g}, {corrected:.2g} corrected)" if beyond and p < RISK else ""


def _reasons(verdicts: pd.DataFrame) -> list[str]:
    """Each conclusion with its reason, once, and for how many models."""
    if verdicts.empty:
        return []
    times = Counter(zip(verdicts["its attention"], verdicts["why"], strict=True))
    return [f"*{what}* ({counted(n, 'model')}): {why}" for (what, why), n in times.items()]


def _behind(attention: pd.DataFrame) -> str:
    """On how many users the columns of the table stand, in words."""
    behind = attention[[column for column in attention if str(column).endswith(N)]]
    by: dict[str, list[str]] = {}
    for column in behind:
        sizes = dict.fromkeys(int(n) for n in behind[column] if n > 0)
        if sizes:
            on = listing([f"{n:,}" for n in sizes])
            by.setdefault(on, []).append(f"*{str(column).removesuffix(N)}*")
    return "; ".join(f"of {on} users for {', '.join(names)}" for on, names in by.items())


def _missing(findings: Findings) -> list[str]:
    """What is planned and not trained, a line for each data set."""
    there = {done.key for done in findings.standing}
    lines = []
    for name in findings.data:
        of_data = [each for each in findings.planned if each.data == name]
        left: dict[str, list[int]] = {}
        for each in of_data:
            if each.key not in there:
                left.setdefault(each.label, []).append(each.seed)
        if left:
            parts = [f"{label} ({_seeds(seeds)})" for label, seeds in left.items()]
            done = len(of_data) - sum(map(len, left.values()))
            told = f"{markdown.literal(name)}, {done} of {len(of_data)} trained"
            lines.append(f"{told}; missing: {'; '.join(parts)}.")
    return lines


def _seeds(seeds: Sequence[int]) -> str:
    return ("seed " if len(seeds) == 1 else "seeds ") + ", ".join(map(str, seeds))


def _recipe(recipe: Recipe) -> str:
    """A recipe in one line."""
    return ", ".join(f"{k} {v}" for k, v in (dict(recipe.model) | dict(recipe.training)).items())
