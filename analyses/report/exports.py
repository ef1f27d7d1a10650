"""A report for other readers than a browser: as Markdown, and as JSON with every number.

What the keys of the JSON mean stands in docs/report.md.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from analyses.judging.reliability import reliability
from analyses.report.folder import SCHEMA
from analyses.report.glossary import GLOSSARY
from analyses.report.page import Report, Section, readable
from analyses.report.summaries import ends
from analyses.report.together import NAMED_HEADS, together
from analyses.report.wording import number
from analyses.verdict import RULE, Verdict
from workbench.statistics import Interval


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
    lines = [
        "# Can the attention be believed?",
        f"{report.data.name}: {report.n_users:,} of {report.data.n_users:,} users. Brackets hold "
        f"95 % intervals. Made {report.manifest['created']}.",
        *(f"> {notice}" for notice in report.notices),
    ]
    if report.verdicts:
        lines += ["## Verdict", *_told(report.verdicts)]
    if report.in_short:
        lines += ["## In short", f"{report.in_short.headline} {report.in_short.to_do}"]
    if report.example:
        example = report.example
        lines.append(
            f"To user {example.user}, {example.model} recommends *{_cell(example.recommended)}*."
        )
        attended = [f"{i.title} ({number(i.attention, 1)} %)" for i in example.attended]
        moving = [f"{i.title} ({number(i.effect, 3)})" for i in example.moving]
        heads = ("most attention (share of it)", "what the score falls without (by how much)")
        table = pd.DataFrame(dict(zip(heads, (attended, moving), strict=True)))
        lines.append(_table(table))
    if report.verdicts:
        lines += ["## The six questions", _questions(report.verdicts)]
        if report.cannot_tell:
            lines += ["What these data cannot tell:", _list(report.cannot_tell)]
    lines.append("## Findings")
    for section in report.sections:
        lines += [f"### {section.diagnostic.title}", f"*{section.diagnostic.question}*"]
        lines.append(_list(section.said))
        for name, table in section.tables.items():
            lines += [f"Table: {name}. {section.diagnostic.caption(name)}".strip(), _table(table)]
    lines += ["## Models", _table(report.models)]
    lines += ["## What was left out", _list(report.exclusions)]
    lines += ["## The rule of the verdict", _list(RULE)]
    lines += ["## Terms", _list([f"*{term}*: {meaning}" for term, meaning in GLOSSARY.items()])]
    lines += ["## How to make this again", f"```\n{report.manifest['command']}\n```"]
    return "\n\n".join(line for line in lines if line) + "\n"


def _told(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """A paragraph for verdicts that say the same, and a table where they are several."""
    for group in together(verdicts):
        if group.single:
            yield f"**{group.headline}** {group.why} {group.instead} {group.often}".rstrip()
        else:
            yield f"**{group.headline}** {group.why}"
            yield _table(pd.DataFrame(group.rows, columns=list(NAMED_HEADS)))
            yield f"{group.note} {group.instead} {group.often}".rstrip()


def _questions(verdicts: Sequence[Verdict]) -> str:
    """A row per question, a column per model."""
    rows = [
        {"question": f"{question.asked} ({question.line})"}
        | {verdict.model: _answer(verdict, k) for verdict in verdicts}
        for k, question in enumerate(verdicts[0].questions)
    ]
    return _table(pd.DataFrame(rows))


def _answer(verdict: Verdict, k: int) -> str:
    question = verdict.questions[k]
    numbers = "; ".join(question.numbers)
    return f"{question.answer} ({numbers})" if numbers else question.answer


def _list(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _table(table: pd.DataFrame) -> str:
    header, rows = readable(table)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """Text that ends no cell."""
    return text.replace("|", "\\|")
