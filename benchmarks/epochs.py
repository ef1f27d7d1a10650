"""A training epoch, or a share of it, timed; and the matrix products it cannot do without."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from torch import Tensor

from benchmarks.products import Product, Workspace, sasrec_products
from benchmarks.timing import add_repeats, positive, seconds
from models import Batch
from workbench import SequenceData, build_model, load_data
from workbench.data.catalogue import place_of
from workbench.data.splits import Cases
from workbench.errors import WorkbenchError
from workbench.training.settings import Objective
from workbench.training.trainer import _Trainer

WARM_UP = 3  # batches


class TimedEpoch(_Trainer):
    """Training as it is, but for a share of each epoch's batches alone."""

    def __init__(
        self,
        name: str,
        data: SequenceData,
        objective: Objective,
        n_batches: int | None,
        **options: Any,
    ) -> None:
        how = {"device": "cpu", "objective": objective, "progress": False, **options}
        super().__init__(build_model(name, data), data, how, None, "")
        self.n_batches: int | None = WARM_UP
        self.seconds()
        self.n_batches = n_batches

    def seconds(self) -> float:
        """Seconds of the next epoch: those that training itself counts, its steps for all batches.

        What an epoch does once is not scaled.
        """
        self._epoch()
        return self.at.history[-1]["seconds"] + self.of_steps * (self.scale - 1)

    def _bar(self, batches: list[np.ndarray], number: int) -> Iterator[tuple[Cases, Batch, Tensor]]:
        lengths = self.samples.cases.ends - self.samples.cases.starts
        self.chosen = evenly(batches, lengths, self.n_batches)
        self.scale = len(batches) / len(self.chosen)
        start = perf_counter()
        yield from super()._bar(self.chosen, number)
        self.of_steps = perf_counter() - start

    def products(self) -> float:
        """Seconds of the matrix products that a SASRec of this size needs for the same batches."""
        every_row = self.how.objective == "positions"
        every = self.samples.cases
        lengths = [(every.ends - every.starts)[index] for index in self.chosen]
        needed: list[list[Product]] = [
            sasrec_products(
                self.model.config,
                len(some),
                int(some.max()),
                int(some.sum()) if every_row else len(some),
                every_row=every_row,
            )
            for some in lengths
        ]
        workspace = Workspace([product for products in needed for product in products])
        for products in needed[:WARM_UP]:
            workspace.run(products)

        def run() -> None:
            for products in needed:
                workspace.run(products)

        return seconds(run) * self.scale


def add_epoch(parser: argparse.ArgumentParser) -> None:
    """The options --data, --batches and --repeats, of which epoch is timed, and how."""
    parser.add_argument(
        "--data", default="amazon-beauty", help="as `load_data` takes it (%(default)s)"
    )
    parser.add_argument(
        "--batches", type=positive, help="time so many, evenly drawn, and scale to the epoch"
    )
    add_repeats(parser, 3)


def read(source: str) -> SequenceData:
    """The data; exits with a sentence where they cannot be read."""
    try:
        return load_data(source)
    except WorkbenchError as error:
        sys.exit(f"{error} Any data will do: --data FILE or FOLDER, or --data ml-100k.")


def folder_for_peers(source: str, option: str) -> Path:
    """The folder of the data, as peers need it; exits with a sentence where there is none."""
    folder = place_of(source)
    if folder is None or not folder.is_dir():
        sys.exit(f"{option}: {source} is not a folder with one RecBole .inter file.")
    return folder


def evenly(batches: list[np.ndarray], lengths: np.ndarray, count: int | None) -> list[np.ndarray]:
    """`count` of the batches, evenly drawn from those with the fewest positions to the most."""
    if count is None or count >= len(batches):
        return batches
    positions = [len(index) * lengths[index].max() for index in batches]
    drawn = ((np.arange(count) + 0.5) * len(batches) / count).astype(int)
    return [batches[i] for i in np.sort(np.argsort(positions, kind="stable")[drawn])]
