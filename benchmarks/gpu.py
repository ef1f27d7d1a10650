"""What a GPU gives: training, ranking and a report on it, beside the same on the processor.

Run: python -m benchmarks.gpu [--recbole PYTHON] [--batches 100]
Epochs are of 2 layers, hidden size 64 and dropout 0.5, on the first CUDA device in single precision
and in bfloat16, and on all cores of the processor. RecBole's is of the same sizes, on the same
card.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.epochs import TimedEpoch, add_epoch, folder_for_peers, read
from benchmarks.peers.environments import HERE, run_peer
from benchmarks.timing import (
    add_threads,
    medians,
    prepare,
    print_table,
    seconds,
)
from workbench import SequenceData, build_model, evaluate
from workbench.errors import WorkbenchError
from workbench.training.settings import Objective

ROOT = HERE.parents[1]
WHERE: Mapping[str, Mapping[str, Any]] = {
    "CPU": {"device": "cpu"},
    "GPU": {"device": "cuda"},
    "GPU, bfloat16": {"device": "cuda", "precision": "bf16-mixed"},
}
EPOCHS: Sequence[tuple[str, Objective, int]] = (  # model, objective, targets in a step
    ("SASRec", "prefixes", 256),
    ("SASRec", "positions", 256),
    ("SASRec", "positions", 3500),
    ("AC-SASRec", "positions", 3500),
)
Run = Callable[[], float]


def epochs(data: SequenceData, n_batches: int | None, repeats: int) -> list[Sequence[str]]:
    """A row for each model, objective and size of a step."""
    rows: list[Sequence[str]] = []
    for name, objective, targets in EPOCHS:
        what = f"epoch of {name}, {objective}, {targets:,} targets a step"
        print(f"timing {what} ...", file=sys.stderr, flush=True)
        runs: dict[str, Run] = {
            where: TimedEpoch(
                name, data, objective, n_batches, batch_size=targets, **options
            ).seconds
            for where, options in WHERE.items()
        }
        rows.append(row(what, medians(runs, repeats)))
    return rows


def recbole(
    python: Path, folder: Path, n_batches: int | None, of_ours: Sequence[str]
) -> Sequence[str]:
    """RecBole's epoch on the card, in a row beside `of_ours`, its first column aside.

    Raises
    ------
    WorkbenchError
        If the script fails in that environment.
    """
    print("timing RecBole ...", file=sys.stderr, flush=True)
    limit = ["--batches", str(n_batches)] if n_batches else []
    found = run_peer("recbole", ["--cuda", "--data", str(folder), *limit], python)
    if not str(found["device"]).startswith("cuda"):
        raise WorkbenchError(f"{python} has a PyTorch that finds no CUDA device.")
    taken = float(str(found["seconds_per_epoch"]))
    what = f"{found['peer']} {found['version']}, prefixes, 256 targets a step"
    return what, "", f"{taken:.2f}", "", f"{taken / float(of_ours[2]):.1f} times ours"


def ranking(data: SequenceData, repeats: int) -> Sequence[str]:
    """A row for ranking the whole catalogue for every user, both policies."""
    print("timing rankings ...", file=sys.stderr, flush=True)
    models = {
        where: build_model("SASRec", data).to(WHERE[where]["device"]) for where in ("CPU", "GPU")
    }

    def ranked(where: str) -> float:
        return seconds(lambda: evaluate(models[where], data))

    ranked("GPU")  # the first pays for what a process does once
    runs = {where: partial(ranked, where) for where in models}
    return row("ranking all items for all users", medians(runs, repeats))


def report() -> Sequence[str]:
    """A row for the default report, whole commands; on the CPU by a process for each core."""
    print("timing the default report ...", file=sys.stderr, flush=True)

    def reported(where: str) -> float:
        with tempfile.TemporaryDirectory() as folder:  # and with it its cache
            command = [sys.executable, "-m", "analyses.run_all", "--out", f"{folder}/report"]
            command += ["--device", WHERE[where]["device"]]
            variables = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
            variables |= {"PYTHONPATH": str(ROOT)}
            return seconds(lambda: _run(command, cwd=folder, env=variables))

    return row("the default report", {where: reported(where) for where in ("CPU", "GPU")})


def _run(command: Sequence[str], **options: Any) -> None:
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise WorkbenchError(f"{shlex.join(command)} failed: {done.stderr.strip()[-300:]}")


def row(what: str, times: Mapping[str, float]) -> Sequence[str]:
    """Seconds by where they were spent, and how many times as fast the GPU is."""
    cells = [f"{times[where]:.2f}" if where in times else "" for where in WHERE]
    print(what, *(cell for cell in cells if cell), file=sys.stderr, flush=True)
    return what, *cells, f"{times['CPU'] / times['GPU']:.1f} times the CPU"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_epoch(parser)
    parser.add_argument(
        "--recbole",
        type=Path,
        metavar="PYTHON",
        help="an interpreter with RecBole and a PyTorch for CUDA; --data must be a folder",
    )
    parser.add_argument("--no-report", action="store_true", help="leave out the report")
    add_threads(parser)
    args = parser.parse_args()
    folder = folder_for_peers(args.data, "--recbole") if args.recbole else None
    if not torch.cuda.is_available():
        sys.exit("PyTorch finds no CUDA device on this machine, so there is nothing to compare.")
    data = read(args.data)
    prepare(args.threads)
    print(
        f"{torch.cuda.get_device_name()}; {data.name}: {data.n_users:,} users, {data.n_items:,} "
        f"items; median of {args.repeats}"
    )
    rows = epochs(data, args.batches, args.repeats)
    try:
        if folder is not None:
            rows.append(recbole(args.recbole, folder, args.batches, rows[0]))
        rows.append(ranking(data, args.repeats))
        if not args.no_report:
            rows.append(report())
    except WorkbenchError as error:  # what was timed is printed all the same
        print(error, file=sys.stderr)
    print_table(("seconds", *WHERE, "the GPU's speed"), rows)


if __name__ == "__main__":
    main()
