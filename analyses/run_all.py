"""Run every diagnostic on every model and write a report: `python -m analyses.run_all`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analyses import diagnostics
from analyses.conclusions import CONCLUSIONS
from analyses.report.folder import PAGE, check_report_place
from analyses.running.defaults import DEFAULT_DATA, shipped
from analyses.running.device_option import add_device
from analyses.running.keeping import CACHE, check_keeping
from analyses.running.progress import Progress, ProgressFile
from analyses.shortcomings import Unsatisfactory
from workbench.announcing import alone, announce, first, say
from workbench.commands.options import READING
from workbench.ending import STOPPED, ended_in_words, told_if_stopped
from workbench.errors import WorkbenchError, sentence
from workbench.model_folders import located_model
from workbench.phrases import listing
from workbench.threads import MOST


def parser() -> argparse.ArgumentParser:
    """The command line."""
    names = ", ".join(diagnostics.names())
    made = argparse.ArgumentParser(
        prog="python -m analyses.run_all",
        description="Run the diagnostics on trained models and write a report: report.html (opens "
        "offline), report.md, report.json, manifest.json, figures/, tables/, raw/. Killed and "
        "started again, it goes on where it was; what is stored is reused only for the same data, "
        "weights, options and code.",
        epilog="example: python -m analyses.run_all --data my.csv --models runs/sasrec runs/ac",
    )
    made.add_argument(
        "--data",
        default=DEFAULT_DATA,
        metavar="NAME|PATH",
        help="a known data set or a file (default: %(default)s; python -m workbench data lists "
        f"what is known); how {READING}",
    )
    made.add_argument(
        "--models",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME|PATH",
        help="shipped models by name or folders of trained ones (default: SASRec's four that are "
        "shipped, trained on ml-100k); what `train --seeds` wrote into such a folder is measured "
        "where a diagnostic compares seeds",
    )
    made.add_argument(
        "--only",
        nargs="+",
        action="extend",
        default=[],
        metavar="DIAGNOSTIC",
        help=f"some of: {names}",
    )
    made.add_argument(
        "--users", type=int, metavar="N", help="that many users, drawn at random (default: all)"
    )
    made.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder to write; an earlier report in it is replaced (default: a new folder under "
        "reports/)",
    )
    made.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    add_device(made)
    made.add_argument("--force", action="store_true", help="measure again what is stored")
    made.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help=f"processes that share the work, where torchrun has not started them (default: one "
        f"for each core, {MOST} at most, or one where the models compute on CUDA)",
    )
    made.add_argument(
        "--fail-on",
        type=_conclusion,
        default=(),
        metavar="CONCLUSION",
        help="for pipelines: end with code 3 if the conclusion of any model begins so, as in "
        "'must not be shown'; the report is written all the same (torchrun makes 1 of any code)",
    )
    made.add_argument(
        "--progress",
        type=Path,
        metavar="FILE",
        help="for programs: a JSON object that always says how far the run is (stage, diagnostic, "
        "done, total, message), replaced whole at every step",
    )
    return made


def _conclusion(text: str) -> str:
    """How a conclusion begins."""
    if not text or not any(conclusion.startswith(text) for conclusion in CONCLUSIONS):
        raise argparse.ArgumentTypeError(
            f"no conclusion begins with {text!r}; conclusions are: {'; '.join(CONCLUSIONS)}"
        )
    return text


def main(arguments: Sequence[str] | None = None, *, cache: Path = CACHE) -> Path:
    """Run, and return the folder of the report.

    Raises
    ------
    Incomplete
        If a diagnostic could not be measured, concluded or drawn; the report is written before.
    Refused
        If the conclusion of a model begins as `--fail-on` says; the report is written before.
    WorkbenchError
        If anything else is wrong.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(given)
    if options.progress and options.out:
        out, place = options.out.resolve(), options.progress.resolve()
        if out == place or out in place.parents:
            raise WorkbenchError(
                f"--progress {options.progress} lies in --out, which is replaced whole; give "
                "another file."
            )
    progress = ProgressFile(options.progress if first() else None)
    progress.write(Progress("reading"))
    try:
        if alone():
            _check(options, cache)
        models = listing(options.models or shipped(), most=4)
        announce(f"reading {options.data}, to report on {models}")
        if alone():
            from workbench.data.catalogue import check_source  # pandas, before what takes longer

            check_source(options.data)
        from analyses.reporting import report  # PyTorch, which takes seconds to import

        out = report(options, given, cache, progress, as_command=arguments is None)
    except BaseException as error:
        progress.write(Progress("failed", message=_reason(error)))
        raise
    progress.write(Progress("finished", message=str(out / PAGE)))
    return out


def _check(options: argparse.Namespace, cache: Path) -> None:
    """Raise WorkbenchError for names of what there is not, and a place that cannot be written."""
    diagnostics.check_names(options.only, diagnostics.names())
    for model in options.models:
        located_model(model)
    if options.out:
        check_report_place(options.out)
    check_keeping(cache)


def _reason(error: BaseException) -> str:
    """Why a run ended, in a sentence."""
    if isinstance(error, WorkbenchError | OSError):
        return sentence(error)
    if isinstance(error, KeyboardInterrupt):
        return STOPPED
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    with ended_in_words():
        try:
            with told_if_stopped():
                folder = main()
        except Unsatisfactory as error:
            say(f"report: {error.folder / PAGE}")
            say(f"error: {sentence(error)}", err=True)
            sys.exit(error.code)
        say(f"report: {folder / PAGE}")
