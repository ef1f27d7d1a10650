"""How commands run and end: on one thread, what they say, and by which code."""

import atexit
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from workbench.announcing import announce, say
from workbench.errors import WorkbenchError, printed_warnings, sentence
from workbench.threads import one_by_default

STOPPED = "stopped; the same command goes on from here."


@contextmanager
def ended_in_words() -> Iterator[None]:
    """Warnings are lines, bad input ends in one sentence and code 2, and who stops it in code 130.

    A kill ends as Ctrl-C does, so that what lies half written is cleared away. Where nobody reads
    on, as behind `| head`, the end is silent, with code 1; of what was closed from the start, as by
    `>&-`, nobody expects anything. After the end neither raises anything: in what the interpreter
    then takes down, an exception would be printed, or abort it.
    """
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:
            setattr(sys, stream, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    signal.signal(signal.SIGTERM, _stop)
    one_by_default()
    try:
        with _silent_without_reader(), _in_words():
            yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)  # the last runs first


@contextmanager
def told_if_stopped(stored: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Who stops the block is told, once, that the same command goes on.

    Parameters
    ----------
    stored : whether there is something that it goes on from.
    """
    try:
        yield
    except KeyboardInterrupt:
        if stored():
            announce(STOPPED)
        raise


def _stop(number: int, frame: FrameType | None) -> None:
    """A kill as Ctrl-C, once: a second would cut off what clears away after the first."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        with printed_warnings(lambda line: say(line, err=True)):
            yield
    except BrokenPipeError:
        raise
    except (WorkbenchError, OSError) as error:
        say(f"error: {sentence(error)}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


@contextmanager
def _silent_without_reader() -> Iterator[None]:
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # else only after this
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):  # of which Python would tell that they are broken
            os.dup2(nowhere, stream)
        sys.exit(1)
