"""`SequenceData`: every user's items in the order of time, as flat arrays."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from workbench.data.times import YEAR_10000
from workbench.data.tokens import Missing, absent, encode, token
from workbench.data.truth import Truth
from workbench.errors import WorkbenchError, one_of, whole
from workbench.phrases import counted

PAD = "[pad]"
Duplicates = Literal["keep", "first", "last", "consecutive"]


@dataclass(frozen=True, eq=False)
class SequenceData:
    """Interactions as flat arrays: user after user, each user's by time, ties in file order.

    Item ids run from 1 to `n_items`; 0 is padding. User `u` owns `items[offsets[u]:offsets[u+1]]`.

    Attributes
    ----------
    name : what to call the data.
    items : int32 [n].
    times : int64 [n], seconds since 1970; None where the source has none.
    offsets : int64 [n_users+1].
    item_ids : raw tokens [n_items+1], the first being "[pad]".
    user_ids : raw tokens [n_users].
    titles : [n_items+1], or None.
    provenance : where the data came from and what was dropped on the way; JSON-able. Of a file:
        `source`, as it was named, `reader`, its format, `columns`, role -> column, `unused` ones,
        the `time_unit` of the file, `warnings`, a sentence each; `rows_read`, and `rows_dropped`,
        reason -> how many; `filters`, `min_user` and `min_item`, what became of `duplicates`, and
        `tie_share`, the share of neighbouring interactions of a user that have one time.
    rows : int64 [n], which row of the source each interaction is; None where there is no source. In
        the order of the rows, users and items appear in the order of their numbers.
    user_numbers : int64 [n_users], which user each is to the model that the data are matched to
        (`workbench.matching`); None where that is their index.
    truth : what caused each interaction, in planted data; None where nobody knows.
    """

    name: str
    items: np.ndarray
    times: np.ndarray | None
    offsets: np.ndarray
    item_ids: np.ndarray
    user_ids: np.ndarray
    titles: list[str] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    rows: np.ndarray | None = None
    user_numbers: np.ndarray | None = None
    truth: Truth | None = None

    def __repr__(self) -> str:
        """One line, for arrays say little in a notebook."""
        has = [
            f"{'no ' * (held is None)}{what}"
            for what, held in (("times", self.times), ("titles", self.titles))
        ]
        return f"SequenceData({self.name!r}: {', '.join([self.size_in_words, *has])})"

    @property
    def n_users(self) -> int:
        """How many users there are."""
        return len(self.offsets) - 1

    @property
    def n_items(self) -> int:
        """How many items there are, without padding."""
        return len(self.item_ids) - 1

    @property
    def n_interactions(self) -> int:
        """How many interactions there are: n."""
        return len(self.items)

    @property
    def size_in_words(self) -> str:
        """As `943 users, 1,682 items, 100,000 interactions`."""
        return ", ".join(
            (
                counted(self.n_users, "user"),
                counted(self.n_items, "item"),
                counted(self.n_interactions, "interaction"),
            )
        )

    @property
    def lengths(self) -> np.ndarray:
        """Interactions of each user, int64 [n_users]."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> np.ndarray:
        """Whose each interaction is, indices of users, int64 [n]."""
        return np.repeat(np.arange(self.n_users), self.lengths)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over items, times, offsets and raw tokens; name and titles are left out."""
        digest = hashlib.sha256()
        for array, kind in ((self.items, "<i4"), (self.times, "<i8"), (self.offsets, "<i8")):
            data = b"none" if array is None else array.astype(kind).tobytes()
            digest.update(len(data).to_bytes(8, "little") + data)
        for tokens in (self.item_ids, self.user_ids):
            digest.update(json.dumps(tokens.tolist()).encode())
        return digest.hexdigest()

    @property
    def checksum_as_read(self) -> str:
        """The checksum of the data as they were before they were matched to a model."""
        return str(self.provenance.get("checksum_as_read", self.checksum))

    def numbers_of(self, users: np.ndarray) -> np.ndarray:
        """The numbers by which batches name `users`, [n] indices; int64 [n], see `user_numbers`."""
        return (users if self.user_numbers is None else self.user_numbers[users]).astype(np.int64)

    def identity(self) -> dict[str, Any]:
        """What a card or a manifest says about the data behind a result, JSON-able.

        Returns
        -------
        dict
            `name`, `checksum` (of the data as they were read), how many `users`, `items` and
            `interactions` there are, and `span`, the first and the last time in seconds since
            1970, None without times.
        """
        times = self.times
        return {
            "name": self.name,
            "checksum": self.checksum_as_read,
            "users": self.n_users,
            "items": self.n_items,
            "interactions": self.n_interactions,
            "span": None if times is None else [int(times.min()), int(times.max())],
        }

    def history(self, user: int) -> np.ndarray:
        """Items of user index `user`, [length], oldest first (a view)."""
        return self.items[self.offsets[user] : self.offsets[user + 1]]

    def title(self, item: int) -> str:
        """What to call an item: its title, or its raw token where there is none."""
        return str(self.item_ids[item]) if self.titles is None else self.titles[item]


def from_interactions(
    users: Any,
    items: Any,
    times: Any = None,
    *,
    name: str = "data",
    titles: Mapping[Any, str] | None = None,
    min_user: int = 2,
    min_item: int = 1,
    duplicates: Duplicates = "keep",
    missing: Missing = "refuse",
    provenance: Mapping[str, Any] | None = None,
) -> SequenceData:
    """Build `SequenceData` from three parallel columns, one row per interaction.

    Rows are ordered by user and time; equal times keep the order of the rows, and so does
    everything when `times` is None. Repetitions are dropped as `duplicates` says, then users with
    fewer than `min_user` and items with fewer than `min_item` interactions, again and again until
    nothing changes (the k-core). What remains is numbered by first appearance in the rows, which is
    RecBole's numbering.

    Parameters
    ----------
    users, items : arrays, pandas or Arrow columns, of text or of numbers; [n]. Columns belong
        together by their place, so that those of pandas have to have one index.
    times : numbers, in seconds since 1970, or dates, of NumPy, pandas, Arrow or Python; [n], or
        None. A date without a zone is one in UTC.
    name : what to call the data.
    titles : item, as in `items` -> title; None where there are none. An item without one is called
        by its token.
    min_user : interactions that a user has at least. Users of a single interaction offer nothing to
        predict from, therefore the default is 2.
    min_item : interactions that an item has at least.
    duplicates : what becomes of a repeated (user, item): "keep" keeps all, "first" or "last" the
        first or the last in time, and "consecutive" drops direct repetitions only.
    missing : what becomes of rows without user, item or time, to which "nan", "NULL" and similar
        words (`workbench.data.tokens.WORDS`) belong: "refuse" and "drop" refuse or drop them,
        "keep" keeps these words as ids.
    provenance : facts to carry along; its `rows_dropped` counts rows that were left out before.

    Raises
    ------
    WorkbenchError
        If values are missing and not dropped, if the columns differ in length or in their pandas
        indices, if an option or the kind of a value cannot be used, or if nothing is left.
    """
    one_of("duplicates", duplicates, get_args(Duplicates))
    one_of("missing", missing, get_args(Missing))
    whole("min_user", min_user)
    whole("min_item", min_item)
    user_codes, user_tokens = _ids(users, "user", missing)
    item_codes, item_tokens = _ids(items, "item", missing)
    n_rows = len(user_codes)
    clock = None if times is None else _clock(times, missing)
    if len(item_codes) != n_rows or (clock is not None and len(clock) != n_rows):
        raise WorkbenchError("users, items and times differ in length; give one of each per row.")
    _check_indices(users=users, items=items, times=times)

    order = _by_user_and_time(user_codes, item_codes, clock)
    lacking = {"missing": n_rows - len(order)} if len(order) < n_rows else {}
    rows, dropped = _core(order, user_codes, item_codes, duplicates, min_user, min_item)
    if not len(rows):
        raise WorkbenchError(
            f"{name}: of {counted(n_rows, 'interaction')} none is left after keeping users with at "
            f"least {min_user} and items with at least {min_item}; lower these "
            "(?min_user=...&min_item=... behind the path, min_user=... and min_item=... in Python)."
        )

    # numbered by first appearance in the rows, not in time
    in_file_order = np.sort(rows)
    new_users, kept_users = _renumber(user_codes, in_file_order)
    new_items, kept_items = _renumber(item_codes, in_file_order)
    owners = new_users[user_codes[rows]]
    regroup = np.argsort(owners, kind="stable")
    rows, owners = rows[regroup], owners[regroup]
    item_ids = np.concatenate([np.array([PAD], dtype=object), item_tokens[kept_items]])
    before = (provenance or {}).get("rows_dropped", {})
    dropped["duplicates"] += before.get("duplicates", 0)
    return SequenceData(
        name=name,
        items=(new_items[item_codes[rows]] + 1).astype(np.int32),
        times=None if clock is None else np.floor(clock[rows]).astype(np.int64),
        offsets=np.concatenate([[0], np.cumsum(np.bincount(owners))]).astype(np.int64),
        item_ids=item_ids,
        user_ids=user_tokens[kept_users],
        titles=None if titles is None else _titles(titles, item_ids),
        provenance={
            **(provenance or {}),
            "rows_read": n_rows + sum(before.values()),
            "rows_dropped": {**before, **lacking, **dropped},
            "filters": {"min_user": min_user, "min_item": min_item},
            "duplicates": duplicates,
            "tie_share": None if clock is None else _tie_share(clock[rows], owners),
        },
        rows=rows.astype(np.int64),
    )


def _check_indices(**columns: Any) -> None:
    """Refuse columns of pandas that go by their place here, and otherwise by their indices."""
    series = {name: each for name, each in columns.items() if isinstance(each, pd.Series)}
    for (one, first), (other, second) in itertools.combinations(series.items(), 2):
        if not first.index.equals(second.index):
            raise WorkbenchError(
                f"{one} and {other} have different pandas indices, as where one was sorted or "
                "shuffled alone; take them from one frame, or write .to_numpy() behind each where "
                "they belong together by their place."
            )


def _titles(titles: Mapping[Any, str], item_ids: np.ndarray) -> list[str]:
    """What each item is called; titles of items that are numbers may have numbers as keys."""
    if not isinstance(titles, Mapping):
        raise WorkbenchError(
            f"titles are a {type(titles).__name__}; give a dict with the title of each item."
        )
    known = {token(item): title for item, title in titles.items() if not pd.isna(title)}
    return [PAD, *(str(known.get(each, each)) for each in item_ids[1:])]


def _by_user_and_time(users: np.ndarray, items: np.ndarray, clock: np.ndarray | None) -> np.ndarray:
    """The rows that lack nothing, user after user, each user's by time, ties in their order."""
    # both sorts are stable
    order = np.argsort(users, kind="stable") if clock is None else np.lexsort((clock, users))
    present = (users >= 0) & (items >= 0)
    if clock is not None:
        present &= ~np.isnan(clock)
    return order[present[order]]


