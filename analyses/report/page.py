"""One self-contained page from what was measured: findings, pictures, tables, terms."""

import base64
import hashlib
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from analyses.diagnostic import Diagnostic
from analyses.judging.reliability import reliability
from analyses.report import style
from analyses.report.drawing import draw
from analyses.report.glossary import GLOSSARY, PAPER, PAPER_ADDRESS, explained
from analyses.report.one_user import OneUser
from analyses.report.summaries import Summary
from analyses.report.wording import decimals, number, span
from analyses.running.repeats import Repeats
from analyses.running.results import Results
from analyses.verdict import Verdict
from workbench.data.sequences import SequenceData
from workbench.fonts import chosen_fonts
from workbench.phrases import in_order, listing
from workbench.statistics.intervals import FEWEST_NONZERO

TEMPLATES = Path(__file__).parent / "templates"
FEW = 4  # sentences that a list shows unfolded
THE_PICTURE = ("faithfulness", "deletion curves")  # of which diagnostic, and its name
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
    summaries: dict[str, Summary] = field(default_factory=dict)
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
        return cls(diagnostic, findings, summaries, pictures, tables, exclusions, failures)

    @classmethod
    def unmeasured(cls, diagnostic: Diagnostic, error: Exception) -> "Section":
        """The section of a diagnostic that could not be measured."""
        rest = "nothing else of the report depends on it"
        return cls(diagnostic, failures=[Failure.of("This could not be measured", error, rest)])

    @property
    def said(self) -> list[str]:
        """What could not be made, and then the findings."""
        return [*(failure.sentence for failure in self.failures), *self.findings]

    def holds(self) -> str:
        """What is folded below the first finding, counted."""
        counts = {
            "more finding": len(self.findings) - 1,
            "picture": len(self.pictures),
            "table": len(self.tables),
        }
        parts = [f"{n} {what}{'' if n == 1 else 's'}" for what, n in counts.items() if n > 0]
        return listing(parts) if parts else ""


@dataclass(frozen=True)
class Report:
    """All that a report says, whether as a page, as text or as numbers.

    Attributes
    ----------
    data, n_users : what was measured, and how many users of it.
    models : what each model's card says of its test metrics.
    repeats : how often items repeat.
    verdicts : of each model, in order.
    in_short : the verdict told in the section for all readers; None where there is none.
    example : one user of its model, if any history is long enough.
    sections : of each diagnostic, in order.
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
    with style.context(), chosen_fonts(figure):
        engine = figure.get_layout_engine()
        if engine is not None:  # left to savefig, it is done up to three times, with a draw each
            figure.set_dpi(mpl.rcParams["savefig.dpi"])
            engine.execute(figure)
            figure.set_layout_engine(None)
        for kind, metadata in (("png", {"Software": None}), ("svg", nothing)):
            buffer = BytesIO()
            figure.savefig(buffer, format=kind, metadata=metadata)
            made.append(buffer.getvalue())
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
            reliability=reliability,
            percent=lambda part, total: f"{number(100 * part / total, 1)} %",
            few=FEW,
            glossary=GLOSSARY,
            paper=PAPER,
            paper_address=PAPER_ADDRESS,
        )
    )
