"""Kendall's tau-b of many histories: the batched one against SciPy called row by row.

Run: python -m benchmarks.kendall_tau_b [--rows 100000] [--length 50]
"""

import argparse
import time

import numpy as np
import torch
from scipy.stats import kendalltau

from benchmarks.timing import add_threads, prepare
from workbench.statistics import kendall_tau_b

REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows", type=int, default=100_000, help="histories (default: %(default)s)"
    )
    parser.add_argument("--length", type=int, default=50, help="items each (default: %(default)s)")
    parser.add_argument(
        "--scipy-rows",
        type=int,
        default=2_000,
        help="histories SciPy is timed on, then scaled to all (default: %(default)s)",
    )
    parser.add_argument("--ties", action="store_true", help="round to 20 levels, so that many tie")
    add_threads(parser)
    args = parser.parse_args()
    prepare(args.threads)

    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, args.rows, args.length, generator=generator)
    if args.ties:
        x, y = (x * 20).floor(), (y * 20).floor()
    valid = torch.ones_like(x, dtype=torch.bool)

    ours = np.inf
    for _ in range(REPEATS):
        start = time.perf_counter()
        tau = kendall_tau_b(x, y, valid)
        ours = min(ours, time.perf_counter() - start)

    sample = min(args.scipy_rows, args.rows)
    pairs = list(zip(x[:sample].numpy(), y[:sample].numpy(), strict=True))
    start = time.perf_counter()
    expected = [kendalltau(a, b).statistic for a, b in pairs]
    scipy = (time.perf_counter() - start) / sample * args.rows
    difference = np.nanmax(np.abs(tau[:sample].numpy() - np.array(expected)))

    print(f"tau-b of {args.rows:,} histories of {args.length}")
    print(f"ours   {ours:9.3f} s  (best of {REPEATS})")
    print(f"SciPy  {scipy:9.3f} s  (one by one: timed on {sample:,} rows, scaled to all)")
    print(f"ratio  {scipy / ours:9.0f}")
    print(f"largest difference over the {sample:,} rows: {difference:.1e}")


if __name__ == "__main__":
    main()
