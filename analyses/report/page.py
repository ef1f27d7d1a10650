"""One self-contained page from what was measured: findings, pictures, tables, terms."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analyses.reliability import FOUND
from analyses.report.folder import slug
from analyses.report.glossary import GLOSSARY, PAPER, PAPER_ADDRESS, explained
from analyses.report.one_user import OneUser
from analyses.report.sections import Section
from analyses.report.together import NAMED_HEADS, together
from analyses.running.repeats import Repeats
from analyses.telling.wording import decimals, span
from analyses.verdict import RULE, Verdict
from workbench.cards import HEADLINE
from workbench.data.sequences import SequenceData
from workbench.phrases import in_order
from workbench.statistics.moments import FEWEST_NONZERO
from workbench.writing import number

TEMPLATES = Path(__file__).parent / "templates"
FEW = 4  # sentences that a list shows unfolded
THE_PICTURE = ("faithfulness", "deletion curves")  # of which diagnostic, and its name
UNDEFINED = "\N{EM DASH}"
TOO_FEW = "too few changed"  # in the place of an interval


@dataclass(frozen=True)
class Report:
    """All that a report says, whether as a page, as text or as numbers.

    Attributes
    ----------
    data, n_users : what was measured, and how many users of it.
    models : what each model's card says of its test metrics on these data.
    repeats : how often items repeat.
    verdicts : of each model, in order.
    in_short : the verdict told in the section for all readers; None where there is none.
    example : one user of its model, if any history is long enough.
    sections : of each diagnostic, in order.
    unjudged : of each model with attention that has no verdict, why.
    notices, exclusions : sentences to read first, and what was left out.
    manifest : what was run.
    """

    data: SequenceData
    n_users: int
    models: pd.DataFrame
    repeats: Repeats
    verdicts: Sequence[Verdict]
    in_short: Verdict | None
    example: OneUser | None
    sections: Sequence[Section]
    unjudged: Sequence[str]
    notices: Sequence[str]
    exclusions: Sequence[str]
    manifest: Mapping[str, Any]

    @property
    def failures(self) -> list[str]:
        """A sentence for each part that could not be measured, concluded or drawn."""
        return [f"{s.diagnostic.title}: {f.sentence}" for s in self.sections for f in s.failures]

    @property
    def cannot_tell(self) -> list[str]:
        """What the data cannot tell of any of the models, each sentence once."""
        return list(in_order(text for verdict in self.verdicts for text in verdict.cannot_tell))

    @property
    def names_paper(self) -> bool:
        """Whether a finding speaks of the paper."""
        return any("the paper" in text.lower() for s in self.sections for text in s.findings)


def readable_width(png: bytes) -> int:
    """The width in pixels below which a picture's smallest type cannot be read."""
    return int.from_bytes(png[16:20]) * 4 // 5  # the header of a PNG holds its width there


def readable(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text; an estimate and its ends become one cell."""
    ends = {f"{c} {end}" for c in table.columns for end in ("low", "high")}
    columns = [str(c) for c in table.columns if c not in ends]
    rows = []
    for row in table.to_dict("records"):
        cells = []
        for column in columns:
            if f"{column} low" in table.columns:
                cells.append(_interval(row[column], row[f"{column} low"], row[f"{column} high"]))
            else:
                cells.append(_cell(row[column]))
        rows.append(cells)
    return columns, rows


def _interval(estimate: float, low: float, high: float) -> str:
    if np.isnan(estimate):
        return UNDEFINED
    if np.isnan(low):
        return f"{_cell(estimate)} [{TOO_FEW}]"
    digits = decimals(low, high, max(map(_digits, (estimate, low, high))))
    estimate_, low_, high_ = (number(float(v), digits) for v in (estimate, low, high))
    return f"{estimate_} [{low_}, {high_}]"


def _digits(value: float) -> int:
    return 0 if value == round(value) and abs(value) >= 1 else 4 if abs(value) < 1 else 2


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return UNDEFINED
    if isinstance(value, float):
        return number(float(value), _digits(value))
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def environment() -> Environment:
    """The templates of pages, and what all of them call."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["inline"] = lambda picture: base64.b64encode(picture).decode()
    made.filters["thousands"] = lambda n: f"{n:,}"
    made.filters["explained"] = explained
    made.globals |= {
        "span": span,
        "number": number,
        "fewest": FEWEST_NONZERO,
        "slug": slug,
        "set": set,
        "readable": readable,
        "readable_width": readable_width,
    }
    return made


def render(report: Report) -> str:
    """The page, from the verdict down.

    Every image is inline and nothing is requested from anywhere.
    """
    diagnostic, name = THE_PICTURE
    sections = report.sections
    pictured = [s for s in sections if s.diagnostic.name == diagnostic and name in s.pictures]
    return (
        environment()
        .get_template("report.html")
        .render(
            report=report,
            the_picture=(pictured[0], name) if pictured else None,
            widths=sorted({readable_width(p) for s in sections for p, _ in s.pictures.values()}),
            together=together(report.verdicts),
            named_heads=NAMED_HEADS,
            found=FOUND,
            rule=RULE,
            percent=lambda part, total: f"{number(100 * part / total, 1)} %",
            few=FEW,
            headline=HEADLINE,
            glossary=GLOSSARY,
            paper=PAPER,
            paper_address=PAPER_ADDRESS,
        )
    )
