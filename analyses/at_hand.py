"""The whole report on models at hand, such as adapted ones, which no folder holds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np

from analyses.diagnostic import Diagnostic, choose, discover
from analyses.report.folder import PAGE, check_report_place
from analyses.report.output import write_report
from analyses.reporting import concluded
from analyses.running.inputs import NONE, Inputs, check_seed, inputs_at_hand, of_data
from analyses.running.measuring import participants
from analyses.running.progress import ProgressFile
from analyses.shortcomings import Incomplete
from workbench.data.lookup import users_with_case
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError, several
from workbench.files import expanded
from workbench.memory import keep_pages
from workbench.model import Model, itself, weights_hash
from workbench.processes import Ranks


def report(
    models: Mapping[str, Model],
    data: SequenceData,
    out: str | Path,
    *,
    users: np.ndarray | None = None,
    seed: int = 0,
    siblings: Mapping[str, Mapping[str, Model]] = NONE,
    only: Sequence[str] | None = None,
) -> Path:
    """Measure models as `python -m analyses.run_all` does, and write the same folder.

    All is done in this process, and nothing is kept but the report: unlike the command, it begins
    anew when it is called again, since no file says what code an adapted model consists of.

    Parameters
    ----------
    models : by the name that they are to have in tables and sentences. Those of this repository are
        compared within their backbone, adapted ones within the family that `adapt` was told.
    data : where the users come from.
    out : the folder to write; an earlier report in it is replaced.
    users : [n] indices, in any order; by default all who have a test case.
    seed : of what is drawn at random.
    siblings : the same training with other seeds, by the name of the model and then by its own.
    only : names of diagnostics; None for all that any of the models can be asked.

    Returns
    -------
    Path
        The folder; `report.html` in it opens offline.

    Raises
    ------
    Incomplete
        If a diagnostic could not be measured, concluded or drawn; the report is written before.
    WorkbenchError
        If models or siblings are given in another way, two have one name, one cannot be asked about
        these data, a user has no test case, there is no diagnostic of a name or none is named, or
        the folder cannot be written.
    """
    start = perf_counter()
    if not isinstance(out, str | Path):
        raise WorkbenchError(f"the report goes into a folder, and {out!r} is none; name one.")
    several("only", only)
    seed = check_seed(seed)
    keep_pages()
    if only is not None and not list(only):
        raise WorkbenchError("only=[] names no diagnostic; name one, or leave only out for all.")
    out, only = expanded(out), list(only or ())
    diagnostics = choose(discover(), only)
    check_report_place(out)
    inputs = inputs_at_hand(models, data, users, siblings)
    able, nobody = _able(diagnostics, inputs)
    exclusions = list(inputs.exclusions)
    if able and not only:  # what is asked for by name is told of where it fails
        diagnostics = able
        exclusions += nobody
    inputs = replace(
        inputs,
        weights=_weights(models, siblings),
        notices=[*of_data(data), *inputs.notices, *_few(inputs)],
        exclusions=exclusions,
    )
    results, sections = concluded(diagnostics, inputs, seed, None, ProgressFile(None), Ranks())
    written = write_report(
        *(out, inputs, results, sections),
        command=_call(inputs, out, seed, only),
        seed=seed,
        start=start,
    )
    if written.failures:
        raise Incomplete(out / PAGE, written.failures)
    return out


def _able(diagnostics: Sequence[Diagnostic], inputs: Inputs) -> tuple[list[Diagnostic], list[str]]:
    """The diagnostics that some model can take part in, and why none can in others."""
    able, nobody = [], []
    for diagnostic in diagnostics:
        try:
            participants(diagnostic, inputs)
            able.append(diagnostic)
        except WorkbenchError as error:
            nobody.append(str(error))
    return able, nobody


def _weights(
    models: Mapping[str, Model], siblings: Mapping[str, Mapping[str, Model]]
) -> dict[str, str]:
    """The `weights_hash` of each as it was given; of a function nothing would be told by it."""
    return {
        name: weights_hash(model)
        for group in (models, *siblings.values())
        for name, model in group.items()
        if itself(model).state_dict()
    }


def _few(inputs: Inputs) -> list[str]:
    """A sentence where not all users were measured who could have been."""
    able = len(users_with_case(inputs.data))
    if len(inputs.users) == able:
        return []
    return [f"Only {len(inputs.users):,} of {able:,} users were measured."]


def _call(inputs: Inputs, out: Path, seed: int, only: Sequence[str]) -> str:
    """What was called, but for what no text can hold."""

    def dict_of(names: Iterable[str]) -> str:
        return "{" + ", ".join(f"{name!r}: ..." for name in names) + "}"

    words = [dict_of(inputs.models), "data", repr(str(out)), f"seed={seed}"]
    if _few(inputs):
        words.append(f"users=[{len(inputs.users)} of them]")
    if inputs.siblings:
        each = ", ".join(f"{name!r}: {dict_of(own)}" for name, own in inputs.siblings.items())
        words.append(f"siblings={{{each}}}")
    if only:
        words.append(f"only={only!r}")
    return f"analyses.at_hand.report({', '.join(words)})"
