"""Test the claims of the AC-TSR paper: `python -m analyses.claims`, resumable."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analyses.claims.study import FURTHER, SAMPLE
from analyses.running.device_option import add_device
from analyses.shortcomings import Incomplete
from workbench.announcing import announce, say
from workbench.data.catalogue import check_source
from workbench.ending import ended_in_words, told_if_stopped
from workbench.errors import WorkbenchError, sentence
from workbench.phrases import choices, listing


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m analyses.claims",
        allow_abbrev=False,  # words are left out of the command on the page
        description="Train the models that the claims of the AC-TSR paper are about, measure them, "
        "and write what can be said of each claim. Killed and started again, it goes on where it "
        "was: what is trained or measured is not done twice.",
        epilog="example: python -m analyses.claims --data my.csv --runs runs/my --out reports/my",
    )
    made.add_argument(
        "--data", nargs="+", required=True, metavar="NAME|PATH", help="data sets, as for run_all"
    )
    made.add_argument(
        "--seeds",
        type=int,
        default=3,
        metavar="N",
        help="trainings of each model of SASRec; claims need two or more (default: %(default)s)",
    )
    made.add_argument(
        "--backbones",
        nargs="*",
        metavar="NAME",
        help=f"further backbones, on every data set: {', '.join(FURTHER)} (default: all of them on "
        "Beauty and Yelp)",
    )
    made.add_argument(
        "--runs",
        type=Path,
        default=Path("runs/claims"),
        metavar="DIR",
        help="where trainings lie, DIR/DATA/MODEL/seed-K (default: %(default)s)",
    )
    made.add_argument(
        "--out",
        type=Path,
        default=Path("docs"),
        metavar="DIR",
        help="where claims.md and the folder claims/ go (default: %(default)s)",
    )
    made.add_argument(
        "--users",
        type=int,
        default=SAMPLE,
        metavar="N",
        help="users on whom diagnostics run, at most, drawn at random; of each 1,024, 128 by the "
        "measures that cost most (default: %(default)s)",
    )
    add_device(made)
    made.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="processes that share training and measuring, where torchrun has not started them: as "
        "many as there are cores, or about four on one GPU (default: %(default)s)",
    )
    made.add_argument(
        "--plan", action="store_true", help="say what would be trained, and how long it takes"
    )
    made.add_argument(
        "--no-training", action="store_true", help="write the page of the models that are trained"
    )
    return made


def main(arguments: Sequence[str] | None = None) -> Path | None:
    """Train, measure and write; and return the page, None where only the plan was asked for.

    Raises
    ------
    Incomplete
        If a model could not be trained or measured; the page is written before.
    WorkbenchError
        If anything else is wrong.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(given)
    _check(options)
    announce(f"reading {listing(options.data)}")
    for source in options.data:
        check_source(source)
    from analyses.claims.testing import run_study  # PyTorch, which takes seconds to import

    page, failures = run_study(options, given)
    if page is not None and failures:
        raise Incomplete(page, failures)
    return page


def _check(options: argparse.Namespace) -> None:
    for name in ("seeds", "users", "processes"):
        if getattr(options, name) < 1:
            raise WorkbenchError(f"--{name} {getattr(options, name)}; give 1 or more.")
    for name in options.backbones or ():
        if name not in FURTHER:
            raise WorkbenchError(f"no further backbone {name!r}; {choices(name, FURTHER)}.")


if __name__ == "__main__":
    with ended_in_words():
        try:
            with told_if_stopped():
                page = main()
        except Incomplete as error:
            say(f"error: {sentence(error)}", err=True)
            sys.exit(error.code)
        if page is not None:
            say(f"page: {page}")
