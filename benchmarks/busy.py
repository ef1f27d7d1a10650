"""A training epoch by itself and beside another busy process: `python -m benchmarks.busy`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.timing import add_threads, medians, positive, prepare

WAYS: dict[str, dict[str, str]] = {  # how threads wait -> what is set for it
    "spinning": {},
    "asleep": {"OMP_WAIT_POLICY": "passive"},
    "one thread": {"OMP_NUM_THREADS": "1"},  # a command's default, see `workbench.threads`
}
EPOCH = """
from benchmarks.epochs import TimedEpoch
from workbench import load_data
print(TimedEpoch("SASRec", load_data({data!r}), "positions", {batches}).seconds())
"""


def epoch(settings: dict[str, str], data: str, batches: int) -> float:
    """Seconds of some batches of an epoch of SASRec, in a process of its own."""
    command = [sys.executable, "-c", EPOCH.format(data=data, batches=batches)]
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


@contextmanager
def busy() -> Iterator[None]:
    """While it lasts, another process computes."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def beside(settings: dict[str, str], data: str, batches: int) -> float:
    """The same beside another process."""
    with busy():
        return epoch(settings, data, batches)


def main() -> None:
    """Print the table."""
    made = argparse.ArgumentParser(description=__doc__)
    add_threads(made)
    made.add_argument("--data", default="ml-100k", help="default: %(default)s")
    made.add_argument("--batches", type=positive, default=12, metavar="N", help="of the epoch")
    made.add_argument("--repeats", type=positive, default=3, metavar="N")
    options = made.parse_args()
    prepare(options.threads)
    runs = {
        (way, where): partial(measure, settings, options.data, options.batches)
        for way, settings in WAYS.items()
        for where, measure in (("alone", epoch), ("beside", beside))
    }
    named = {f"{way}, {where}": run for (way, where), run in runs.items()}
    found = medians(named, options.repeats)
    print("| threads wait | alone, s | beside a busy process, s | ratio |\n|---|---|---|---|")
    for way in WAYS:
        alone, other = found[f"{way}, alone"], found[f"{way}, beside"]
        print(f"| {way} | {alone:.1f} | {other:.1f} | {other / alone:.1f} |")


if __name__ == "__main__":
    main()
