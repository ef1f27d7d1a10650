"""Users of a stored run in slices: by held-out item, by history, by whether a model was right."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from workbench import SequenceData
from workbench.data.lookup import find_users
from workbench.metrics import CUTOFF

MOST_CATEGORIES = 30  # that make slices
QUARTERS = ("lowest", "second", "third", "highest")


class Slice(NamedTuple):
    """Some users, and in a sentence who they are.

    Attributes
    ----------
    users : their indices in the data, ascending.
    said : what they have in common.
    caution : what must not be concluded of them, since they were chosen by it.
    """

    users: np.ndarray
    said: str
    caution: str = ""


def slices_of(
    data: SequenceData,
    users: np.ndarray,
    ranks: Mapping[str, np.ndarray],
    categories: Mapping[str, Sequence[str]],
) -> dict[str, Slice]:
    """Slices of users by name; those without anybody are left out.

    Quarters are of `users`: they end at the quartiles, and users who are alike are in the same one,
    the lower where they lie on a quartile. With many alike, quarters differ in size or are left
    out; where all are alike there are none.

    Parameters
    ----------
    data : to which the users belong.
    users : indices of those who were measured.
    ranks : model -> rank of the held-out item of each of `users`, NaN where it was not measured.
    categories : raw id of an item -> its categories; the most frequent make slices.
    """
    users, first = np.unique(users, return_index=True)
    target = data.items[data.offsets[users + 1] - 1]
    popularity = np.bincount(data.items, minlength=data.n_items + 1)[target]
    made = _quarters(users, popularity, "Popularity", "Times their held-out item occurs: {}")
    made |= _quarters(users, data.lengths[users] - 1, "Length", "Items in their histories: {}")
    for model, given in ranks.items():
        rank = np.asarray(given, float)[first]
        best = f"the {CUTOFF} best items of {model}"
        for kind, chosen, among in (
            ("Right", rank <= CUTOFF, "among"),
            ("Wrong", rank > CUTOFF, "not among"),
        ):
            said = f"Their held-out item is {among} {best}"
            made[f"{kind}: {model}"] = Slice(users[chosen], said, _caution(kind, model))
    made |= _by_category(users, [categories.get(str(raw), ()) for raw in data.item_ids[target]])
    return {name: part for name, part in made.items() if len(part.users)}


def _caution(kind: str, model: str) -> str:
    """Why numbers about ranks say nothing of users chosen by the ranks of a model."""
    right = kind == "Right"
    return (
        f"These users were chosen by the ranks of {model}: its Hit@{CUTOFF} is {int(right)} by "
        f"that choice alone, so that any other model, and {model} after any change, seems "
        f"{'worse' if right else 'better'}. Comparisons of Hit@{CUTOFF}, NDCG@{CUTOFF} or ranks "
        "say nothing of these users."
    )


def _by_category(users: np.ndarray, categories: Sequence[Sequence[str]]) -> dict[str, Slice]:
    """Users by each category of their held-out items, the most frequent first."""
    of_each: dict[str, list[int]] = {}
    for user, names in zip(users, categories, strict=True):
        for name in names:
            of_each.setdefault(name, []).append(user)
    often = sorted(of_each.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:MOST_CATEGORIES]
    return {
        f"Category: {name}": Slice(
            np.array(chosen), f"Their held-out item is of the category {name}"
        )
        for name, chosen in often
    }


def _quarters(users: np.ndarray, values: np.ndarray, name: str, said: str) -> dict[str, Slice]:
    """Users by quarters of a value, where they differ in it."""
    if not len(users) or values.min() == values.max():
        return {}
    at = np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values)
    made = {}
    for k, quarter in enumerate(QUARTERS):
        if (chosen := at == k).any():
            low, high = values[chosen].min(), values[chosen].max()
            span = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            made[f"{name}: {quarter} quarter"] = Slice(users[chosen], said.format(span))
    return made


def listed(data: SequenceData, users: np.ndarray, text: str) -> tuple[Slice, list[str]]:
    """The users of a list, and the ids in it that none of `users` has.

    Parameters
    ----------
    data : to which the users belong.
    users : indices of those who were measured.
    text : ids, as in `find_users`.
    """
    found, others = find_users(data, text, users)
    return Slice(np.sort(found), "They are on the list"), others
