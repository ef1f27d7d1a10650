"""A training epoch: ours, its matrix products alone, and the same of RecBole and RecTools.

Run: python -m benchmarks.training_epoch [--peers] [--batches 60]
2 layers, 2 heads, hidden size 64, inner size 256, dropout 0.5, batch size 256. Reading data and
validation are not timed; making batches is. The products stand for the necessary ones of a SASRec
of this size, so that a calibrated model's ratio to them counts its additional products as well.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.epochs import TimedEpoch, add_epoch, folder_for_peers, read
from benchmarks.peers.environments import Peer, run_peer
from benchmarks.timing import (
    add_threads,
    environment,
    medians,
    prepare,
    print_table,
)
from workbench import SequenceData
from workbench.training.settings import Objective

MODELS = ("SASRec", "AC-SASRec", "AC-SASRec-light")
COMPARED: dict[Objective, Peer] = {"prefixes": "recbole", "positions": "rectools"}
KEEPING = {  # glibc's settings under which a process keeps the memory it frees
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "1000000000",
}


def ours(
    data: SequenceData, objective: Objective, n_batches: int | None, repeats: int
) -> tuple[float, list[Sequence[str]]]:
    """Seconds of SASRec's epoch, and a row for each model and for the bare products."""
    print(f"timing ours, {objective} ...", file=sys.stderr, flush=True)
    epochs = {name: TimedEpoch(name, data, objective, n_batches) for name in MODELS}
    first = epochs["SASRec"]
    runs = {name: epoch.seconds for name, epoch in epochs.items()} | {"bare": first.products}
    times = medians(runs, repeats)
    timed = len(first.chosen)
    print(
        f"{objective}: {len(first.samples.cases):,} samples, {round(timed * first.scale)} batches, "
        + ("all timed" if first.scale == 1 else f"{timed} timed, scaled by {first.scale:.2f}")
    )
    bare, sasrec = times.pop("bare"), times["SASRec"]
    rows: list[Sequence[str]] = [
        (name, objective, f"{t:.1f}", f"{t / bare:.2f}", f"{t / sasrec:.2f}")
        for name, t in times.items()
    ]
    rows.append(("products of SASRec", objective, f"{bare:.1f}", "1.00", f"{bare / sasrec:.2f}"))
    return sasrec, rows


def theirs(
    peer: Peer, objective: Objective, folder: Path, n_batches: int | None, sasrec: float
) -> list[Sequence[str]]:
    """A row for the peer as it comes, and one with freed memory kept; ratios to our SASRec."""
    print(f"timing {peer} ...", file=sys.stderr, flush=True)
    arguments = ["--data", str(folder)]
    arguments += ["--batches", str(n_batches)] if n_batches else []
    rows: list[Sequence[str]] = []
    for settings in ({}, KEEPING):
        with environment(settings):
            found = run_peer(peer, arguments)
        per_epoch = float(str(found["seconds_per_epoch"]))
        name = f"{found['peer']} {found['version']}" + (", freed memory kept" if settings else "")
        rows.append((name, objective, f"{per_epoch:.1f}", "", f"{per_epoch / sasrec:.2f}"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_epoch(parser)
    parser.add_argument(
        "--peers", action="store_true", help="RecBole and RecTools too; --data must be a folder"
    )
    add_threads(parser)
    args = parser.parse_args()
    data = read(args.data)
    folder = folder_for_peers(args.data, "--peers") if args.peers else None
    prepare(args.threads)
    print(f"{data.name}: {data.n_users:,} users, {data.n_items:,} items; median of {args.repeats}")
    rows: list[Sequence[str]] = []
    for objective, peer in COMPARED.items():
        sasrec, more = ours(data, objective, args.batches, args.repeats)
        rows += more
        if folder is not None:
            rows += theirs(peer, objective, folder, args.batches, sasrec)
    print_table(("model", "objective", "s per epoch", "to the products", "to our SASRec"), rows)


if __name__ == "__main__":
    main()