def _ids(values: Any, role: str, missing: Missing) -> tuple[np.ndarray, np.ndarray]:
    """Codes int32 [n], -1 where there is no id, and the tokens they stand for (str objects)."""
    try:
        codes, tokens = encode(values)
    except ValueError as error:
        raise WorkbenchError(f"{role}s: {error}.") from error
    gone = absent(codes, tokens, missing)
    if gone.any() and missing != "drop":
        row = int(gone.argmax())
        word = "" if codes[row] < 0 else f" but {tokens[codes[row]]!r}"
        raise WorkbenchError(
            f"row {row + 1} has no {role}{word}, as in {int(gone.sum()):,} of {len(gone):,} rows; "
            "leave such rows out (missing='drop')"
            + (", or take the word as an id (missing='keep')." if word else ".")
        )
    return np.where(gone, -1, codes), tokens


def _clock(times: Any, missing: Missing) -> np.ndarray:
    """Seconds [n]; NaN, where there is none, if such rows are to be dropped."""
    clock = np.asarray(times)
    kind = pd.api.types.infer_dtype(clock, skipna=True) if clock.dtype.kind == "O" else ""
    if kind in ("datetime", "date"):  # of Python, or of pandas with a zone
        clock = pd.to_datetime(clock, utc=True).tz_localize(None).to_numpy()
    if clock.dtype.kind == "M":
        clock = np.where(np.isnat(clock), np.nan, clock.astype("datetime64[us]").astype(int) / 1e6)
    if clock.dtype.kind not in "iuf":
        of = "text" if kind == "string" or clock.dtype.kind in "US" else kind or clock.dtype
        raise WorkbenchError(
            f"times are {of}; give seconds since 1970, or dates, as pandas.to_datetime makes them."
        )
    wrong = ~(np.abs(clock.astype(np.float64)) < YEAR_10000)
    if missing == "drop":
        wrong &= ~np.isnan(clock)
    if wrong.any():
        row = int(wrong.argmax())
        raise WorkbenchError(
            f"the time of row {row + 1} is {clock[row]}"
            + (
                "; give seconds since 1970, or leave out rows without (missing='drop')."
                if np.isnan(clock[row])
                else ", in seconds since 1970 beyond the year 9999; divide milliseconds by 1,000."
            )
        )
    return clock


