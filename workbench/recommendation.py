"""The best items for users of a data set, or for a history that is made up."""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from models import Batch
from workbench.attention.adapter import Scorer
from workbench.data.batches import at_once, make_batch
from workbench.data.lookup import find_user
from workbench.data.sequences import SequenceData
from workbench.data.splits import Cases, without_history
from workbench.errors import WorkbenchError, WorkbenchWarning, whole
from workbench.matching import find_known_item, matched
from workbench.metrics import best_first
from workbench.mode import evaluation_mode
from workbench.model import Model
from workbench.phrases import counted


def recommend(
    model: Model,
    data: SequenceData,
    users: Sequence[str] | None = None,
    k: int = 10,
    *,
    items: Sequence[str] | None = None,
    keep_seen: bool = False,
    batch_size: int = 256,
) -> pd.DataFrame:
    """The k items of highest score that come next for each user, equal ones in their order.

    Who has had every item, or gets no number as a score, is left out. Batches are as small as the
    catalogue needs.

    Parameters
    ----------
    model : what scores the items.
    data : the histories.
    users : raw ids; None for all users with an item that the model knows. Their whole histories
        are read, the last item included, as far back as the model reads.
    k : how many items, at least 1; a user gets fewer if there are no more.
    items : a history in place of users, oldest first, by ids or titles (see `items_called`).
    keep_seen : whether items of the history, however long ago, may be recommended again.
    batch_size : histories in a batch, at most.

    Returns
    -------
    DataFrame
        A row per item, best first, with the columns user (raw id; not for `items`), rank from 1,
        item (raw id), title (if the data have titles) and score.

    Raises
    ------
    WorkbenchError
        If the model does not fit the data (as in `evaluate`), a user or item is unknown, a user has
        no history, no user or item is named, users and items are both given, a history is made up
        for a model that needs times, or k is below 1.

    Warns
    -----
    WorkbenchWarning
        If some items or users of the data do not match those of the model, as in `evaluate`, or
        somebody is left out.
    """
    whole("k", k)
    if users is not None and items is not None:
        raise WorkbenchError("users and items are two histories; give one of them.")
    as_read = data
    data, warning = matched(model, as_read, held_out=0)
    if warning:
        warnings.warn(warning, WorkbenchWarning, stacklevel=2)
    size = at_once(data.n_items, batch_size)
    if items is not None:
        batches = _made_up(model, data, as_read, items)
    else:
        batches = histories(model, data, chosen_users(model, data, users), size)
    unscored = sated = 0
    columns: dict[str, list[np.ndarray]] = {"user": [], "rank": [], "item": [], "score": []}
    with torch.no_grad(), evaluation_mode(model):
        for owners, batch, seen in batches:
            scores = model.scores(batch.to(model.device))
            if not keep_seen:
                scores = scores.scatter(1, seen.to(scores.device), -torch.inf)
            unknown = scores.isnan()
            scores = scores.masked_fill(unknown, -torch.inf)
            nothing = ~(scores > -torch.inf).any(1)
            unscored += int((nothing & unknown.any(1)).sum())
            sated += int((nothing & ~unknown.any(1)).sum())
            best = best_first(scores, min(k, data.n_items))
            values = scores.gather(1, best)
            row, place = np.nonzero((values > -torch.inf).cpu().numpy())
            columns["user"].append(owners[row])
            columns["rank"].append(place + 1)
            columns["item"].append(best.cpu().numpy()[row, place])
            columns["score"].append(values.cpu().numpy()[row, place])
    _warn_of_the_left_out(model.config.name, unscored, sated)
    lists = {name: np.concatenate(parts) for name, parts in columns.items()}
    frame = pd.DataFrame(
        {
            "user": data.user_ids[lists["user"]],
            "rank": lists["rank"],
            "item": data.item_ids[lists["item"]],
            "title": [data.title(item) for item in lists["item"]],
            "score": lists["score"],
        }
    )
    left_out = ["user"] * (items is not None) + ["title"] * (data.titles is None)
    return frame.drop(columns=left_out)


def _warn_of_the_left_out(name: str, unscored: int, sated: int) -> None:
    """Warn of histories that nothing is recommended for, by why: no score, or no item left."""
    if unscored:
        warnings.warn(
            f"{name} gives no number (NaN) as any score after {_histories(unscored)}; half "
            "precision that runs over does so, or a row of attention without an item.",
            WorkbenchWarning,
            stacklevel=3,
        )
    if sated:
        warnings.warn(
            f"no item is left to recommend after {_histories(sated)}; keep_seen=True recommends "
            "those of the history again.",
            WorkbenchWarning,
            stacklevel=3,
        )


def _histories(n: int) -> str:
    return f"{counted(n, 'history', 'histories')}, which {'is' if n == 1 else 'are'} left out"


def chosen_users(model: Model, data: SequenceData, users: Sequence[str] | None) -> np.ndarray:
    """Indices of users named by raw ids, in that order; of all with a history where None.

    Raises
    ------
    WorkbenchError
        If one is unknown or has no history, or nobody is named.
    """
    if users is None:
        able = np.flatnonzero(data.lengths)
        if not len(able):
            raise WorkbenchError(f"{data.name}: no user has an item; give other data.")
        return able
    named = [users] if isinstance(users, str) else users
    chosen = np.array([find_user(data, str(user)) for user in dict.fromkeys(named)], np.int64)
    if not len(chosen):
        raise WorkbenchError("no user is named; name one, or leave users out for all of them.")
    for user in chosen[data.lengths[chosen] < 1]:
        raise without_history(data, user, f"no item that {model.config.name} knows")
    return chosen


def histories(
    model: Model, data: SequenceData, users: np.ndarray, size: int
) -> Iterator[tuple[np.ndarray, Batch, Tensor]]:
    """Users (indices) [B], what the model reads of them, and all they have seen [B, S]."""
    for start in range(0, len(users), size):
        chosen = users[start : start + size]
        first, last = data.offsets[chosen], data.offsets[chosen + 1]
        starts = np.maximum(first, last - model.config.max_length)
        nothing = np.zeros_like(chosen)  # no target
        batch = make_batch(data, Cases(chosen, starts, last, nothing))
        yield chosen, batch, make_batch(data, Cases(chosen, first, last, nothing)).items


def _made_up(
    model: Model, data: SequenceData, as_read: SequenceData, items: Sequence[str]
) -> Iterator[tuple[np.ndarray, Batch, Tensor]]:
    """As `histories`, for the single history of `items`, which belongs to no user."""
    if model.needs_times:
        raise WorkbenchError(
            f"{model.config.name} needs the time of every item, and a history that is made up has "
            "none; name users of the data, or choose another model."
        )
    if model.needs_users and isinstance(model, Scorer):  # ours have a row for who is not known
        raise WorkbenchError(
            f"{model.config.name} needs to know whose history it is, and one that is made up is "
            "nobody's; name users of the data, or choose another model."
        )
    named = [items] if isinstance(items, str) else items
    history = [find_known_item(model, data, as_read, str(item)) for item in named]
    if not history:
        raise WorkbenchError("no item is named; name one or more, the oldest first.")
    read = torch.tensor([history[-model.config.max_length :]])
    batch = Batch(read, torch.tensor([read.shape[1]]), None, None)
    yield np.zeros(1, np.int64), batch, torch.tensor([history])
