"""Put two reports side by side, before and after a change: `python -m analyses.compare A B`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from analyses.report.folder import manifest_path
from workbench.announcing import announce, say
from workbench.ending import ended_in_words


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m analyses.compare",
        description="Put two reports side by side, as Markdown: what changed in the verdicts, and "
        "in what was measured, with intervals paired by user. Models are matched by their names; a "
        "single model by each other.",
        epilog="example: python -m analyses.compare reports/before reports/after > changes.md",
    )
    for name in ("before", "after"):
        made.add_argument(name, type=Path, help="a folder that analyses.run_all wrote")
    return made


def main(arguments: Sequence[str] | None = None) -> str:
    """Compare two reports.

    Raises
    ------
    WorkbenchError
        If a folder is no report, or the two cannot be compared.
    """
    options = parser().parse_args(arguments)
    for folder in (options.before, options.after):
        manifest_path(folder)
    announce(f"reading {options.before} and {options.after}")
    # PyTorch, which takes seconds to import
    from analyses.report.side_by_side import compared
    from analyses.report.stored import open_run

    return compared(open_run(options.before), open_run(options.after))


if __name__ == "__main__":
    with ended_in_words():
        say(*main().rstrip("\n").split("\n"))