def _core(
    rows: np.ndarray,
    users: np.ndarray,
    items: np.ndarray,
    duplicates: Duplicates,
    min_user: int,
    min_item: int,
) -> tuple[np.ndarray, dict[str, int]]:
    """Indices of the rows that survive, in the order given, and how many fell to which rule."""
    dropped = {"duplicates": 0, "rare_users": 0, "rare_items": 0}
    while True:
        before = len(rows)
        for rule, threshold in (
            ("duplicates", None),
            ("rare_users", (users, min_user)),
            ("rare_items", (items, min_item)),
        ):
            if threshold is None:
                keep = _not_repeated(users[rows], items[rows], duplicates)
            else:
                codes = threshold[0][rows]
                keep = (np.bincount(codes) >= threshold[1])[codes]
            dropped[rule] += int(len(keep) - keep.sum())
            rows = rows[keep]
        if len(rows) == before:
            return rows, dropped


def _not_repeated(users: np.ndarray, items: np.ndarray, policy: Duplicates) -> np.ndarray:
    keep = np.ones(len(users), bool)
    if policy == "consecutive":
        keep[1:] = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
    elif policy != "keep":
        pairs = users.astype(np.int64) << 32 | items
        keep = ~pd.Series(pairs).duplicated(keep=policy).to_numpy()
    return keep


def _renumber(codes: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Old code -> new number by first appearance in `rows` (-1: gone); new number -> old code."""
    _, kept = pd.factorize(codes[rows])
    numbers = np.full(codes.max() + 1, -1, np.int64)
    numbers[kept] = np.arange(len(kept))
    return numbers, kept


def _tie_share(clock: np.ndarray, owners: np.ndarray) -> float:
    """Share of neighbouring interactions of one user that carry the same time."""
    neighbours = owners[1:] == owners[:-1]
    ties = neighbours & (clock[1:] == clock[:-1])
    return float(ties.sum() / max(neighbours.sum(), 1))
