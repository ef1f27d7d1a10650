"""What a step of training costs by the size of the catalogue, and the memory of a run.

Run: python -m benchmarks.large_catalogue [--negatives 256]
SASRec on 256 histories of 50 random items, the loss at the last position; each catalogue and loss
takes its turn, in seconds of the processor. Then one whole run over the largest catalogue (an
epoch, both evaluations, the files) in a process of its own, for its peak memory.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.timing import add_threads, positive, prepare, print_table
from benchmarks.training_step import LEARNING_RATE, draw
from models import ModelConfig, make_model
from workbench import SequenceData, build_model, train
from workbench.memory import keep_pages
from workbench.training.optimizers import decayed, optimizers
from workbench.training.sampling import Sampler
from workbench.training.settings import Loss

SIZES = (10_000, 100_000, 1_000_000)
EXACT = SIZES[:2]  # beyond, a step takes seconds and gigabytes
WARM = 3  # steps that touch memory for the first time


def random_data(n_items: int, n_users: int, length: int) -> SequenceData:
    """Users with so many random items each."""
    rng = np.random.default_rng(0)
    return SequenceData(
        name=f"{n_items:,} random items",
        items=rng.integers(1, n_items + 1, n_users * length).astype(np.int32),
        times=None,
        offsets=np.arange(0, n_users * length + 1, length, dtype=np.int64),
        item_ids=np.array(["[pad]", *(f"i{k}" for k in range(1, n_items + 1))], dtype=object),
        user_ids=np.array([f"u{k}" for k in range(n_users)], dtype=object),
    )


def step_of(n_items: int, loss: Loss, negatives: int, batch_size: int) -> Callable[[], float]:
    """A step over new histories at each call, in seconds of the processor."""
    torch.manual_seed(0)
    config = ModelConfig("SASRec", n_items)
    model = make_model(config).train()
    parameters, rng = list(model.parameters()), np.random.default_rng(0)
    every = optimizers(model, LEARNING_RATE, 0.0, by_row=loss != "exact")
    like = model.item_embedding.weight
    data = random_data(n_items, 2_000, 50)
    sampler = None if loss == "exact" else Sampler(loss, data, negatives, 0.75, like)

    def step() -> float:
        inputs = draw(config, batch_size, full=True)
        start = time.process_time()
        found = model.losses(*inputs, None if sampler is None else sampler.draw(rng))
        grads = torch.autograd.grad(found.recommendation, parameters)
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter.grad = decayed(grad, parameter, 0.0) if grad.is_sparse else grad
        for optimizer in every:
            optimizer.step()
        return time.process_time() - start

    return step


def whole_run(negatives: int) -> None:
    """Train on the largest catalogue for an epoch, and print the peak in gigabytes."""
    data = random_data(SIZES[-1], 500, 60)
    with tempfile.TemporaryDirectory() as folder:
        how: dict[str, Any] = {
            "negatives": negatives,
            "epochs": 1,
            "batch_size": 3_000,
            "progress": False,
        }
        train(build_model("SASRec", data), data, folder, device="cpu", **how)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--negatives", type=positive, default=256, help="default: %(default)s")
    parser.add_argument("--batch-size", type=positive, default=256, help="default: %(default)s")
    parser.add_argument("--steps", type=positive, default=15, help="default: %(default)s")
    parser.add_argument("--whole-run", action="store_true", help=argparse.SUPPRESS)
    add_threads(parser)
    args = parser.parse_args()
    if args.whole_run:
        whole_run(args.negatives)
        return
    prepare(args.threads)
    keep_pages()
    losses: list[tuple[int, Loss]] = [(n, "exact") for n in EXACT]
    losses += [(n, loss) for loss in ("sampled", "gbce") for n in SIZES]
    steps = {each: step_of(*each, args.negatives, args.batch_size) for each in losses}
    times: dict[tuple[int, Loss], list[float]] = {each: [] for each in steps}
    for turn in range(WARM + args.steps):
        for each, step in steps.items():
            seconds = step()
            if turn >= WARM:
                times[each].append(seconds)
    medians = {each: statistics.median(found) for each, found in times.items()}
    print(
        f"median of {args.steps} steps of {args.batch_size} histories, {args.negatives} negatives"
    )
    print_table(
        ("loss", "items", "ms of the processor", "to 10,000 items"),
        [
            (loss, f"{n:,}", f"{t * 1e3:,.0f}", f"{t / medians[SIZES[0], loss]:.2f}")
            for (n, loss), t in medians.items()
        ],
    )
    command = [sys.executable, "-m", "benchmarks.large_catalogue", "--whole-run"]
    command += ["--negatives", str(args.negatives)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"peak memory of a whole run over {SIZES[-1]:,} items: {float(done.stdout):.1f} GB")


if __name__ == "__main__":
    main()
