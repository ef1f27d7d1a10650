"""One self-contained page from what was measured: findings, pictures, tables, terms."""

import base64
import hashlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from analyses.diagnostic import Diagnostic
from analyses.report import style
from analyses.report.drawing import draw
from analyses.report.glossary import GLOSSARY
from analyses.report.summaries import Summary
from analyses.report.wording import decimals, number
from analyses.running.results import Results
from workbench.fonts import chosen_fonts
from workbench.statistics.intervals import FEWEST_NONZERO

TEMPLATES = Path(__file__).parent / "templates"
LONG_TABLE = 16  # rows; longer ones are folded
UNDEFINED = "\N{EM DASH}"
TOO_FEW = "too few changed"  # in the place of an interval
SLUG = str.maketrans({" ": "-", "_": "-", "@": "-at-", "/": "-", "\0": "-"})
LONGEST_SLUG = 200  # bytes, of the 255 a file name may have

Part = TypeVar("Part")


@dataclass(frozen=True)
class Failure:
    """A part of a diagnostic that could not be made: a sentence to read, and where it happened."""

    sentence: str
    traceback: str

    @classmethod
    def of(cls, what: str, error: Exception, rest: str) -> "Failure":
        """A failure of `what` by an error; `rest` ends the sentence."""
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        lines = traceback.format_exception(error)
        return cls(f"{what} ({reason}); {rest}.", "".join(lines))


@dataclass(frozen=True)
class Section:
    """What one diagnostic contributes to the page; `pictures` are PNG and SVG by name."""

    diagnostic: Diagnostic
    findings: list[str] = field(default_factory=list)
    pictures: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    exclusions: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @classmethod
    def of(cls, diagnostic: Diagnostic, results: Results) -> "Section":
        """Conclude from results, and draw them.

        A part that fails is missing, and `failures` says so.
        """
        failures: list[Failure] = []

        def attempt(part: str, make: Callable[[], Part]) -> Part | None:
            try:
                return make()
            except Exception as error:
                rest = f"what was measured is in {raw_path(diagnostic.name)}"
                failures.append(Failure.of(f"The {part} could not be made", error, rest))
                return None

        findings = attempt("findings", lambda: diagnostic.findings(results)) or []
        summaries = attempt("figures", lambda: diagnostic.summaries(results)) or {}
        with style.context():
            others = attempt("pictures", lambda: diagnostic.pictures(results)) or {}
        makers = {name: partial(_drawn, summary) for name, summary in summaries.items()}
        makers |= {name: partial(images, figure) for name, figure in others.items()}
        drawn = {name: attempt(f"figure {name!r}", make) for name, make in makers.items()}
        pictures = {name: picture for name, picture in drawn.items() if picture is not None}
        tables = attempt("tables", lambda: diagnostic.tables(results)) or {}
        counts = attempt("counts of what was left out", lambda: diagnostic.exclusions(results))
        exclusions = [*results.left_out, *(counts or [])]
        return cls(diagnostic, findings, pictures, tables, exclusions, failures)

    @classmethod
    def unmeasured(cls, diagnostic: Diagnostic, error: Exception) -> "Section":
        """The section of a diagnostic that could not be measured."""
        rest = "nothing else of the report depends on it"
        return cls(diagnostic, failures=[Failure.of("This could not be measured", error, rest)])


def raw_path(diagnostic: str) -> str:
    """Where in a report the tidy table of a diagnostic is."""
    return f"raw/{diagnostic}.parquet"


def slug(*parts: str) -> str:
    """A file name or anchor of these words, and of no others where they had to be cut."""
    words = "-".join(parts)
    made = words.lower().translate(SLUG)
    if len(made.encode()) > LONGEST_SLUG:
        made = f"{made[: LONGEST_SLUG // 4]}-{hashlib.sha256(words.encode()).hexdigest()[:16]}"
    return made


def _drawn(summary: Summary) -> tuple[bytes, bytes]:
    return images(draw(summary))


def images(figure: Figure) -> tuple[bytes, bytes]:
    """A figure as PNG and as SVG, the same bytes every time; its text as it is, without markup."""
    FigureCanvasAgg(figure)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # what the style says as well, of text made under it
    made = []
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    for kind, metadata in (("png", {"Software": None}), ("svg", nothing)):
        buffer = BytesIO()
        with style.context(), chosen_fonts(figure):
            figure.savefig(buffer, format=kind, metadata=metadata)
        made.append(buffer.getvalue())
        figure.set_layout_engine("none")  # laid out once; again would take as long and move nothing
    return made[0], made[1]


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


def render(sections: list[Section], **facts: Any) -> str:
    """The page; `facts` as the template asks.

    Every image is inline and nothing is requested from anywhere.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = lambda png: base64.b64encode(png).decode()
    environment.filters["thousands"] = lambda n: f"{n:,}"
    return environment.get_template("report.html").render(
        sections=sections,
        widths=sorted({readable_width(p) for s in sections for p, _ in s.pictures.values()}),
        percent=lambda part, total: f"{number(100 * part / total, 1)} %",
        fewest=FEWEST_NONZERO,
        slug=slug,
        readable=readable,
        readable_width=readable_width,
        long_table=LONG_TABLE,
        glossary=GLOSSARY,
        **facts,
    )
