"""From cases to padded batches, trimmed to the longest history in each."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from models import Batch
from workbench.data.sequences import SequenceData
from workbench.data.splits import Cases, held_out_cases
from workbench.errors import WorkbenchError

MOST_SCORES = 2**25  # that are held at once: an eighth of a gigabyte, whatever the catalogue
POOL = 32  # batches from which one batch of like lengths is drawn in training


def make_batch(data: SequenceData, part: Cases) -> Batch:
    """The histories of the cases of `part`, padded to the longest: items and times [B, L]."""
    lengths = part.ends - part.starts
    width = int(lengths.max())
    columns = np.arange(width)
    at = part.starts[:, None] + columns  # [B, L]
    valid = columns < lengths[:, None]
    at = np.where(valid, at, 0)
    times = None if data.times is None else torch.from_numpy(np.where(valid, data.times[at], 0))
    return Batch(
        items=torch.from_numpy(np.where(valid, data.items[at], 0).astype(np.int64)),
        lengths=torch.from_numpy(lengths.astype(np.int64)),
        times=times,
        users=torch.from_numpy(data.numbers_of(part.users)),
    )


def held_out_batch(
    data: SequenceData, users: Sequence[int], max_length: int
) -> tuple[Batch, Tensor]:
    """The test histories of some users, in that order, and their held-out items.

    Items are numbered as in the data; `workbench.held_out` numbers them as a model does.

    Parameters
    ----------
    data : where the users are.
    users : indices of users; `workbench.data.find_user` has that of a raw id.
    max_length : as in the config of the model that will read the histories.

    Returns
    -------
    tuple
        A batch of what comes before the last item of each user, the last `max_length` items of it;
        and that last item, int64 [B].

    Raises
    ------
    WorkbenchError
        If a user does not exist or has no item before the held-out one.
    """
    chosen = held_out_cases(data, max_length, users)
    return make_batch(data, chosen), torch.from_numpy(chosen.targets)


def at_once(n_items: int, most: int) -> int:
    """How many histories to run at a time, so that scores of all items are `MOST_SCORES` or fewer.

    Every measure of a ranking needs all scores of a history, and none needs those of two histories:
    so a large catalogue is met by fewer histories, which any model can do, and not in pieces.

    Parameters
    ----------
    n_items : of the catalogue.
    most : histories in a small one.
    """
    return max(1, min(most, MOST_SCORES // (n_items + 1)))


def iterate(
    data: SequenceData,
    cases: Cases,
    batch_size: int,
    *,
    share: tuple[int, int] = (0, 1),
) -> Iterator[tuple[np.ndarray, Batch, Tensor]]:
    """Yield (index into the cases [B], batch, targets [B]), each case once, short histories first.

    So histories of similar length are together, which costs least.

    Parameters
    ----------
    data : where the cases are from.
    cases : what to iterate over.
    batch_size : cases in a batch, at most, as `at_once` bounds it; the last may be smaller.
    share : (which, of how many): every so many-th of the batches alone, from this one on.
    """
    index = np.argsort(cases.ends - cases.starts, kind="stable")
    size = at_once(data.n_items, batch_size)
    for start in range(share[0] * size, len(index), share[1] * size):
        chosen = index[start : start + size]
        part = cases.take(chosen)
        yield chosen, make_batch(data, part), torch.from_numpy(part.targets)


def shuffled(
    cases: Cases, batch_size: int, rng: np.random.Generator, targets: np.ndarray | None = None
) -> list[np.ndarray]:
    """Random batches of cases of similar lengths, as arrays of indices, for one epoch.

    Within pools of `POOL` batches the cases are sorted by length and cut; batches are then shuffled
    within their pool. A batch holds about `batch_size` targets, whatever its length: with a fixed
    number of windows the mean loss of a batch of short ones would count each of their targets many
    times over (on Beauty that costs a tenth of NDCG@10).

    Parameters
    ----------
    cases : what to draw from.
    batch_size : targets in a batch, about.
    rng : source of the order.
    targets : how many targets each case holds, [n_cases]; one each where it is None.
    """
    lengths = cases.ends - cases.starts
    targets = np.ones(len(cases), dtype=np.int64) if targets is None else targets
    order = rng.permutation(len(cases))
    pools = (np.cumsum(targets[order]) - 1) // (POOL * batch_size)
    batches: list[np.ndarray] = []
    for pool in np.split(order, np.flatnonzero(np.diff(pools)) + 1):
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        upto = np.cumsum(targets[pool])
        count = -(-upto[-1] // batch_size)
        which = (upto - 1) * count // upto[-1]  # a batch's number rises with its targets
        cut = np.split(pool, np.flatnonzero(np.diff(which)) + 1)
        batches += [cut[i] for i in rng.permutation(len(cut))]
    return batches


def shifted_targets(data: SequenceData, part: Cases, width: int) -> Tensor:
    """The item after every position of the windows of `part`, 0 at padding: [B, L].

    Parameters
    ----------
    data : where the windows are from.
    part : windows; each predicts at every position.
    width : L.
    """
    columns = np.arange(width)
    valid = columns < (part.ends - part.starts)[:, None]
    at = np.where(valid, part.starts[:, None] + columns + 1, 0)
    return torch.from_numpy(np.where(valid, data.items[at], 0).astype(np.int64))


def cause_mask(data: SequenceData, part: Cases, width: int) -> Tensor:
    """Which items of the histories of `part` caused the item that follows, bool [B, L].

    A row holds no True where chance made that item, or where its cause lies before the history; it
    goes into `workbench.statistics.cause_scores` as it is.

    Parameters
    ----------
    data : where the histories are from; its `truth` is known.
    part : the cases.
    width : L.

    Raises
    ------
    WorkbenchError
        If nobody knows what caused the items of these data.
    """
    if data.truth is None:
        raise WorkbenchError(
            f"what caused the items of {data.name} is not known; it is known of planted data alone "
            "(planted:content, planted:distance, ...)."
        )
    columns = part.starts[:, None] + np.arange(width)  # [B, L]
    places = data.truth.places(data.offsets[part.users], part.ends)  # [B, 2]
    mask = (columns[:, :, None] == places[:, None]).any(-1)
    return torch.from_numpy(mask)
