"""From cases to padded batches, trimmed to the longest history in each."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from models import Batch
from workbench.data.sequences import SequenceData
from workbench.splits import Cases

POOL = 32  # batches from which one batch of like lengths is drawn in training


def make_batch(data: SequenceData, some: Cases) -> Batch:
    """The histories of some cases, padded to the longest."""
    lengths = some.ends - some.starts
    width = int(lengths.max())
    columns = np.arange(width)
    at = some.starts[:, None] + columns  # [B, L]
    valid = columns < lengths[:, None]
    at = np.where(valid, at, 0)
    times = None if data.times is None else torch.from_numpy(np.where(valid, data.times[at], 0))
    return Batch(
        items=torch.from_numpy(np.where(valid, data.items[at], 0).astype(np.int64)),
        lengths=torch.from_numpy(lengths.astype(np.int64)),
        times=times,
        users=torch.from_numpy(some.users.astype(np.int64)),
    )


def iterate(
    data: SequenceData,
    every: Cases,
    batch_size: int,
    *,
    order: Literal["length", "given"] = "given",
) -> Iterator[tuple[np.ndarray, Batch, Tensor]]:
    """Yield (index into the cases [B], batch, targets [B]), each case once.

    order: "length" puts histories of like length together, which costs least.
    """
    index = np.arange(len(every))
    if order == "length":
        index = np.argsort(every.ends - every.starts, kind="stable")
    for start in range(0, len(index), batch_size):
        chosen = index[start : start + batch_size]
        some = every.take(chosen)
        yield chosen, make_batch(data, some), torch.from_numpy(some.targets)


def shuffled(every: Cases, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Random batches of cases of like lengths, as arrays of indices.

    Within pools of `POOL` batches the cases are sorted by length and cut; batches are then shuffled
    within their pool, so that an epoch stays random at the scale an optimizer sees.
    """
    lengths = every.ends - every.starts
    batches: list[np.ndarray] = []
    order = rng.permutation(len(every))
    for start in range(0, len(order), POOL * batch_size):
        pool = order[start : start + POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        cut = [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
        batches += [cut[i] for i in rng.permutation(len(cut))]
    return batches


def shifted_targets(data: SequenceData, some: Cases, width: int) -> Tensor:
    """The item after every position of some windows, 0 at padding: [B, L]."""
    columns = np.arange(width)
    valid = columns < (some.ends - some.starts)[:, None]
    at = np.where(valid, some.starts[:, None] + columns + 1, 0)
    return torch.from_numpy(np.where(valid, data.items[at], 0).astype(np.int64))
