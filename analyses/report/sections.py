"""What each diagnostic contributes to a report: concluded and drawn from what was measured."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import pandas as pd

from analyses.diagnostic import Diagnostic
from analyses.report.folder import raw_path
from analyses.running.results import Results
from analyses.telling import style
from analyses.telling.drawing import draw, images
from analyses.telling.summaries import Summary
from workbench.phrases import listing

T = TypeVar("T")


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
        results = results.gathered()

        def attempt(part: str, make: Callable[[], T]) -> T | None:
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


def _drawn(summary: Summary) -> tuple[bytes, bytes]:
    return images(draw(summary))
