"""Measuring a diagnostic piece by piece, reusing every piece that is stored."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from analyses.diagnostic import Diagnostic
from analyses.running.passes import compact
from analyses.running.store import Store, code_hash, piece_key, sources, weights_hash
from workbench.data.sequences import SequenceData
from workbench.progress_bars import progress_bar

CHUNK = 1024  # users in a piece


@dataclass(frozen=True)
class Measured:
    """A diagnostic's tidy table and what it cost."""

    diagnostic: Diagnostic
    frame: pd.DataFrame
    code: str
    seconds: float
    pieces_made: int
    pieces_reused: int


def measured(
    diagnostic: Diagnostic,
    models: Mapping[str, Any],
    data: SequenceData,
    users: np.ndarray,
    seed: int,
    store: Store,
    watch: Callable[[int, int], object] = lambda done, total: None,
) -> Measured:
    """Measure every piece that is not stored, storing each as soon as it is there.

    watch: is called with the users done, counted for each model, and how many these are in all.
    """
    start = perf_counter()
    hashes = {name: weights_hash(model) for name, model in models.items()}
    code = code_hash(sources(diagnostic))
    frames, made = [], 0
    done, total = 0, len(models) * len(users)
    with progress_bar(total, diagnostic.name, "user") as bar:

        def step(n: int) -> None:
            nonlocal done
            done += n
            bar.update(n)
            watch(done, total)

        step(0)
        for names, some in _pieces(diagnostic, list(models), users):
            key = piece_key(diagnostic, {n: hashes[n] for n in names}, data, some, seed, code)
            frame = store.get(key)
            if frame is None:
                chosen = {name: models[name] for name in names}
                frame = diagnostic.measure(chosen, data, users=some, seed=seed, progress=step)
                store.put(key, frame)
                made += 1
            else:
                step(len(names) * len(some))
            frames.append(frame)
    frame = compact(frames) if len(frames) > 1 else frames[0]
    return Measured(diagnostic, frame, code, perf_counter() - start, made, len(frames) - made)


@dataclass(frozen=True)
class Unmeasured:
    """A diagnostic that could not be measured, and why."""

    diagnostic: Diagnostic
    error: Exception


def _pieces(
    diagnostic: Diagnostic, names: list[str], users: np.ndarray
) -> Iterator[tuple[list[str], np.ndarray]]:
    """A model and up to `CHUNK` users at a time, where the diagnostic can be parted at all."""
    if not diagnostic.separable:
        yield names, users
        return
    for name in names:
        for start in range(0, len(users), CHUNK):
            yield [name], users[start : start + CHUNK]
