"""Which item is to be predicted from which part of a sequence: leave-one-out, or at a time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from workbench.data.sequences import SequenceData
from workbench.data.times import TimeFault, read_times
from workbench.errors import WorkbenchError, loaded

Split = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Cases:
    """Histories and what follows them, as positions in the flat arrays of a data set.

    Attributes
    ----------
    users : int64 [n], indices of users.
    starts, ends : int64 [n], history i is items[starts[i]:ends[i]], oldest first.
    targets : int64 [n], the item (number) right after each history.
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


def without_history(data: SequenceData, user: int, lack: str) -> WorkbenchError:
    """The error to raise if there is nothing to predict a user's next item from.

    Parameters
    ----------
    data, user : the data, and an index in them.
    lack : what the user has instead, as "no item before the held-out one".
    """
    return WorkbenchError(
        f"user {data.user_ids[user]} of {data.name} has {lack}, so nothing to predict from; choose "
        "another user."
    )


def cases(data: SequenceData, split: Split, max_length: int) -> Cases:
    """The cases of a split, histories cut to their last `max_length` items.

    A user with fewer than three items is a test case (if two) but teaches and validates nothing.

    Parameters
    ----------
    data : the sequences.
    split : "test", the last item of a user; "valid", the one before; "train", every prefix of what
        is left.
    max_length : items of a history, at most.

    Raises
    ------
    WorkbenchError
        If the split is not known.
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


def cases_at(data: SequenceData, time: int, max_length: int) -> Cases:
    """The cases of a global time split, histories cut to their last `max_length` items.

    The target of a user is the first interaction at or after the time, the history everything
    before that; a user who lacks either is no case.

    Parameters
    ----------
    data : the sequences.
    time : seconds since 1970.
    max_length : items of a history, at most.

    Raises
    ------
    WorkbenchError
        If the data have no times.
    """
    if data.times is None:
        raise WorkbenchError(
            f"{data.name} has no times to split at; give data with a time column, or leave the "
            "time of the split out, which holds out the last item of every user."
        )
    first, last = data.offsets[:-1], data.offsets[1:]
    earlier = np.append(0, np.cumsum(data.times < time))  # [n + 1], how many up to each position
    at = first + earlier[last] - earlier[first]
    users = np.flatnonzero((at > first) & (at < last))
    at = at[users]
    starts = np.maximum(first[users], at - max_length)
    return Cases(users, starts, at, data.items[at].astype(np.int64))


def split_seconds(time: object) -> int:
    """The time of a split in seconds since 1970: of a date or date-time (UTC), or of seconds.

    Fractions are rounded up, as interactions are at whole seconds.

    Raises
    ------
    WorkbenchError
        If it is no time.
    """
    try:
        seconds = float(read_times(pa.array([str(time)]), unit="s").seconds[0])
    except TimeFault:
        seconds = math.nan
    if math.isnan(seconds):
        raise WorkbenchError(
            f"the time of the split is {str(time)!r}, which is no time; give a date such as "
            "2020-01-01, a date-time such as 2020-01-01T12:30:00 (UTC), or seconds since 1970."
        )
    return math.ceil(seconds)


def written_time(seconds: int) -> str:
    """Seconds since 1970 as a date-time in UTC, such as 2020-01-01T00:00:00Z."""
    return f"{np.datetime64(seconds, 's')}Z"


def held_out_cases(
    data: SequenceData, max_length: int, users: Sequence[int] | np.ndarray | None = None
) -> Cases:
    """The test cases of users (indices), in the order given; of all who have one if None.

    Raises
    ------
    WorkbenchError
        If no user is given, one is no index of a user, or has no item before the held-out one.
    """
    loaded(data, "workbench.load_data", "offsets")
    if users is None:
        return cases(data, "test", max_length)
    try:
        given = np.asarray(users)
    except ValueError:  # lists of different lengths
        given = np.empty((1, 1))
    if not given.size:
        raise WorkbenchError("no user is given; give the index of one or more.")
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise WorkbenchError(f"users must be a list of whole numbers, and not {str(users)[:60]}.")
    outside = given[(given < 0) | (given >= data.n_users)]
    if len(outside):
        raise WorkbenchError(
            f"there is no user with the index {outside[0]}; those of {data.name} run from 0 to "
            f"{data.n_users - 1}."
        )
    given = given.astype(np.int64)
    first, at = data.offsets[given], data.offsets[given + 1] - 1
    without = given[at <= first]
    if len(without):
        raise without_history(data, without[0], "no item before the held-out one")
    return Cases(given, np.maximum(first, at - max_length), at, data.items[at].astype(np.int64))


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
