"""Every user measured in one vectorised pass, so that the telling ones can be listed."""

import warnings
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import pandas as pd

from workbench.attention.base_pass import BasePass
from workbench.attention.editing import Edited, edited_scores
from workbench.attention.edits import remove_largest
from workbench.attention.recording import mean_attention
from workbench.data.batches import iterate, make_batch
from workbench.data.lookup import drawn_users
from workbench.data.sequences import SequenceData
from workbench.data.splits import held_out_cases
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.explaining.methods import explain
from workbench.faithfulness.agreement import rank_agreement
from workbench.matching import matched
from workbench.metrics import CUTOFF, ranks_kept_and_removed
from workbench.model import Model
from workbench.statistics import jensen_shannon_of_scores

MOST_USERS = 2_000  # beyond which users are drawn at random

Listing = Literal["disagree", "flip", "right", "wrong"]


def survey(
    model: Model,
    data: SequenceData,
    users: np.ndarray | None = None,
    *,
    hide_seen: bool = False,
    batch_size: int = 128,
    progress: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """A row per user, about the prediction of the held-out item.

    The model is in evaluation mode meanwhile.

    Parameters
    ----------
    model : a model with attention and gradients.
    data : what the users are taken from.
    users : [n] indices; where None all who have a test case, or `MOST_USERS` of them drawn at
        random.
    hide_seen : whether items of the whole history, however long ago, are not ranked.
    batch_size : how many users are measured at a time.
    progress : called after each batch with the number of users in it.

    Returns
    -------
    DataFrame
        Columns: user (index); length, items before the held-out one; rank of the held-out item (1
        is best); tau, Kendall's tau-b between the prediction row's attention, its mean over layers
        and heads, and the saliency of the same positions with attention held constant (NaN below
        three items or where one side is constant); flips, whether another item comes first once the
        largest weight of the prediction row is removed in every layer and head; divergence,
        Jensen-Shannon, of the scores from those after that removal.

    Warns
    -----
    WorkbenchWarning
        If the model may not fit the data, as in `evaluate`.

    Raises
    ------
    WorkbenchError
        If the model does not fit the data, as in `evaluate`, or has no attention or no gradients.
    """
    data, warning = matched(model, data)
    if warning:
        warnings.warn(warning, WorkbenchWarning, stacklevel=2)
    users = drawn_users(data, MOST_USERS) if users is None else np.unique(users)
    cases = held_out_cases(data, model.config.max_length, users)
    whole = held_out_cases(data, int(data.lengths.max()), users)
    frames = []
    for index, batch, targets in iterate(data, cases, batch_size):
        batch, targets = batch.to(model.device), targets.to(model.device)
        base = BasePass(model, batch)
        before = base.scores()  # [B, V]
        (after,) = edited_scores(base, [Edited(remove_largest)])
        seen = make_batch(data, whole.take(index)).items.to(model.device)
        kept, removed = ranks_kept_and_removed(before, targets, seen)
        first, then = (
            scores.scatter(1, seen, -np.inf).argmax(-1) if hide_seen else scores.argmax(-1)
            for scores in (before, after)
        )
        attention = mean_attention(model, batch)  # [B, L]
        importance = explain(model, batch, targets, "saliency, attention held")
        user_indices = cases.users[index]
        frames.append(
            pd.DataFrame(
                {
                    "user": user_indices,
                    "length": data.lengths[user_indices] - 1,
                    "rank": (removed if hide_seen else kept).cpu().numpy(),
                    "tau": rank_agreement(attention, importance, batch).tau.cpu().numpy(),
                    "flips": (first != then).cpu().numpy(),
                    "divergence": jensen_shannon_of_scores(before, after).cpu().numpy(),
                }
            )
        )
        if progress is not None:
            progress(len(user_indices))
    return pd.concat(frames).sort_values("user", ignore_index=True)


def listed(table: pd.DataFrame, listing: Listing) -> pd.DataFrame:
    """The rows of a survey that a listing is about, the most telling first.

    Parameters
    ----------
    table : what `survey` returns.
    listing : "disagree", lowest tau; "flip", another item first without the largest weight,
        greatest divergence; "right", held-out item among the first ten, best rank; "wrong", the
        others, worst rank.

    Raises
    ------
    WorkbenchError
        If there is no such listing.
    """
    right = table["rank"] <= CUTOFF
    if listing == "disagree":
        return table.dropna(subset="tau").sort_values("tau", kind="stable")
    if listing == "flip":
        return table[table["flips"]].sort_values("divergence", ascending=False, kind="stable")
    if listing == "right":
        return table[right].sort_values("rank", kind="stable")
    if listing == "wrong":
        return table[~right].sort_values("rank", ascending=False, kind="stable")
    raise WorkbenchError(f"no list {listing!r}; choose from {', '.join(get_args(Listing))}.")


def ranked_apart(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Users of two surveys, by how many times one of their ranks is the other, the most first.

    Parameters
    ----------
    first, second : what `survey` returns for two models.

    Returns
    -------
    DataFrame
        A row per user in both surveys, with `rank_first` and `rank_second`.
    """
    both = first.merge(second, on="user", suffixes=("_first", "_second"))
    first_rank, second_rank = (both[f"rank_{which}"].to_numpy() for which in ("first", "second"))
    order = np.argsort(-np.abs(np.log(first_rank / second_rank)), kind="stable")
    return both.iloc[order].reset_index(drop=True)
