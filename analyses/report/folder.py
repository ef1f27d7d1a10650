"""The folder of a report: what its files are called, and whether it can be written."""

import hashlib
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.files import expanded, followed, not_written, try_writing

MANIFEST = "manifest.json"
PAGE, TEXT, NUMBERS = "report.html", "report.md", "report.json"
SCHEMA = 3  # rises when a key of the numbers changes or goes away, or tables get a needed column
SLUG = str.maketrans({" ": "-", "_": "-", "@": "-at-", "/": "-", "\0": "-"})
LONGEST_SLUG = 200  # bytes, of the 255 a file name may have


def check_report_place(out: Path) -> None:
    """Refuse a place where a report cannot go, or where it would replace something else.

    Raises
    ------
    WorkbenchError
        If it is a file, a folder that holds files but no report, or cannot be written to.
    """
    try:
        if out.exists() and not out.is_dir():
            raise WorkbenchError(f"{out} is a file; name a folder.")
        if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).exists():
            raise WorkbenchError(
                f"{out} holds files that are no report; name a new folder or an earlier report."
            )
        try_writing(followed(out).parent)
    except OSError as error:
        raise not_written(out.parent, error) from error


def manifest_path(folder: str | Path) -> Path:
    """The manifest of a report.

    Raises
    ------
    WorkbenchError
        If the folder has none.
    """
    path = expanded(folder) / MANIFEST
    if not path.is_file():
        raise WorkbenchError(
            f"{path.parent}: no report here (no {MANIFEST}); give a folder that "
            "`python -m analyses.run_all` wrote."
        )
    return path


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
