"""The whole report on models at hand, such as adapted ones, which no folder holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from analyses.diagnostic import choose, discover
from analyses.report.folder import check_writable
from analyses.report.output import write_report
from analyses.running.inputs import NONE, inputs_at_hand
from analyses.running.progress import ProgressFile
from analyses.running.reporting import concluded
from analyses.shortcomings import Incomplete
from workbench.data.sequences import SequenceData
from workbench.files import expanded
from workbench.memory import keep_pages
from workbench.model import Model
from workbench.processes import Ranks


def report(
    models: Mapping[str, Model],
    data: SequenceData,
    out: str | Path,
    *,
    users: np.ndarray | None = None,
    seed: int = 0,
    siblings: Mapping[str, Mapping[str, Model]] = NONE,
    only: Sequence[str] = (),
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
    only : names of diagnostics; all of them where there is none.

    Returns
    -------
    Path
        The folder; `report.html` in it opens offline.

    Raises
    ------
    Incomplete
        If a diagnostic could not be measured, concluded or drawn; the report is written before.
    WorkbenchError
        If two models have one name, one cannot be asked about these data, a user has no test case,
        there is no diagnostic of a name, or the folder cannot be written.
    """
    start, out = perf_counter(), expanded(out)
    keep_pages()
    diagnostics = choose(discover(), only)
    check_writable(out)
    inputs = inputs_at_hand(models, data, users, siblings)
    results, sections = concluded(diagnostics, inputs, seed, None, ProgressFile(None), Ranks())
    names = ", ".join(f"{name!r}: ..." for name in models)
    call = f"analyses.at_hand.report({{{names}}}, data, {str(out)!r}, seed={seed})"
    written = write_report(out, inputs, results, sections, command=call, seed=seed, start=start)
    if written.failures:
        raise Incomplete(out, written.failures)
    return out
