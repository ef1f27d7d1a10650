"""Which row of a foreign item table stands for which of our items, and whether it can be so."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
import torch

from workbench.data.batches import iterate
from workbench.data.load import listed_items, load_data
from workbench.data.sequences import PAD, SequenceData
from workbench.data.splits import Cases, cases
from workbench.errors import WorkbenchError, one_of
from workbench.importing.format import Numbering
from workbench.metrics import target_ranks
from workbench.model import Model

DRAWS = 20  # random relabellings that stand for ids that do not belong together
DEVIATIONS = 4
USERS = 2048  # at most, whose last training item is ranked


def item_rows(
    origin: str,
    n_items: int,
    numbering: Numbering,
    data: SequenceData,
    *,
    extra_rows: int | None = None,
    item_ids: Sequence[str] | None = None,
) -> list[np.ndarray]:
    """Their id of each of our items; two of them where the counts allow two orders.

    Parameters
    ----------
    origin : what to call the model in an error.
    n_items : how many items the model has.
    numbering : how the items got their ids.
        "appearance": by first appearance in the interactions file, from which no user was dropped,
        or the same as here; items that only RecBole's .item file lists come last.
        "ids": as they are in the file.
        "sorted": in the order of the ids in the file, by number if all are numbers.
        "tokens": by their names.
    data : our data.
    extra_rows : how many rows after the last item `n_items` leaves out; None if no option may
        change that.
    item_ids : the names of their items, if known.

    Returns
    -------
    list
        int64 [data.n_items + 1] each; 0 stays 0. The order of the whole file comes first.

    Raises
    ------
    WorkbenchError
        If the numbering is not known, the counts differ, or items of the data have no id in the
        model.
    """
    one_of("numbering", numbering, get_args(Numbering))
    tokens = data.item_ids[1:]
    if numbering == "tokens":
        return [_rows_by_token(origin, item_ids, data)]
    if numbering == "ids":
        try:
            rows = np.array([0, *map(int, tokens)], dtype=np.int64)
        except ValueError:
            raise WorkbenchError(
                f"{origin} has items numbered by their ids in the file, and {data.name} has ids "
                f"such as {tokens[0]!r}; give the data it was trained on."
            ) from None
        if rows[1:].min() < 1 or rows.max() > n_items:
            raise WorkbenchError(
                f"{origin} knows items 1 to {n_items:,}, and {data.name} has the item "
                f"{rows[1:].max() if rows.max() > n_items else rows[1:].min()}; give the data it "
                f"was trained on{_other_rows(n_items, int(rows.max()), extra_rows)}."
            )
        return [rows]
    whole = _whole(data)
    fitting = [each.item_ids for each in (whole, data) if each.n_items == n_items]
    if not fitting:
        bought = set(whole.item_ids)
        more = [token for token in dict.fromkeys(_listed(data)) if token not in bought]
        if whole.n_items + len(more) == n_items:  # RecBole numbers what nobody chose last
            fitting = [np.append(whole.item_ids, np.array(more, dtype=object))]
    possible = [_rows_among(item_ids, data, numbering) for item_ids in fitting]
    if possible:
        return possible[: 1 if np.array_equal(possible[0], possible[-1]) else 2]
    known = whole.n_items if whole.n_items < n_items else data.n_items
    raise WorkbenchError(
        f"{origin} knows {n_items:,} items and {data.name} has {data.n_items:,}; give the data it "
        f"was trained on, filtered as it was then{_other_rows(n_items, known, extra_rows)}."
    )


def _whole(data: SequenceData) -> SequenceData:
    """The data read again with all users; as they are where none was dropped, or that fails."""
    if not data.provenance.get("rows_dropped", {}).get("rare_users"):
        return data
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the first reading said it
            whole = load_data(
                data.provenance["source"],
                min_user=1,
                min_item=data.provenance["filters"]["min_item"],
                duplicates=data.provenance["duplicates"],
            )
        return whole if _reading(whole) == _reading(data) else data
    except (KeyError, WorkbenchError):
        return data


def _reading(data: SequenceData) -> tuple[object, ...]:
    """What two readings of one file have in common, whatever histories were dropped."""
    rules = ("duplicates", "rare_users", "rare_items")
    told = data.provenance
    before = {why: rows for why, rows in told["rows_dropped"].items() if why not in rules}
    return told["columns"], told["rows_read"], before


def _listed(data: SequenceData) -> list[str]:
    """Item tokens of the .item file beside the data, see `listed_items`."""
    try:
        return listed_items(data.provenance["source"])
    except (KeyError, WorkbenchError):
        return []


def _rows_by_token(origin: str, item_ids: Sequence[str] | None, data: SequenceData) -> np.ndarray:
    if item_ids is None:
        raise WorkbenchError(
            f"{origin} does not say what its items are called; give another numbering than tokens."
        )
    theirs = {token: row for row, token in enumerate(item_ids, start=1)}
    tokens = [str(token) for token in data.item_ids[1:]]
    if unknown := [token for token in tokens if token not in theirs]:
        raise WorkbenchError(
            f"{origin} does not know {len(unknown):,} of the {len(tokens):,} items of {data.name}, "
            f"such as {unknown[0]!r}; give the data it was trained on, or import it without data."
        )
    return np.array([0, *(theirs[token] for token in tokens)], dtype=np.int64)


def _rows_among(item_ids: np.ndarray, data: SequenceData, numbering: Numbering) -> np.ndarray:
    """Rows of our items among `item_ids` (the first is padding), in their order or sorted."""
    tokens = item_ids[1:].tolist()
    if numbering == "sorted":
        numbers = all(re.fullmatch(r"-?\d+", str(token)) for token in tokens)
        tokens = sorted(tokens, key=int if numbers else str)
    theirs = {token: row for row, token in enumerate(tokens, start=1)}
    return np.array([0, *(theirs[token] for token in data.item_ids[1:])], dtype=np.int64)


def _other_rows(n_items: int, known: int, extra_rows: int | None) -> str:
    """What else to do where a few other rows at the end of the table would explain the counts."""
    if extra_rows is None:
        return ""
    wanted = extra_rows + n_items - known
    if n_items == known or wanted < 0 or wanted > max(1, known // 10):
        return ""
    rows = {
        0: "all rows of its item table stand for items",
        1: "the last row of its item table stands for no item, such as a mask token",
    }.get(wanted, f"the last {wanted:,} rows of its item table stand for items that nobody chose")
    return f"; or, where {rows}, give the option extra_rows={wanted}"


def user_rows(origin: str, n_users: int, data: SequenceData) -> np.ndarray:
    """The row of a user table for each of our users, by first appearance in the interactions file.

    Parameters
    ----------
    origin : what to call the model in an error.
    n_users : how many users the model has.
    data : our data.

    Returns
    -------
    ndarray
        int64 [data.n_users + 1]; 0 stays 0.

    Raises
    ------
    WorkbenchError
        If the counts differ.
    """
    for each in (data, _whole(data)):
        if each.n_users == n_users:
            theirs = {token: row for row, token in enumerate(each.user_ids, start=1)}
            return np.array([0, *(theirs[token] for token in data.user_ids)], dtype=np.int64)
    raise WorkbenchError(
        f"{origin} knows {n_users:,} users and {data.name} has {data.n_users:,}; give the data it "
        "was trained on, filtered as it was then."
    )


def check_times(origin: str, model: Model, data: SequenceData) -> None:
    """Check that times are in the unit of a model that counts them as its file writes them.

    Raises
    ------
    WorkbenchError
        If the model needs times, and those of the data were written in parts of a second.
    """
    unit = data.provenance.get("time_unit")
    if model.needs_times and unit in ("ms", "us", "ns", "each"):
        raise WorkbenchError(
            f"{origin} takes differences of times as the numbers of its file are, and those of "
            f"{data.name} are read from {unit} to whole seconds; give the file it was trained on "
            "if its times are seconds, or train it on one whose are."
        )


def relabelled(data: SequenceData, rows: np.ndarray, n_items: int) -> SequenceData:
    """The data with the ids of the foreign model, in a catalogue of all its items.

    Parameters
    ----------
    data : our data.
    rows : their id of each of our items, as `item_rows` returns.
    n_items : how many items the model has.
    """
    ids = np.array([PAD, *map(str, range(1, n_items + 1))], dtype=object)
    return replace(data, items=rows[data.items].astype(np.int32), item_ids=ids, titles=None)


@torch.no_grad()
def best_rows(
    origin: str, model: Model, data: SequenceData, possible: Sequence[np.ndarray]
) -> tuple[np.ndarray, str | None]:
    """The rows by which a model ranks its own training items clearly better, and what was chosen.

    Parameters
    ----------
    origin : what to call the model in an error.
    model : the model.
    data : our data.
    possible : rows as `item_rows` returns them.

    Raises
    ------
    WorkbenchError
        If there are two, and the difference of their reciprocal ranks, paired by user, is within
        `DEVIATIONS` standard errors.
    """
    if len(possible) == 1:
        return possible[0], None
    reached = []
    for rows in possible:
        theirs = relabelled(data, rows, model.config.n_items)
        of_each = [
            target_ranks(model.scores(batch.to(model.device)), targets.to(model.device))
            for _, batch, targets in iterate(
                theirs, _last_training_cases(theirs, model.config.max_length), 256
            )
        ]
        reached.append(torch.cat([torch.empty(0), *(r.reciprocal().cpu() for r in of_each)]))
    gain = reached[0] - reached[1]
    least = data.provenance["filters"]["min_user"]
    ways = f"all users of {data.name}, or by those of {least} interactions or more"
    if not gain.mean().abs() > DEVIATIONS * gain.std() / len(gain) ** 0.5:
        raise WorkbenchError(
            f"{origin} may number items by {ways}, and its ranks of training items do not tell "
            f"which; say it by ?min_user=1 or ?min_user={least} behind the path of the data."
        )
    best = int(gain.mean() < 0)
    chosen = ("the first", "the second")[best]
    figures = ", ".join(f"{each.mean():.4f}" for each in reached)
    return possible[best], (
        f"Items may be numbered by {ways}; {chosen} was taken, by which it ranks training items "
        f"clearly better (MRR {figures})."
    )


def _last_training_cases(data: SequenceData, max_length: int) -> Cases:
    """The last training item of each user, of `USERS` at most."""
    training = cases(data, "train", max_length)
    last = np.flatnonzero(np.diff(training.users, append=-1))
    return training.take(np.sort(np.random.default_rng(0).permutation(last)[:USERS]))


@torch.no_grad()
def check_belonging(origin: str, model: Model, data: SequenceData) -> str | None:
    """Check that a model is better than chance on its own training data.

    The last training item of each user is ranked (mean reciprocal rank). Ids that do not belong
    together rank it like a randomly relabelled catalogue does, or a little better if both
    numberings put popular items first; a trained model beats popularity.

    Parameters
    ----------
    origin : what to call the model in an error.
    model : the model.
    data : its training data, with the ids of the model.

    Returns
    -------
    str or None
        A warning if the model is below popularity, or no history is long enough to tell.

    Raises
    ------
    WorkbenchError
        If the model stays within `DEVIATIONS` standard deviations of `DRAWS` relabellings, or below
        half of what popularity reaches.
    """
    last_cases = _last_training_cases(data, model.config.max_length)
    if not len(last_cases):
        return f"{data.name} has no histories long enough to tell whether its ids belong."
    rng = np.random.default_rng(0)
    labels = [np.arange(data.n_items + 1)]
    labels += [np.append(0, 1 + rng.permutation(data.n_items)) for _ in range(DRAWS)]
    device = model.device
    maps = torch.from_numpy(np.stack(labels)).to(device)  # [1 + DRAWS, V]
    counts = torch.from_numpy(np.bincount(data.items, minlength=data.n_items + 1)).float()
    counts = counts.to(device)
    reached = torch.zeros(len(maps), device=device)
    popular = torch.zeros((), device=device)
    for _, batch, targets in iterate(data, last_cases, 256):
        batch, targets = batch.to(device), targets.to(device)
        scores = model.scores(batch)
        for k, mapped in enumerate(maps):
            reached[k] += target_ranks(scores, mapped[targets]).reciprocal().sum()
        popularity = counts.repeat(len(targets), 1)
        popular += target_ranks(popularity, targets).reciprocal().sum()
    reached, popular = reached / len(last_cases), popular / len(last_cases)
    as_given, chance = reached[0], reached[1:].mean()
    figures = f"MRR {as_given:.4f}; by popularity alone {popular:.4f}, by random ids {chance:.4f}"
    if as_given <= max(chance + DEVIATIONS * reached[1:].std(), popular / 2):
        raise WorkbenchError(
            f"{origin} is at chance level on {data.name} ({figures}), so its item ids are not "
            "those of the data, or it was never trained; give the data it was trained on, with the "
            "users of then (?min_user=1 behind the path keeps all), or another numbering "
            "(numbering=appearance, ids or sorted), or import it without data."
        )
    if as_given < popular:
        return f"It ranks no better than popularity on its own training data ({figures})."
    return None
