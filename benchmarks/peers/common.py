"""What both peer scripts share: their options, their input file and the line they print.

Standard library only: each script runs inside its peer's own environment.
"""

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

WARMUP_BATCHES = 3
COLUMNS = ("user_id", "item_id", "timestamp")


class BatchClock:
    """Wall time of every training batch, from asking the loader for it to the end of its step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.samples = 0

    def start(self) -> None:
        """Start the first batch."""
        self.last = time.perf_counter()

    def lap(self, samples: int) -> None:
        """End a batch of that many samples, and start the next."""
        now = time.perf_counter()
        self.seconds.append(now - self.last)
        self.samples += samples
        self.last = now


@dataclass(frozen=True)
class Epoch:
    """One JSON line: what a training epoch of a peer's SASRec costs.

    `targets_per_epoch` counts the items an epoch takes a loss of: one where a sample is a prefix,
    one for each position where a sample is a whole history.
    """

    peer: str
    version: str
    torch: str
    threads: int
    device: str
    items: int
    batches_per_epoch: int
    samples_per_epoch: int
    targets_per_epoch: int
    settings: dict[str, object]

    def print_line(self, clock: BatchClock) -> None:
        """Print the epoch's facts and times; seconds grow with the samples left out of the timing.

        Where every batch was timed, `seconds_per_epoch` is `seconds`, nothing extrapolated. The
        median tells, beside the mean, whether something else was using the machine.
        """
        seconds = sum(clock.seconds)
        line = asdict(self) | {
            "allocator": {k: v for k, v in os.environ.items() if k.startswith("MALLOC_")},
            "warmup_batches": WARMUP_BATCHES,
            "batches_timed": len(clock.seconds),
            "samples_timed": clock.samples,
            "seconds": seconds,
            "seconds_per_batch": seconds / len(clock.seconds),
            "median_seconds_per_batch": statistics.median(clock.seconds),
            "seconds_per_epoch": seconds * self.samples_per_epoch / clock.samples,
            "extrapolated": len(clock.seconds) < self.batches_per_epoch,
        }
        print(json.dumps(line), flush=True)


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options both peers understand."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds one .inter")
    parser.add_argument("--batch-size", type=positive, default=256, help="samples per batch")
    parser.add_argument("--layers", type=positive, default=2)
    parser.add_argument("--heads", type=positive, default=2)
    parser.add_argument("--hidden", type=positive, default=64)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--max-length", type=positive, default=50, help="items kept of a history")
    parser.add_argument("--batches", type=positive, help="time this many instead of a whole epoch")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def interactions_file(folder: Path) -> Path:
    """Return the one RecBole atomic file in `folder`; exit with a sentence where there is none."""
    files = sorted(folder.glob("*.inter"))
    if len(files) != 1:
        sys.exit(f"{folder} must hold exactly one .inter file, and holds {len(files)}.")
    with files[0].open(encoding="utf-8") as lines:
        columns = [field.split(":")[0] for field in lines.readline().rstrip("\n").split("\t")]
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        sys.exit(f"{files[0]}, line 1: no column {missing[0]}; it needs {', '.join(COLUMNS)}.")
    return files[0].resolve()
