"""Judge what reports say by planted data whose causes are known: `python -m analyses.judge`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from analyses.judging import PAGE
from analyses.judging.cells import ROLES, Scale, plan
from analyses.running.device_option import add_device
from analyses.running.keeping import CACHE
from workbench.announcing import announce, say
from workbench.ending import ended_in_words, told_if_stopped
from workbench.files import REPORTS
from workbench.phrases import counted


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m analyses.judge",
        allow_abbrev=False,  # since the page tells the words that were given
        description="Train models on planted data whose causes are known, see which attention is "
        "faithful to them, and how well importances find the causes and what a report says tells "
        "faithful from unfaithful. Killed and started again, it goes on where it was.",
    )
    made.add_argument("--out", type=Path, default=REPORTS / "judge", metavar="DIR")
    made.add_argument(
        "--scale",
        choices=get_args(Scale),
        default="default",
        help="small: whether all of it works, within two minutes; default: about two hours on one "
        "core; full: every rule, size, difficulty and seed (default: %(default)s)",
    )
    made.add_argument(
        "--zoo", type=Path, metavar="DIR", help="folder of the models (default: OUT/zoo)"
    )
    made.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="processes that share the models, where torchrun has not started them "
        "(default: %(default)s)",
    )
    add_device(made, "cpu")  # where models as small as these are quickest
    made.add_argument(
        "--seeds",
        choices=ROLES,
        help="judge those alone on which a rule is chosen, or confirmed (default: both, apart)",
    )
    made.add_argument(
        "--summary",
        action="store_true",
        help="keep how often verdicts were wrong where reports quote it from",
    )
    made.add_argument(
        "--no-training", action="store_true", help="judge those of the models that are trained"
    )
    return made


def main(arguments: Sequence[str] | None = None, *, cache: Path = CACHE) -> Path:
    """Judge, and return the folder of the page, its pictures and tables.

    Raises
    ------
    WorkbenchError
        If the folder cannot be written to, or there is no model to judge.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(given)
    planned = [t for t in plan(options.scale) if options.seeds in (None, t.cell.role)]
    announce(f"{counted(len(planned), 'model')} on planted data to judge, in {options.out}")
    from analyses.judging.judgement import judged  # PyTorch, which takes seconds to import

    return judged(options, planned, given, cache)


if __name__ == "__main__":
    with ended_in_words():
        with told_if_stopped():
            folder = main()
        say(f"page: {folder / PAGE}")
