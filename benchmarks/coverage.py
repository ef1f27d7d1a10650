"""How often 95 % intervals of a mean over users hold the true mean, by method.

Run: python -m benchmarks.coverage [--quick] [--cells FILE] [--backbone SASRec]
A study draws n users from a population whose mean is known: a share of them changes, by a
difference that some user of MovieLens 100k shows between two models, or by one from a distribution;
the others are 0. The share itself is drawn for each study, from 0.8 to 1.25 times the stated one,
so that no coverage hangs on how the few values that a hit can take fall on the ends of one n.
Counted are studies in which at least ten users changed; for fewer our intervals have no ends. The
rows with fewer than ten expected count all studies, and show why.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy.special import ndtri, stdtrit
from tqdm import tqdm

from benchmarks.bootstraps import Ends, bootstrap_ends, counts
from benchmarks.populations import Population, parametric, real
from benchmarks.timing import prepare, seconds
from workbench.errors import WorkbenchError
from workbench.statistics import mean_intervals
from workbench.statistics.moments import FEWEST_NONZERO

SIZES: tuple[int, ...] = (50, 100, 200, 500, 943, 2000, 6000, 22_000)
SHARES: tuple[float, ...] = (0.002, 0.01, 0.05, 0.2, 0.6, 1.0)
EXPECTED = (2, 10, 30, 100, 1000, np.inf)  # edges of the rows: users expected to change
STUDIES, RESAMPLES = 2000, 1000
BLOCK = 250  # studies at a time
LEVEL = 0.95
HELD = (0.935, 0.965)
OURS = "corrected t"


@dataclass(frozen=True)
class Studies:
    """Studies of `n` users: `changes` [m, s] of those who changed above zeros, how many they are
    [s], and the true means [s]."""

    n: int
    changes: np.ndarray
    changed: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Cell:
    """What one population, share and size came to: the studies counted, and method -> coverage."""

    population: Population
    share: float
    n: int
    studies: int
    coverage: dict[str, float]


def draw(
    generator: np.random.Generator, population: Population, share: float, n: int, studies: int
) -> Studies:
    """So many studies; see the head of this file."""
    chance = np.full(studies, share)
    if share < 1:
        chance *= generator.uniform(0.8, 1.25, studies)
    changed = generator.binomial(n, chance)
    among = np.arange(changed.max(initial=1))[:, None] < changed
    changes = np.where(among, generator.choice(population.changes, among.shape), 0)
    return Studies(n, changes, changed, chance * population.changes.mean())


def ends(studies: Studies, drawn: np.ndarray) -> dict[str, Ends]:
    """Method -> the ends of the intervals of all studies."""
    n, changes = studies.n, studies.changes
    mean, squares = changes.sum(0) / n, (changes**2).sum(0)
    error = np.sqrt(np.maximum(squares / n - mean**2, 0) / (n - 1))
    t = stdtrit(n - 1, (1 + LEVEL) / 2)
    # After Agresti & Min (2005): one more user changed, by as much as the others, half up half down
    more = squares * (1 + 1 / np.maximum(studies.changed, 1))
    wider = np.sqrt(np.maximum(more - n * mean**2, 0)) / n
    z = ndtri((1 + LEVEL) / 2)
    return {
        **bootstrap_ends(changes, n, drawn, LEVEL),
        "Student's t": (mean - t * error, mean + t * error),
        "one more changed": (mean - z * wider, mean + z * wider),
        OURS: ours(studies),
    }


def ours(studies: Studies) -> Ends:
    """The ends that the workbench gives."""
    table = np.zeros((studies.n, studies.changes.shape[1]))
    table[: len(studies.changes)] = studies.changes
    found = mean_intervals(table, LEVEL)
    return np.array([i.low for i in found]), np.array([i.high for i in found])


def measure(
    generator: np.random.Generator, population: Population, share: float, n: int, studies: int
) -> Cell:
    """The coverage of every method."""
    enough = n * share >= EXPECTED[1]
    held: dict[str, int] = {}
    counted = 0
    expected = min(n, 1.25 * n * share)
    drawn = counts(generator, RESAMPLES, n, min(n, int(expected + 10 * expected**0.5) + 10))
    for start in range(0, studies, BLOCK):
        some = draw(generator, population, share, n, min(BLOCK, studies - start))
        keep = some.changed >= (FEWEST_NONZERO if enough else 0)
        counted += int(keep.sum())
        for method, (low, high) in ends(some, drawn[:, : len(some.changes)]).items():
            inside = (low <= some.truth) & (some.truth <= high)
            held[method] = held.get(method, 0) + int(inside[keep].sum())
    coverage = {method: each / max(1, counted) for method, each in held.items()}
    if not enough:
        coverage[OURS] = np.nan
    return Cell(population, share, n, counted, coverage)


def cells(
    populations: Sequence[Population], sizes: Sequence[int], shares: Sequence[float], studies: int
) -> list[Cell]:
    """Every population, share and size in which somebody may be expected to change."""
    chosen = [
        (number, population, share, n)
        for number, population in enumerate(populations)
        for share in shares
        for n in sizes
        if n * share >= EXPECTED[0] and (share < 1 or population.everyone())
    ]
    found = []
    for number, population, share, n in tqdm(chosen, unit="cell"):
        generator = np.random.default_rng([number, n, round(1000 * share)])
        found.append(measure(generator, population, share, n, studies))
    return found


def summary(found: Sequence[Cell]) -> list[list[str]]:
    """A row per kind of population and number of users expected to change: the range of coverage,
    and last how many of the cells each method holds."""
    methods = list(found[0].coverage)
    rows = []
    for kind in dict.fromkeys(cell.population.kind for cell in found):
        for least, most in pairwise(EXPECTED):
            part = [
                cell
                for cell in found
                if cell.population.kind == kind and least <= cell.n * cell.share < most
            ]
            if part:
                edges = f"{least:,} to {most:,}" if most < np.inf else f"{least:,} and more"
                rows.append([kind, edges, str(len(part)), *(_range(part, m) for m in methods)])
    enough = [cell for cell in found if cell.n * cell.share >= EXPECTED[1]]
    within = [f"{np.mean([holds(cell.coverage[m]) for cell in enough]):.0%}" for m in methods]
    rows.append(["held 93.5 to 96.5 %", f"{EXPECTED[1]} and more", str(len(enough)), *within])
    return rows


def holds(coverage: float) -> bool:
    """Whether it is near enough to 95 %."""
    return HELD[0] <= coverage <= HELD[1]


def _range(part: Sequence[Cell], method: str) -> str:
    values = [100 * cell.coverage[method] for cell in part]
    if np.isnan(values).all():
        return "no ends"
    return f"{min(values):.1f} to {max(values):.1f}"


def save(found: Sequence[Cell], file: Path) -> None:
    """Write a row per cell, as CSV."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["population", "share", "users", "studies", *found[0].coverage])
        for cell in found:
            coverage = [f"{each:.4f}" for each in cell.coverage.values()]
            rows.writerow([cell.population.name, cell.share, cell.n, cell.studies, *coverage])


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def speed() -> Iterator[str]:
    """What our intervals take against the percentile bootstrap of 2,000 resamples."""
    for users, columns in ((943, 2000), (22_000, 100)):
        generator = np.random.default_rng(0)
        values = generator.exponential(size=(users, columns))

        def percentile(values: np.ndarray = values) -> None:
            drawn = counts(np.random.default_rng(0), 2000, len(values), len(values))
            sums = drawn @ values.astype(np.float32)
            np.quantile(sums, [0.025, 0.975], axis=0)

        ours_, theirs = (
            min(seconds(run) for _ in range(3))
            for run in (lambda values=values: mean_intervals(values), percentile)
        )
        yield (
            f"{columns:,} means over {users:,} users: {ours_:.3f} s, the percentile bootstrap "
            f"{theirs:.3f} s, ratio {theirs / ours_:.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a minute: fewer sizes and studies")
    parser.add_argument("--cells", type=Path, help="also write every cell to this CSV file")
    parser.add_argument(
        "--backbone",
        default="SASRec",
        choices=("SASRec", "SSE-PT", "TiSASRec"),
        help="whose models the differences are of (default: %(default)s)",
    )
    args = parser.parse_args()
    prepare(torch.get_num_threads())
    began = time.perf_counter()
    sizes, shares, studies = SIZES, SHARES, STUDIES
    if args.quick:
        sizes, shares, studies = (100, 943, 6000), (0.002, 0.05, 0.6), 500
    try:
        populations = [*real(args.backbone), *parametric()]
    except WorkbenchError as error:
        sys.exit(str(error))
    found = cells(populations, sizes, shares, studies)
    if args.cells:
        save(found, args.cells)
    print(markdown(["", "expected to change", "cells", *found[0].coverage], summary(found)))
    misses = [
        cell
        for cell in found
        if not np.isnan(cell.coverage[OURS]) and not holds(cell.coverage[OURS])
    ]
    print(f"\nWhere the {OURS} does not hold 93.5 to 96.5 %:\n")
    rows = [
        [
            cell.population.name,
            f"{100 * cell.share:g} %",
            f"{cell.n:,}",
            f"{100 * cell.coverage[OURS]:.1f}",
        ]
        for cell in sorted(misses, key=lambda cell: cell.coverage[OURS])
    ]
    print(markdown(["population", "changed", "users", "coverage"], rows))
    print()
    print(*speed(), sep="\n")
    print(f"{studies:,} studies a cell, {(time.perf_counter() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
