"""What an epoch goes through: samples, and the targets each of them holds."""

from collections.abc import Callable
from typing import NamedTuple, cast, get_args

import numpy as np
import torch
from torch import Tensor

from models import Batch, Recommender
from workbench.data.batches import make_batch, shifted_targets
from workbench.data.sequences import SequenceData
from workbench.data.splits import Cases, cases, windows
from workbench.errors import WorkbenchError, one_of
from workbench.training.settings import Objective


class Samples(NamedTuple):
    """What an epoch goes through.

    Attributes
    ----------
    cases : the samples, [n].
    targets : how many targets each sample holds, or about, [n].
    batch : makes a batch and its targets from some of the cases. The targets are [B], the item
        after each history, or [B, L], the item to predict at every position, 0 where there is none.
    """

    cases: Cases
    targets: np.ndarray
    batch: Callable[[Cases], tuple[Batch, Tensor]]


def check_objective(model: Recommender, objective: Objective | None) -> Objective:
    """The objective, or the model's first one if it is None.

    Raises
    ------
    WorkbenchError
        If the objective is not known, or is not among those of the model's class.
    """
    if objective is None:
        return cast(Objective, model.objectives[0])
    one_of("objective", objective, get_args(Objective))
    if objective not in model.objectives:
        reason = f"does not learn from {objective}"
        if objective == "positions" and not model.causal:
            reason = "looks both ways, so that at all positions it would be shown the answers"
        if objective == "masking" and model.mask_token is None:
            reason = "has no mask token"
        raise WorkbenchError(
            f"{model.config.name} {reason}; choose the objective {' or '.join(model.objectives)}."
        )
    return objective


def samples(
    objective: Objective,
    model: Recommender,
    data: SequenceData,
    rng: np.random.Generator,
    *,
    mask_ratio: float,
    mask_last: float,
) -> Samples:
    """The samples of one epoch.

    Parameters
    ----------
    objective : what the model learns from.
        "prefixes": every prefix, with the loss at its last position.
        "positions": windows, with the loss at every position.
        "masking": windows that end anywhere, drawn again and again until about as many items have
        been masked as the other objectives have targets (Sun et al., CIKM 2019).
    model : the model to train; it gives the length of a window and the mask token.
    data : the sequences.
    rng : what everything random in the samples is drawn from, anew for each epoch.
    mask_ratio : for "masking", the chance of each item to be masked.
    mask_last : for "masking", the share of the windows in which only the last item is masked, as
        when the model predicts; the other windows go by `mask_ratio`.
    """
    length = model.config.max_length
    if objective == "prefixes":
        prefixes = cases(data, "train", length)
        return Samples(
            prefixes,
            np.ones(len(prefixes), np.int64),
            lambda part: (make_batch(data, part), torch.from_numpy(part.targets)),
        )
    training = windows(data, length)
    if objective == "positions":

        def positions(part: Cases) -> tuple[Batch, Tensor]:
            batch = make_batch(data, part)
            return batch, shifted_targets(data, part, batch.items.shape[1])

        return Samples(training, training.ends - training.starts, positions)
    mask_token = model.mask_token
    assert mask_token is not None

    def masked(part: Cases) -> tuple[Batch, Tensor]:
        return mask_items(make_batch(data, part), mask_token, rng, mask_ratio, mask_last)

    def expected(part: Cases) -> np.ndarray:
        n = (part.ends - part.starts).astype(float)
        return mask_last + (1 - mask_last) * np.maximum(1, mask_ratio * n)

    parts, masked_items = [], 0.0
    while masked_items < (training.ends - training.starts).sum():
        parts.append(shifted_windows(data, length, rng))
        masked_items += expected(parts[-1]).sum()
    if parts:
        training = Cases(
            *(np.concatenate(arrays) for arrays in zip(*map(_fields, parts), strict=True))
        )
    return Samples(training, np.rint(expected(training)).astype(np.int64), masked)


def shifted_windows(data: SequenceData, length: int, rng: np.random.Generator) -> Cases:
    """Training windows of up to `length` + 1 items; a user's last window ends at a random item."""
    room = np.maximum(data.lengths - 3, 1)  # inputs in the training part
    shift = (rng.random(data.n_users) * np.minimum(room, length)).astype(np.int64)
    moved = windows(data, length, shift)
    return Cases(moved.users, moved.starts, moved.ends + 1, moved.targets)


def mask_items(
    batch: Batch, mask_token: int, rng: np.random.Generator, ratio: float, last: float
) -> tuple[Batch, Tensor]:
    """Replace items of a batch by the mask token.

    Parameters
    ----------
    batch : the histories.
    mask_token : the id that stands for a masked item.
    rng : what the masked items are drawn from.
    ratio : the chance of each item to be masked.
    last : the share of histories in which only the last item is masked. It is masked as well
        where chance masks no item.

    Returns
    -------
    tuple
        The batch with masked items, and the items that were masked, [B, L], 0 elsewhere.
    """
    valid = batch.valid.numpy()
    masked = (rng.random(valid.shape) < ratio) & valid
    alone = (rng.random(len(valid)) < last) | ~masked.any(1)
    masked[alone] = False
    masked[alone, batch.rows.numpy()[alone]] = True
    chosen = torch.from_numpy(masked)
    items = batch.items.masked_fill(chosen, mask_token)
    targets = batch.items.masked_fill(~chosen, 0)
    return Batch(items, batch.lengths, batch.times, batch.users), targets


def _fields(part: Cases) -> tuple[np.ndarray, ...]:
    return part.users, part.starts, part.ends, part.targets
