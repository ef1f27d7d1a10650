"""A report from its command line: what is read, measured, concluded and written."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from analyses.conclusions import DECISIVE
from analyses.diagnostic import Diagnostic, choose, discover
from analyses.report.folder import PAGE, check_report_place
from analyses.running.inputs import Inputs, read_inputs
from analyses.running.keeping import check_keeping
from analyses.running.measuring import Measured, Unmeasured, measured
from analyses.running.progress import Progress, ProgressFile
from analyses.running.sharing import measure_shared, with_shared_cost
from analyses.running.store import Store
from analyses.shortcomings import Incomplete, Refused
from workbench.devices import choose_device
from workbench.errors import WorkbenchError
from workbench.files import REPORTS
from workbench.memory import keep_pages
from workbench.model import itself
from workbench.processes import Ranks, joined, usual_processes

if TYPE_CHECKING:
    from analyses.report.sections import Section


def report(
    options: argparse.Namespace,
    given: Sequence[str],
    cache: Path,
    progress: ProgressFile,
    *,
    as_command: bool,
) -> Path:
    """Measure, conclude and write; and return the folder.

    Parameters
    ----------
    options : as the parser of `analyses.run_all` makes them.
    given : the words that they were made of.
    cache : where what is measured is kept.
    progress : told how far the report is.
    as_command : whether the cores of this machine share the work where `options` do not say.

    Raises
    ------
    Incomplete
        If a diagnostic could not be measured, concluded or drawn; the report is written before.
    Refused
        If the conclusion of a model begins as `--fail-on` says; the report is written before.
    WorkbenchError
        If anything else is wrong.
    """
    processes = options.processes
    if processes is None:
        on_cuda = options.device != "cpu" and torch.cuda.is_available()
        processes = usual_processes(on_cuda=on_cuda) if as_command else 1
    with joined(["analyses.run_all", *given], processes) as ranks:
        out = _report(options, given, cache, progress, ranks)
        if not ranks.first:
            sys.exit()
    return out


def _report(
    options: argparse.Namespace,
    given: Sequence[str],
    cache: Path,
    progress: ProgressFile,
    ranks: Ranks,
) -> Path:
    # matplotlib, while the other processes import all the rest
    from analyses.report.output import write_report

    start = perf_counter()
    keep_pages()
    diagnostics = _asked_for(options, cache)
    inputs = _inputs(options, cache, progress, ranks)
    out = options.out or REPORTS / f"{inputs.data.name}-{datetime.now():%Y%m%d-%H%M%S}"
    store = Store(cache, force=options.force)
    if ranks.size > 1:
        _share_measuring(diagnostics, inputs, options.seed, store, progress, ranks)
        store = Store(cache)  # what was measured just now is not measured again
    results, sections = concluded(diagnostics, inputs, options.seed, store, progress, ranks)
    if not ranks.first:
        return out
    progress.write(Progress("writing"))
    command = shlex.join(["python", "-m", "analyses.run_all", *given])
    report = write_report(
        *(out, inputs, results, sections), command=command, seed=options.seed, start=start
    )
    if report.failures:
        raise Incomplete(out / PAGE, report.failures)
    refused = [v.headline for v in report.verdicts if v.conclusion.startswith(options.fail_on)]
    if options.fail_on and (refused or report.unjudged):
        raise Refused(out, [*refused, *report.unjudged])
    return out


def _asked_for(options: argparse.Namespace, cache: Path) -> list[Diagnostic]:
    """The diagnostics, once it is known that they can be concluded, written and kept."""
    diagnostics = choose(discover(), options.only)
    if options.fail_on and not any(each.name == DECISIVE for each in diagnostics):
        raise WorkbenchError(
            f"--fail-on asks for a verdict, and there is none without {DECISIVE}; add it behind "
            "--only, or leave out --only."
        )
    if options.out:
        check_report_place(options.out)
    check_keeping(cache)
    return diagnostics


def _inputs(
    options: argparse.Namespace, cache: Path, progress: ProgressFile, ranks: Ranks
) -> Inputs:
    """What the report stands on, the models on their device."""
    device = choose_device(options.device)

    def watch(model: str, done: int, total: int) -> None:
        progress.write(Progress("training", done=done, total=total, message=model))

    with ranks.first_alone("inputs"):  # which may have to be fetched, or trained
        inputs = read_inputs(
            options.data, options.models, options.users, options.seed, cache, watch
        )
    for each in (inputs.models, *inputs.siblings.values()):
        for model in each.values():
            itself(model).to(device)
    return inputs


def _share_measuring(
    diagnostics: Sequence[Diagnostic],
    inputs: Inputs,
    seed: int,
    store: Store,
    progress: ProgressFile,
    ranks: Ranks,
) -> None:
    """Measure with other processes; what is measured is in the store."""

    def watch(name: str, done: int, total: int) -> None:
        progress.write(Progress("measuring", name, done, total))

    measure_shared(ranks, diagnostics, inputs, seed, store, watch)


def concluded(
    diagnostics: Sequence[Diagnostic],
    inputs: Inputs,
    seed: int,
    store: Store | None,
    progress: ProgressFile,
    ranks: Ranks,
) -> tuple[list[Measured | Unmeasured], list["Section"]]:
    """What each diagnostic measured, and the section of the report that comes of it.

    Parameters
    ----------
    diagnostics, inputs, seed : what is measured.
    store : where it is kept, and has been put by all ranks where there are several; None keeps
        nothing, and leaves other processes alone.
    progress : told how far it is.
    ranks : who share what is to be concluded.

    Raises
    ------
    Exception
        If nothing could be measured, what the first diagnostic failed with.
    """
    from analyses.report.concluding import Concluding, shared_sections

    def watch(diagnostic: Diagnostic, done: int) -> None:
        progress.write(Progress("drawing", diagnostic.name, done, len(diagnostics)))

    results: list[Measured | Unmeasured] = []
    with ranks.first_alone("results"), Concluding() as concluding:
        for diagnostic in diagnostics:
            results.append(_measured(diagnostic, inputs, seed, store, progress, ranks))
            more = len(results) < len(diagnostics)
            # without a store it is no command, but a script that a second process would run again
            aside = more and ranks.size == 1 and store is not None
            concluding.add(results[-1], aside=aside)
        errors = [result.error for result in results if isinstance(result, Unmeasured)]
        if len(errors) == len(results):
            raise errors[0]
        sections = concluding.sections(watch) if ranks.size == 1 else []
    return results, shared_sections(ranks, results, watch) if ranks.size > 1 else sections


def _measured(
    diagnostic: Diagnostic,
    inputs: Inputs,
    seed: int,
    store: Store | None,
    progress: ProgressFile,
    ranks: Ranks,
) -> Measured | Unmeasured:
    """A diagnostic measured, or why it could not be: the others are measured all the same."""
    shared = ranks.size > 1

    def watch(done: int, total: int) -> None:
        progress.write(Progress("measuring", diagnostic.name, done, total))

    try:
        result = measured(diagnostic, inputs, seed, store, watch, quiet=shared)
        return with_shared_cost(result, ranks) if shared else result
    except BrokenPipeError:  # nobody reads how far it is
        raise
    except Exception as error:
        return Unmeasured(diagnostic, error)
