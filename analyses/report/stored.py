"""A report folder read back: manifest, verdicts, tidy tables and pictures, each checked."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from analyses.questions import Question
from analyses.report.folder import MANIFEST, NUMBERS, SCHEMA, manifest_path, raw_path, slug
from analyses.report.one_user import Item, OneUser
from analyses.running.comparison import Comparison
from analyses.running.results import Results, Rows
from analyses.running.store import PieceList, read_pieces
from analyses.telling.summaries import Summary
from analyses.verdict import Verdict
from workbench.errors import WorkbenchError
from workbench.files import LARGEST_JSON, checksum
from workbench.statistics import Interval

T = TypeVar("T")
# what a manifest must hold to be shown: key -> kind
NEEDED: dict[str, type] = {
    **{"created": str, "command": str, "users": dict, "data": dict, "models": dict},
    **{"diagnostics": dict, "notices": list, "exclusions": list, "files": dict},
}


class Concluded(NamedTuple):
    """The figures of a diagnostic as numbers, and its tables, by name."""

    summaries: dict[str, Summary]
    tables: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class StoredRun:
    """The folder of a report, what its manifest says, and what was compared in it."""

    folder: Path
    manifest: dict[str, Any] = field(repr=False)
    comparison: Comparison

    def findings(self, diagnostic: str) -> list[str]:
        """The sentences of a diagnostic."""
        return [str(text) for text in self.manifest["diagnostics"][diagnostic]["findings"]]

    def has(self, diagnostic: str) -> bool:
        """Whether something measured for a diagnostic is stored."""
        return raw_path(diagnostic) in self.manifest["files"]

    def results(self, diagnostic: str) -> Results:
        """What was measured for a diagnostic: in memory where it is little, else left in its file.

        Raises
        ------
        WorkbenchError
            If nothing was, or its table is not as it was written.
        """
        rows = self._read(diagnostic, lambda parts: Rows(parts.held()))
        return Results(rows, self.comparison.only(set(rows.once(["model"])["model"])))

    def users(self, diagnostic: str) -> np.ndarray:
        """Indices of the users whom a diagnostic measured, ascending; nothing else is read.

        Raises
        ------
        WorkbenchError
            As in `results`.
        """
        users = self._read(diagnostic, lambda parts: Rows(parts).once(["user"])["user"])
        return np.sort(users.to_numpy(np.int64))

    def _read(self, diagnostic: str, read: Callable[[PieceList], T]) -> T:
        path = raw_path(diagnostic)
        if not self.has(diagnostic):
            raise WorkbenchError(
                f"{self.folder}: holds nothing measured by {diagnostic} ("
                f"{' '.join(self.findings(diagnostic)[:1]) or 'the manifest does not say why'}); "
                "run the report again."
            )
        self.check(path)
        try:
            return read(read_pieces(self.folder / path))
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise WorkbenchError(
                f"{self.folder / path} is no readable table; run the report again."
            ) from error

    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdict of each model, as the report has it; none where it has none.

        Raises
        ------
        WorkbenchError
            If they are gone or were changed.
        """
        return self._told("verdicts", _verdicts) or ()

    def example(self) -> OneUser | None:
        """The user whom the report shows, if it shows one.

        Raises
        ------
        WorkbenchError
            If it is gone or was changed.
        """
        return self._told("example", _example)

    def concluded(self) -> dict[str, Concluded]:
        """What the report concluded of all users, by diagnostic.

        Raises
        ------
        WorkbenchError
            If it is gone or was changed.
        """
        return self._told("diagnostics", _concluded) or {}

    def _told(self, key: str, read: Callable[[Any], T]) -> T | None:
        """What the report says under a key as JSON; None where it was written without."""
        if NUMBERS not in self.manifest["files"]:
            return None
        content = self.file(NUMBERS)
        try:
            told = json.loads(content)[key]
            return None if told is None else read(told)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise WorkbenchError(
                f"{self.folder / NUMBERS} holds no {key} that can be read; run the report again."
            ) from error

    def figures(self, diagnostic: str) -> list[str]:
        """Names of the figures of a diagnostic, in order."""
        return [str(name) for name in self.manifest["diagnostics"][diagnostic].get("figures", [])]

    def picture(self, diagnostic: str, figure: str, kind: str) -> bytes:
        """A figure as it was drawn, kind "png" or "svg".

        Raises
        ------
        WorkbenchError
            If it is gone or was changed.
        """
        return self.file(f"figures/{slug(diagnostic, figure)}.{kind}")

    def file(self, path: str) -> bytes:
        """A file of the report.

        Raises
        ------
        WorkbenchError
            If it is gone or was changed.
        """
        self.check(path)
        return (self.folder / path).read_bytes()

    def check(self, path: str) -> None:
        """Whether a file of the report is there as it was written.

        Raises
        ------
        WorkbenchError
            If it is gone or was changed.
        """
        try:
            found = checksum(self.folder / path)
        except OSError as error:
            raise WorkbenchError(
                f"{self.folder / path} cannot be read ({error.strerror}); run the report again."
            ) from error
        if found != self.manifest["files"].get(path):
            raise WorkbenchError(
                f"{self.folder / path} is not what {MANIFEST} says (another checksum); run the "
                "report again."
            )


