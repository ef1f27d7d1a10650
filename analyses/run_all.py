"""Run every diagnostic on every model and write a report: `python -m analyses.run_all`."""

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from time import perf_counter

from analyses.diagnostic import Diagnostic, choose, discover
from analyses.ending import STOPPED, ended_in_words
from analyses.report.folder import PAGE, check_writable
from analyses.running.inputs import DEFAULT_DATA, Inputs, read_inputs
from analyses.running.measuring import Measured, Unmeasured, measured
from analyses.running.progress import Progress, ProgressFile
from analyses.running.sharing import measure_shared, with_shared_cost
from analyses.running.store import Store
from analyses.verdict import CONCLUSIONS
from workbench.devices import choose_device
from workbench.errors import WorkbenchError, sentence
from workbench.files import REPORTS
from workbench.processes import MOST, Ranks, joined, usual_processes
from workbench.training.memory import keep_pages


def parser() -> argparse.ArgumentParser:
    """The command line."""
    names = ", ".join(discover())
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
        "what is known); how to read a file may stand behind its path, in quotes: "
        "'x.csv?user=who&item=what&encoding=latin-1&min_user=5'; and so may settings of planted "
        "data: 'planted:distance?noise=.3&users=500'",
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
    made.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda"],  # an Apple GPU has no float64, in which is measured
        default="auto",
        help="where the models compute; auto: on CUDA if any (default: %(default)s)",
    )
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
        "'must not be shown'; the report is written all the same",
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


class Unsatisfactory(WorkbenchError):
    """A report was written to `folder`, but the command does not end well; with which `code`."""

    code: int

    def __init__(self, folder: Path, sentences: Sequence[str]) -> None:
        super().__init__(" ".join(sentences))
        self.folder = folder


class Incomplete(Unsatisfactory):
    """A report without some of its parts."""

    code = 1

    def __init__(self, folder: Path, failures: Sequence[str]) -> None:
        super().__init__(folder, [f"{folder / PAGE} lacks what failed.", *failures])


class Refused(Unsatisfactory):
    """A report with a conclusion that `--fail-on` names."""

    code = 3


def main(arguments: Sequence[str] | None = None, *, cache: Path = REPORTS / ".cache") -> Path:
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
    processes = options.processes
    if processes is None:
        processes = usual_processes() if arguments is None and options.device != "cuda" else 1
    with joined(["analyses.run_all", *given], processes) as ranks:
        progress = ProgressFile(options.progress if ranks.first else None)
        try:
            out = _run(options, given, cache, progress, ranks)
        except BaseException as error:
            progress.write(Progress("failed", message=_reason(error)))
            raise
        if not ranks.first:
            sys.exit()
        progress.write(Progress("finished", message=str(out / PAGE)))
    return out


def _run(
    options: argparse.Namespace,
    given: Sequence[str],
    cache: Path,
    progress: ProgressFile,
    ranks: Ranks,
) -> Path:
    # which bring matplotlib, that nobody waits for who asks for --help
    from analyses.report.concluding import Concluding, shared_sections
    from analyses.report.output import write_report

    start = perf_counter()
    keep_pages()
    progress.write(Progress("reading"))
    diagnostics = choose(discover(), options.only)
    if options.out:
        check_writable(options.out)
    device = choose_device(options.device)

    def watch(model: str, done: int, total: int) -> None:
        progress.write(Progress("training", done=done, total=total, message=model))

    with ranks.first_alone("inputs"):  # which may have to be fetched, or trained
        inputs = read_inputs(
            options.data, options.models, options.users, options.seed, cache, watch
        )
    for each in (inputs.models, *inputs.siblings.values()):
        for model in each.values():
            model.to(device)
    out = options.out or REPORTS / f"{inputs.data.name}-{datetime.now():%Y%m%d-%H%M%S}"
    store = Store(cache, force=options.force)
    if ranks.size > 1:

        def watch_shared(name: str, done: int, total: int) -> None:
            progress.write(Progress("measuring", name, done, total))

        measure_shared(
            *(ranks, diagnostics, inputs.models, inputs.data, inputs.users, options.seed, store),
            watch_shared,
            siblings=inputs.siblings,
        )
        store = Store(cache)  # what was measured just now is not measured again

    def watch_drawing(diagnostic: Diagnostic, done: int) -> None:
        progress.write(Progress("drawing", diagnostic.name, done, len(diagnostics)))

    results: list[Measured | Unmeasured] = []
    with ranks.first_alone("results"), Concluding() as concluding:
        for diagnostic in diagnostics:
            results.append(_measured(diagnostic, inputs, options.seed, store, progress, ranks))
            more = len(results) < len(diagnostics)
            concluding.add(results[-1], aside=more and ranks.size == 1)
        errors = [result.error for result in results if isinstance(result, Unmeasured)]
        if len(errors) == len(results):
            raise errors[0]
        sections = concluding.sections(watch_drawing) if ranks.size == 1 else []
    if ranks.size > 1:
        sections = shared_sections(ranks, results, watch_drawing)
        if not ranks.first:
            return out
    progress.write(Progress("writing"))
    command = shlex.join(["python", "-m", "analyses.run_all", *given])
    report = write_report(
        *(out, inputs, results, sections), command=command, seed=options.seed, start=start
    )
    if report.failures:
        raise Incomplete(out, report.failures)
    refused = [v.headline for v in report.verdicts if v.conclusion.startswith(options.fail_on)]
    if refused:
        raise Refused(out, refused)
    return out


def _measured(
    diagnostic: Diagnostic,
    inputs: Inputs,
    seed: int,
    store: Store,
    progress: ProgressFile,
    ranks: Ranks,
) -> Measured | Unmeasured:
    """A diagnostic measured, or why it could not be: the others are measured all the same."""
    shared = ranks.size > 1

    def watch(done: int, total: int) -> None:
        progress.write(Progress("measuring", diagnostic.name, done, total))

    try:
        result = measured(
            *(diagnostic, inputs.models, inputs.data, inputs.users, seed, store, watch),
            siblings=inputs.siblings,
            quiet=shared,
        )
        return with_shared_cost(result, ranks) if shared else result
    except Exception as error:
        return Unmeasured(diagnostic, error)


def _reason(error: BaseException) -> str:
    """Why a run ended, in a sentence."""
    if isinstance(error, WorkbenchError | OSError):
        return sentence(error)
    if isinstance(error, KeyboardInterrupt):
        return STOPPED
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    # a kill ends as Ctrl-C does: what lies half written is cleared away
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ended_in_words():
        try:
            folder = main()
        except Unsatisfactory as error:
            print(f"report: {error.folder / PAGE}")
            print(f"error: {error}", file=sys.stderr)
            sys.exit(error.code)
    print(f"report: {folder / PAGE}")
