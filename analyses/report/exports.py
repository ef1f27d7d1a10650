"""A report for other readers than a browser: as Markdown, and as JSON with every number.

What the keys of the JSON mean stands in docs/report.md.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd

from analyses.reliability import reliability
from analyses.report.folder import SCHEMA
from analyses.report.glossary import GLOSSARY
from analyses.report.markdown import code, listed, literal, table
from analyses.report.one_user import OneUser
from analyses.report.page import Report, Section
from analyses.report.together import NAMED_HEADS, together
from analyses.telling.summaries import ends
from analyses.verdict import RULE, Verdict
from workbench.statistics import Interval
from workbench.writing import number


def as_json(report: Report) -> str:
    """The verdicts and every number, under keys that stay."""
    content = {
        "schema": SCHEMA,
        "created": report.manifest["created"],
        "command": report.manifest["command"],
        "seed": report.manifest["seed"],
        "data": {
            "name": report.data.name,
            "checksum": report.data.checksum,
            "users": report.data.n_users,
            "measured": report.n_users,
        },
        "models": {row["model"]: row for row in report.models.to_dict("records")},
        "verdicts": {verdict.model: _verdict(verdict) for verdict in report.verdicts},
        "example": asdict(report.example) if report.example else None,
        "diagnostics": {s.diagnostic.name: _section(s) for s in report.sections},
        "notices": list(report.notices),
        "exclusions": list(report.exclusions),
    }
    return json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    known = reliability(verdict)
    return {
        "conclusion": verdict.conclusion,
        "reduction": verdict.reduction,
        "why": verdict.why,
        "found": verdict.found,
        "part_share": _interval(verdict.part_share),
        "instead": verdict.instead,
        "gain": _interval(verdict.gain),
        "control": verdict.control,
        "beyond": _interval(verdict.beyond),
        "lost": verdict.lost,
        "alike": _interval(verdict.alike),
        "show": verdict.method,
        "to_do": verdict.to_do,
        "reliability": None if known is None else asdict(known),
        "cannot_tell": list(verdict.cannot_tell),
        "questions": {
            question.key: {
                "asked": question.asked,
                "line": question.line,
                "answer": question.answer,
                "sentence": question.sentence,
                "estimate": _interval(question.estimate),
                "control": _interval(question.control),
            }
            for question in verdict.questions
        },
    }


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    return {**ends(interval), "nonzero": interval.nonzero} if interval else None


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.diagnostic.title,
        "question": section.diagnostic.question,
        "findings": section.findings,
        "failures": [failure.sentence for failure in section.failures],
        "figures": {
            name: {
                "kind": summary.kind,
                "seen": summary.seen,
                "message": summary.message,
                "title": summary.title,
                "measure": summary.measure,
                "at": summary.at,
                "series": list(summary.series),
                "alike": summary.alike,
                "marks": _records(summary.table),
            }
            for name, summary in section.summaries.items()
        },
        "tables": {name: _records(table) for name, table in section.tables.items()},
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    """A value of numpy or pandas as JSON has it; a number that is none as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int | str | None) else str(value)


def as_markdown(report: Report) -> str:
    """The page as text, without its pictures."""
    data = report.data
    lines = [
        "# Can the attention be believed?",
        f"{literal(data.name)}: {report.n_users:,} of {data.n_users:,} users. Brackets hold "
        f"95 % intervals. Made {report.manifest['created']}.",
        *(f"> {literal(notice)}" for notice in report.notices),
    ]
    if report.verdicts:
        lines += ["## Verdict", *_told(report.verdicts)]
    if report.in_short:
        lines += ["## In short", literal(f"{report.in_short.headline} {report.in_short.to_do}")]
    if report.example:
        lines += _example(report.example)
    if report.verdicts:
        lines += ["## The six questions", _questions(report.verdicts)]
        if report.cannot_tell:
            lines += ["What these data cannot tell:", listed(report.cannot_tell)]
    lines.append("## Findings")
    for section in report.sections:
        diagnostic = section.diagnostic
        lines += [f"### {literal(diagnostic.title)}", f"*{literal(diagnostic.question)}*"]
        lines.append(listed(section.said))
        for name, rows in section.tables.items():
            told = f"Table: {name}. {diagnostic.caption(name)}".strip()
            lines += [literal(told), table(rows)]
    lines += ["## Models", table(report.models)]
    lines += ["## What was left out", listed(report.exclusions)]
    lines += ["## The rule of the verdict", listed(RULE)]
    terms = [f"- *{literal(term)}*: {literal(meaning)}" for term, meaning in GLOSSARY.items()]
    lines += ["## Terms", "\n".join(terms)]
    lines += ["## How to make this again", code(report.manifest["command"])]
    return "\n\n".join(line for line in lines if line) + "\n"


def _example(example: OneUser) -> Iterator[str]:
    """What is recommended to one user, and the items that it could be explained by."""
    user, model, item = map(literal, (example.user, example.model, example.recommended))
    yield f"To user {user}, {model} recommends *{item}*."
    attended = [f"{i.title} ({number(i.attention, 1)} %)" for i in example.attended]
    moving = [f"{i.title} ({number(i.effect, 3)})" for i in example.moving]
    sides = attended or ["no item more than another"], moving or ["no item"]
    heads = ("most attention (share of it)", "what the score falls without (by how much)")
    yield table(pd.DataFrame(zip_longest(*sides, fillvalue=""), columns=heads))


def _told(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """A paragraph for verdicts that say the same, and a table where they are several."""
    for group in together(verdicts):
        why = f"**{literal(group.headline)}** {literal(group.why)}"
        if group.single:
            yield f"{why} {literal(f'{group.instead} {group.often}')}".rstrip()
        else:
            yield why
            yield table(pd.DataFrame(group.rows, columns=list(NAMED_HEADS)))
            yield literal(f"{group.note} {group.instead} {group.often}".rstrip())


def _questions(verdicts: Sequence[Verdict]) -> str:
    """A row per question, a column per model."""
    rows = [
        {"question": f"{question.asked} ({question.line})"}
        | {verdict.model: _answer(verdict, k) for verdict in verdicts}
        for k, question in enumerate(verdicts[0].questions)
    ]
    return table(pd.DataFrame(rows))


def _answer(verdict: Verdict, k: int) -> str:
    question = verdict.questions[k]
    numbers = "; ".join(question.numbers)
    return f"{question.answer} ({numbers})" if numbers else question.answer
