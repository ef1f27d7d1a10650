"""The pieces of all diagnostics shared over ranks, which put them into one store."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from time import perf_counter

import numpy as np

from analyses.diagnostic import Diagnostic
from analyses.running.inputs import Inputs
from analyses.running.measuring import Measured, Pieces
from analyses.running.store import Store
from workbench.errors import WorkbenchError
from workbench.processes import Ranks
from workbench.progress_bars import progress_bar


def measure_shared(
    ranks: Ranks,
    diagnostics: Sequence[Diagnostic],
    inputs: Inputs,
    seed: int,
    store: Store,
    watch: Callable[[str, int, int], object] = lambda name, done, total: None,
    *,
    what: str = "measuring",
) -> None:
    """Put all pieces into the store, this rank its share of them.

    What could not be measured is not there afterwards: whoever asks for it comes upon the reason.

    Parameters
    ----------
    ranks : who share the pieces; all are given the same.
    diagnostics, inputs, seed : as in `measured`.
    store : a folder that all ranks reach.
    watch : called with the name of a diagnostic, the users done in it, counted for each model and
        over all ranks, and how many these are in all.
    what : to be called in the progress bar; another for each of several calls.
    """
    tasks = list(_tasks(diagnostics, inputs, seed, store))
    totals: dict[str, int] = {}
    for pieces, _, members in tasks:
        name = pieces.diagnostic.name
        totals[name] = totals.get(name, 0) + len(members)
    total = sum(totals.values())
    with progress_bar(total, what, "measurement", quiet=not ranks.first) as bar:

        def look() -> None:
            bar.update(ranks.count(_users(what), 0) - bar.n)

        for pieces, name, members in ranks.share(f"{what}: pieces", tasks, look):
            start, made, asked_by = perf_counter(), pieces.made, pieces.diagnostic.name

            def step(n: int, asked_by: str = asked_by) -> None:
                ranks.count(_users(what), n)
                look()
                watch(asked_by, ranks.count(_users(asked_by), n), totals[asked_by])

            with suppress(Exception):
                pieces.of_users(name, members, step)
            ranks.count(_made(asked_by), pieces.made - made)
            ranks.count(_milliseconds(asked_by), round(1000 * (perf_counter() - start)))


def with_shared_cost(result: Measured, ranks: Ranks) -> Measured:
    """What was collected after `measure_shared`, with what all ranks spent on it."""
    name = result.diagnostic.name
    made = min(ranks.count(_made(name), 0), result.pieces_reused)
    return replace(
        result,
        seconds=result.seconds + ranks.count(_milliseconds(name), 0) / 1000,
        pieces_made=result.pieces_made + made,
        pieces_reused=result.pieces_reused - made,
    )


def _tasks(
    diagnostics: Sequence[Diagnostic], inputs: Inputs, seed: int, store: Store
) -> Iterator[tuple[Pieces, str, np.ndarray]]:
    """Every piece: what makes it, of which model, of which users."""
    for diagnostic in diagnostics:
        with suppress(WorkbenchError):  # told of where it is collected
            pieces = Pieces(diagnostic, inputs, seed, store, held=0)
            for name, members in pieces.members:
                yield pieces, name, members


def _users(name: str) -> str:
    return f"{name}: users"


def _made(name: str) -> str:
    return f"{name}: made"


def _milliseconds(name: str) -> str:
    return f"{name}: milliseconds"
