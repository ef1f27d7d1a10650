"""What diagnostics cost, in passes with attention recorded: removal conditions and gradients.

Run: python -m benchmarks.diagnostics [--data ml-100k] [--users 1024]
The unit is `record_attention`. A removal goes on from a kept pass to the score of one item; those
that are run together (all of max-attention removal at the prediction row; ten draws of a control)
are given as one of them costs. Last come whole conditions, as max-attention removal computes them
(scores of all items, ranks, divergence, rows of the table), in recorded passes that go on to scores
and ranks.
"""

import argparse
import sys
from typing import Any

import numpy as np
import torch

from analyses.running.held_out import held_out_batches
from benchmarks.costs import Costs
from benchmarks.timing import add_repeats, add_threads, positive, prepare, print_table
from workbench import (
    SequenceData,
    build_model,
    load_data,
    load_model,
)
from workbench.data.splits import cases
from workbench.errors import WorkbenchError
from workbench.memory import keep_pages

MODELS = ("SASRec", "AC-SASRec", "AC-SASRec-light")


def shipped_or_new(name: str, data: SequenceData) -> tuple[Any, str]:
    """The shipped model where it knows these items, else random weights; and which it is."""
    try:
        model = load_model(name)
        if model.config.n_items == data.n_items:
            return model, "shipped weights"
    except WorkbenchError:
        pass
    return build_model(name, data).eval(), "random weights"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="ml-100k", help="as `load_data` takes it (%(default)s)")
    parser.add_argument(
        "--users", type=positive, default=1024, help="test users, evenly drawn (%(default)s)"
    )
    add_repeats(parser, 7)
    add_threads(parser)
    args = parser.parse_args()
    try:
        data = load_data(args.data)
    except WorkbenchError as error:
        sys.exit(str(error))
    prepare(args.threads)
    keep_pages()  # as a report does
    torch.manual_seed(0)

    columns: dict[str, dict[str, tuple[float, float]]] = {}
    for name in MODELS:
        model, origin = shipped_or_new(name, data)
        users = cases(data, "test", model.config.max_length).users
        count = min(args.users, len(users))
        users = users[np.linspace(0, len(users) - 1, count).astype(int)]
        every = [(c.batch, c.targets) for c in held_out_batches(model, data, users)]
        print(f"{name}, {origin}, {data.name}: {count:,} users in {len(every)} batches")
        columns[name] = Costs(model, every).times(args.repeats)
    print(f"ms for these users, median of {args.repeats}, and its ratio to a recorded pass")
    head = [part for name in columns for part in (name, "ratio")]
    rows = [
        [name, *(t for found in columns.values() for t in _cells(*found[name]))]
        for name in columns[MODELS[0]]
    ]
    print_table(["", *head], rows)


def _cells(spent: float, ratio: float) -> tuple[str, str]:
    return f"{spent * 1e3:,.0f}", f"{ratio:.2f}"


if __name__ == "__main__":
    main()
