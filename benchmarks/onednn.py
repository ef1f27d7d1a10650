"""MKL and oneDNN: matrix products, training steps and scores, on a processor of AMD.

Run: python -m benchmarks.onednn
PyTorch multiplies by MKL unless it is told otherwise, as models here tell it for large products
(`models.kernels.large_products`). With and without that they take turns. Models are of 2 layers, 2
heads and hidden size 64, over 256 histories of 50 items of Beauty's 12,101.
"""

import argparse
from collections.abc import Callable

import torch

from benchmarks.light import Run, pair
from benchmarks.timing import (
    add_repeats,
    add_threads,
    medians,
    prepare,
    print_table,
    seconds,
)
from benchmarks.training_step import draw
from models.kernels import large_products
from workbench.memory import keep_pages

PRODUCTS = {  # what is multiplied, by its sizes: [m, k] by [k, n], or as many of them
    "logits of 128 positions": (1, 128, 64, 12_101),
    "gradients of the item table": (1, 12_101, 128, 64),
    "a linear map of 12,800 items": (1, 12_800, 64, 64),
    "attention of 256 histories": (512, 50, 32, 50),
}
SETTING = {"MKL": "ieee", "oneDNN": "none"}  # with the latter, models choose


def product(count: int, m: int, k: int, n: int) -> Callable[[], float]:
    """Seconds of such a product, into memory that is there."""
    a, b, out = torch.randn(count, m, k), torch.randn(count, k, n), torch.empty(count, m, n)

    def run() -> None:
        with large_products(a, n):
            torch.bmm(a, b, out=out)

    return lambda: seconds(run)


def by(library: str, run: Callable[[], float]) -> Callable[[], float]:
    """The same run, multiplied by this library."""

    def again() -> float:
        setting = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
        setting.fp32_precision = SETTING[library]
        return run()

    return again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_repeats(parser, 31)
    add_threads(parser)
    args = parser.parse_args()
    prepare(args.threads)
    keep_pages()
    torch.manual_seed(0)
    model = pair("SASRec")["SASRec"]
    step = Run(model, *draw(model.config, 256, full=True))
    runs = {what: product(*sizes) for what, sizes in PRODUCTS.items()}
    runs |= {"SASRec, scores of all items": step.inference, "SASRec, a step": step.training}
    rows = []
    for what, run in runs.items():
        timed = {library: by(library, run) for library in SETTING}
        medians(timed, 3)  # to warm up
        mkl, onednn = medians(timed, args.repeats).values()
        rows.append((what, f"{mkl * 1e3:,.2f}", f"{onednn * 1e3:,.2f}", f"{mkl / onednn:.2f}"))
    print(f"{torch.cpu.get_capabilities()['cpu_name']}; medians of {args.repeats}")
    print_table(("", "ms, MKL", "ms, oneDNN", "times as fast"), rows)


if __name__ == "__main__":
    main()
