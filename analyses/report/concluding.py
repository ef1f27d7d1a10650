"""Concluding from what was measured: shared by ranks, or in a second process while one measures."""

import pickle
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess, parent_process
from types import TracebackType

from analyses.diagnostic import Diagnostic, no_pictures
from analyses.report.sections import Section
from analyses.running.measuring import Measured, Unmeasured
from workbench.processes import Ranks, end_after

Watch = Callable[[Diagnostic, int], object]


def shared_sections(
    ranks: Ranks, results: Sequence[Measured | Unmeasured], watch: Watch
) -> list[Section]:
    """All sections in the order of the results, for the first rank; other ranks have their own.

    What another rank cannot hand over, the first one makes.

    Parameters
    ----------
    ranks : who share them; all are given the same results.
    results : what was measured.
    watch : called before each, with its diagnostic and the number of those that are done.
    """
    made: dict[int, Section] = {}
    tasks = sorted(  # pictures take longest, and are begun first
        enumerate(results), key=lambda each: each[1].diagnostic.pictures is no_pictures
    )
    for k, result in ranks.share("sections", tasks):
        watch(result.diagnostic, ranks.count("sections", 0))
        made[k] = _section(result)
        ranks.count("sections")
        if not ranks.first:
            with suppress(Exception):
                ranks.hand(_handed(k), pickle.dumps(made[k]))
    for k, result in enumerate(results if ranks.first else ()):
        if k not in made:
            given = ranks.handed(_handed(k))
            made[k] = _section(result) if given is None else pickle.loads(given)
    return [made[k] for k in sorted(made)]


def _handed(k: int) -> str:
    return f"section {k}"


class Concluding:
    """The sections of a report, each begun as soon as its diagnostic is measured.

    What is handed to the second process is worked on there, one section after another. In the end
    this process works on what still waits, the last first, so that both are done at once. What the
    other cannot do, since a function without a name cannot be handed over or somebody killed it, is
    done here.
    """

    def __init__(self) -> None:
        self._given: list[tuple[Measured | Unmeasured, Future[Section] | None]] = []
        self._thread = ThreadPoolExecutor(1)  # which waits for the other process
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def __enter__(self) -> "Concluding":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def add(self, result: Measured | Unmeasured, *, aside: bool) -> None:
        """Take what was measured; `aside`, the second process may begin with it at once.

        It takes seconds to start, so that it is worth it only where more is to be measured.
        """
        future = None
        if aside and isinstance(result, Measured):
            future = self._thread.submit(self._aside, result)
        self._given.append((result, future))

    def sections(self, watch: Watch) -> list[Section]:
        """All sections, in the order in which their results were given.

        Parameters
        ----------
        watch : called before each, with its diagnostic and the number of those that are done.
        """
        made: dict[int, Section] = {}
        for k, (result, future) in reversed(list(enumerate(self._given))):
            if future is None or future.cancel():
                watch(result.diagnostic, len(made))
                made[k] = _section(result)
        for k, (result, future) in enumerate(self._given):
            if k not in made:
                assert future is not None
                watch(result.diagnostic, len(made))
                made[k] = future.result() if future.exception() is None else _section(result)
        return [made[k] for k in range(len(made))]

    def _aside(self, result: Measured) -> Section:
        """A section made by the second process, which is started for the first of them."""
        if self._pipe is None:
            context = get_context("spawn")  # a fork would copy locks that other threads hold
            self._pipe, there = context.Pipe()
            self._process = context.Process(target=_work, args=(there,), daemon=True)
            self._process.start()
            there.close()  # so that its end is seen here
        self._pipe.send(result)
        section = self._pipe.recv()
        assert isinstance(section, Section)
        return section


def _section(result: Measured | Unmeasured) -> Section:
    if isinstance(result, Measured):
        return Section.of(result.diagnostic, result.results)
    return Section.unmeasured(result.diagnostic, result.error)


def _work(pipe: Connection) -> None:
    """What the second process does, until the first one is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # of Ctrl-C the first one tells
    first = parent_process()
    assert first is not None
    end_after(first.join)
    while True:
        try:
            result = pipe.recv()
        except EOFError:
            return
        pipe.send(_section(result))
