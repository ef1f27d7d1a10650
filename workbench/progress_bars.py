"""How far a long stage is: a bar that moves on a terminal, plain lines anywhere else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from tqdm import tqdm

from workbench.writing import plain


@contextmanager
def progress_bar(
    total: int,
    label: str,
    unit: str,
    *,
    done: int = 0,
    passing: bool = False,
    quiet: bool = False,
) -> Iterator[tqdm]:
    """A bar on stderr; its `update(n)` says that `n` more units are done.

    If stderr is a file or a pipe and no terminal, nothing moves: a line says that the stage begins
    and another that it has ended.

    Parameters
    ----------
    total : units in the whole stage.
    label : what to call the stage.
    unit : what to call one unit; the plural adds an s.
    done : units that were done before.
    passing : whether the bar is removed from a terminal at its end, and no line is written
        anywhere else, because the caller writes one.
    quiet : whether neither bar nor line is shown.
    """
    label = plain(label)
    moves = sys.stderr.isatty()
    speaks = not (moves or passing or quiet)
    start = perf_counter()
    with tqdm(
        total=total,
        initial=done,
        desc=label,
        unit=unit,
        leave=not passing,
        disable=quiet or not moves,
        dynamic_ncols=True,
    ) as bar:
        if speaks:
            print(f"{label} ...", file=sys.stderr, flush=True)
        yield bar
    if speaks:
        seconds = perf_counter() - start
        print(f"{label}: {total:,} {unit}s, {seconds:.1f} s", file=sys.stderr, flush=True)


def write_line(text: str) -> None:
    """Write a line to stdout, above a bar that moves."""
    tqdm.write(plain(text))
