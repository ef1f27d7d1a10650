"""Leave-one-out: which item is to be predicted from which part of a user's sequence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError

Split = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Cases:
    """Histories and what follows them, as positions in the flat arrays of a data set.

    users: [n] user indices. starts, ends: [n], history i is items[starts[i]:ends[i]].
    targets: [n] item ids, the item right after each history.
    """

    users: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    def take(self, index: np.ndarray) -> "Cases":
        """The cases at `index`, in that order."""
        return Cases(self.users[index], self.starts[index], self.ends[index], self.targets[index])


def cases(data: SequenceData, split: Split, max_length: int) -> Cases:
    """The cases of a split, histories cut to their last `max_length` items.

    test: the last item of a user. valid: the one before. train: every prefix of what is left. A
    user with fewer than three items is a test case (if two) but teaches and validates nothing.
    Raises WorkbenchError for an unknown split.
    """
    first, last = data.offsets[:-1], data.offsets[1:]
    users = np.arange(data.n_users)
    if split == "test":
        at = last - 1
    elif split == "valid":
        at = last - 2
    elif split == "train":
        counts = np.maximum(last - first - 3, 0)  # targets: items 1 .. n - 3 of n
        users = np.repeat(users, counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        at = first[users] + 1 + within
    else:
        raise WorkbenchError(f"no split {split!r}; choose train, valid or test.")
    keep = at > first[users]
    users, at = users[keep], at[keep]
    starts = np.maximum(first[users], at - max_length)
    return Cases(users, starts, at, data.items[at].astype(np.int64))


def held_out_cases(
    data: SequenceData, max_length: int, users: Sequence[int] | np.ndarray | None = None
) -> Cases:
    """The test cases of users (indices), in the order given; of all who have one if None.

    Raises
    ------
    WorkbenchError
        If a user has no item before the held-out one, or there is no such user.
    """
    all_cases = cases(data, "test", max_length)
    if users is None:
        return all_cases
    places = np.searchsorted(all_cases.users, users)
    for user, place in zip(users, places, strict=True):
        if place == len(all_cases) or all_cases.users[place] != user:
            name = data.user_ids[user] if 0 <= user < data.n_users else f"with the index {user}"
            raise WorkbenchError(
                f"user {name} of {data.name} has no item before the held-out one, so nothing to "
                "predict from; choose another user."
            )
    return all_cases.take(places)


def windows(data: SequenceData, max_length: int, shift: np.ndarray | None = None) -> Cases:
    """Training windows for the loss at all positions: every training item is a target once.

    Windows of `max_length` follow each other backwards from the end of a user's training part;
    `ends` is the position of the window's last target, so inputs are items[starts:ends] and
    targets items[starts + 1:ends + 1]. `targets` holds the last of them. `shift` [n_users] leaves
    out so many items at that end.
    """
    first, last = data.offsets[:-1], data.offsets[1:] - 2  # [first, last): the training part
    last = last if shift is None else last - shift
    n_inputs = np.maximum(last - first - 1, 0)
    counts = -(-n_inputs // max_length)
    users = np.repeat(np.arange(data.n_users), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    ends = last[users] - 1 - within * max_length
    starts = np.maximum(first[users], ends - max_length)
    return Cases(users, starts, ends, data.items[ends].astype(np.int64))
