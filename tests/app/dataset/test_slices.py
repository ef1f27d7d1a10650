"""Slices of users against ones worked out by hand."""

import numpy as np
import pytest

from workbench.app.dataset import slices
from workbench.app.dataset.slices import listed, slices_of
from workbench.data.sequences import from_interactions

# user: items, the last held out. In all a occurs 9 times, b 4, c 2, d 1
ITEMS = {"u": "aab", "v": "abcaa", "w": "abc", "x": "baaad"}


@pytest.fixture
def data():
    pairs = [(user, item) for user, items in ITEMS.items() for item in items]
    return from_interactions(*zip(*pairs, strict=True))


def named(data, made) -> dict[str, tuple[str, str]]:
    return {name: ("".join(data.user_ids[part.users]), part.said) for name, part in made.items()}


def test_slices_are_those_worked_out_by_hand(data):
    ranks = {"SASRec": np.array([1, 10, 11, np.nan]), "AC": np.array([10, 9, 8, 7])}
    popular, length = "Popularity", "Length"
    occurs, best = "Times their held-out item occurs:", "among the 10 best items of"
    # popularity: u 4, v 9, w 2, x 1; length of the history: u 2, v 4, w 2, x 4
    assert named(data, slices_of(data, np.arange(4), ranks, {})) == {
        f"{popular}: lowest quarter": ("x", f"{occurs} 1"),
        f"{popular}: second quarter": ("w", f"{occurs} 2"),
        f"{popular}: third quarter": ("u", f"{occurs} 4"),
        f"{popular}: highest quarter": ("v", f"{occurs} 9"),
        f"{length}: lowest quarter": ("uw", "Items in their histories: 2"),
        f"{length}: third quarter": ("vx", "Items in their histories: 4"),
        "Right: SASRec": ("uv", f"Their held-out item is {best} SASRec"),
        "Wrong: SASRec": ("w", f"Their held-out item is not {best} SASRec"),
        "Right: AC": ("uvwx", f"Their held-out item is {best} AC"),
    }


def test_users_chosen_by_the_ranks_of_a_model_say_nothing_of_ranks(data):
    made = slices_of(data, np.arange(4), {"SASRec": np.array([1, 10, 11, np.nan])}, {})
    cautions = {name: part.caution for name, part in made.items() if part.caution}
    assert list(cautions) == ["Right: SASRec", "Wrong: SASRec"]
    assert "its Hit@10 is 1 by that choice alone" in cautions["Right: SASRec"]
    assert "any other model, and SASRec after any change, seems worse" in cautions["Right: SASRec"]
    assert "its Hit@10 is 0 by that choice alone" in cautions["Wrong: SASRec"]
    assert "seems better" in cautions["Wrong: SASRec"]


def test_quarters_are_of_the_users_measured_in_any_order(data):
    made = slices_of(data, np.array([3, 1]), {"SASRec": np.array([11, 1])}, {})
    users = {name: text for name, (text, _) in named(data, made).items()}
    assert users["Right: SASRec"] == "v"
    assert users["Popularity: lowest quarter"] == "x"
    assert users["Popularity: highest quarter"] == "v"
    assert not any("Length" in name for name in users)  # both have four


def test_categories_are_of_the_held_out_item(data, monkeypatch):
    """Held out: b, a, c, d of u, v, w, x; a is first in the history of others."""
    told = {"a": ("Drama",), "b": ("Comedy", "Drama"), "c": ("Comedy", "War"), "e": ("Western",)}
    made = named(data, slices_of(data, np.arange(4), {}, told))
    said = "Their held-out item is of the category"
    categories = {name: made[name] for name in made if name.startswith("Category")}
    assert list(categories.items()) == [
        ("Category: Comedy", ("uw", f"{said} Comedy")),
        ("Category: Drama", ("uv", f"{said} Drama")),
        ("Category: War", ("w", f"{said} War")),
    ]
    monkeypatch.setattr(slices, "MOST_CATEGORIES", 1)
    made = slices_of(data, np.arange(4), {}, told)
    assert [name for name in made if name.startswith("Category")] == ["Category: Comedy"]


def test_a_list_may_hold_others(data):
    part, others = listed(data, np.arange(3), "w, u\nu x nobody")
    assert data.user_ids[part.users].tolist() == ["u", "w"]
    assert others == ["nobody", "x"]