def _concluded(told: Mapping[str, Any]) -> dict[str, Concluded]:
    """Figures and tables as `exports.as_json` wrote them."""
    return {
        diagnostic: Concluded(
            {name: _summary(figure) for name, figure in each["figures"].items()},
            {name: _frame(rows) for name, rows in each["tables"].items()},
        )
        for diagnostic, each in told.items()
    }


def _summary(told: Mapping[str, Any]) -> Summary:
    return Summary(
        kind=told["kind"],
        title=told["title"],
        measure=told["measure"],
        series=tuple(told["series"]),
        table=_frame(told["marks"]),
        at=told["at"],
        message=told["message"],
        alike=told["alike"],
    )


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a table; where no row has a value, that is the lack of a number."""
    frame = pd.DataFrame(rows)
    empty = [name for name in frame if frame[name].isna().all()]
    return frame.astype(dict.fromkeys(empty, np.float64))


def _example(told: Mapping[str, Any]) -> OneUser:
    return OneUser(**{**told, "items": tuple(Item(**item) for item in told["items"])})


def _verdicts(told: Mapping[str, Any]) -> tuple[Verdict, ...]:
    return tuple(_verdict(model, verdict) for model, verdict in told.items())


def _verdict(model: str, told: Mapping[str, Any]) -> Verdict:
    """A verdict as `exports.as_json` wrote it."""
    return Verdict(
        model=model,
        reduction=told["reduction"],
        conclusion=told["conclusion"],
        why=told["why"],
        found=told["found"],
        questions=tuple(
            Question(
                key,
                answer=each["answer"],
                sentence=each["sentence"],
                estimate=_interval(each["estimate"]),
                control=_interval(each["control"]),
            )
            for key, each in told["questions"].items()
        ),
        instead=told["instead"],
        gain=_interval(told["gain"]),
        control=told["control"],
        beyond=_interval(told["beyond"]),
        lost=told["lost"],
        alike=_interval(told["alike"]),
        part_share=_interval(told.get("part_share")),  # which older reports lack
        cannot_tell=tuple(told["cannot_tell"]),
    )


def _interval(told: Mapping[str, Any] | None) -> Interval | None:
    if told is None:
        return None
    estimate, low, high = (
        math.nan if told[key] is None else float(told[key]) for key in ("estimate", "low", "high")
    )
    return Interval(estimate, low, high, int(told["n"]), nonzero=int(told["nonzero"]))


def open_run(folder: str | Path) -> StoredRun:
    """Read a report's manifest.

    Raises
    ------
    WorkbenchError
        If the folder has none, a damaged one, or one of another version.
    """
    path = manifest_path(folder)
    if path.stat().st_size > LARGEST_JSON:
        raise WorkbenchError(f"{path} is too large to be a manifest; run the report again.")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WorkbenchError(f"{path} cannot be read; run the report again.") from error
    content = manifest if isinstance(manifest, dict) else {}
    lacking = [key for key, kind in NEEDED.items() if not isinstance(content.get(key), kind)]
    if not lacking:
        entries = content["diagnostics"].values()
        sound = all(isinstance(e, dict) and isinstance(e.get("findings"), list) for e in entries)
        lacking = [] if sound else ["diagnostics"]
    if lacking:
        raise WorkbenchError(
            f"{path} is no manifest of a report ({lacking[0]!r} is missing or malformed); give "
            "another folder or run the report again."
        )
    if content.get("schema") != SCHEMA:
        raise WorkbenchError(
            f"{path.parent} was written by another version, whose reports are not read (schema "
            f"{content.get('schema', 'unknown')}, and {SCHEMA} is read); run the report again."
        )
    return StoredRun(path.parent, content, Comparison.stored(content["models"]))


def runs_in(folder: Path) -> list[Path]:
    """Folders of reports in a folder, the latest first."""
    reports = [path for path in folder.glob("[!.]*") if (path / MANIFEST).is_file()]
    return sorted(reports, key=lambda path: (path / MANIFEST).stat().st_mtime, reverse=True)
