"""What the benchmarks share: threads, medians of alternating runs, and tables."""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

BUSY = 0.5  # load average from which somebody else is taken to use the machine


def add_threads(parser: argparse.ArgumentParser) -> None:
    """The option --threads."""
    parser.add_argument(
        "--threads",
        type=positive,
        default=os.cpu_count(),
        help="default: every core of the machine, %(default)s",
    )


def add_repeats(parser: argparse.ArgumentParser, default: int) -> None:
    """The option --repeats: how often each of what takes turns is timed."""
    parser.add_argument("--repeats", type=positive, default=default, help="default: %(default)s")


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def prepare(threads: int) -> None:
    """Use so many threads, here and in processes started from here, and print the setting."""
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    load = os.getloadavg()[0]
    print(
        f"PyTorch {torch.__version__}, Python {platform.python_version()}, float32 on the CPU, "
        f"{threads} of {os.cpu_count()} cores"
    )
    if load > BUSY:
        print(
            f"NOT A QUIET MACHINE: a load of {load:.1f} before anything began; the times below "
            "are too long, and their ratios unsafe."
        )


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def medians(runs: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Median of the seconds each run returns; they take turns, so that what disturbs meets all."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            found[name].append(run())
    return {name: statistics.median(times) for name, times in found.items()}


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Words to the left, and every column after the first to the right."""
    table = [list(head), *map(list, rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    table.insert(1, ["-" * width for width in widths])
    for first, *rest in table:
        cells = [text.rjust(width) for text, width in zip(rest, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]))


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """While it lasts, processes started from here have these environment variables."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
