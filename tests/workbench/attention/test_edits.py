"""Edits of rows of weights: by hand, and what must hold for any row."""

import math
from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor

from workbench import WorkbenchError
from workbench.attention import edits
from workbench.attention.edits import (
    dealt,
    in_turn,
    power,
    raise_keys,
    remove_k_largest,
    remove_keys,
    remove_largest,
    remove_matched,
    uniform,
)
from workbench.statistics.rounding import even


def at_random(weights, allowed, seed=3):
    noise = torch.rand(weights.shape, generator=torch.Generator().manual_seed(seed))
    return dealt(weights, allowed, noise.to(weights.dtype))


EDITS = {
    "largest": remove_largest,
    "two largest": remove_k_largest(2),
    "matched": remove_matched(1, 3),
    "two matched": remove_matched(2, 3),
    "uniform": uniform,
    "dealt": at_random,
    "power": power(0.1),
    "raised": raise_keys(torch.tensor([0, 0]), 0.1),
}
WEIGHT = st.one_of(st.just(0.0), st.just(0.25), st.floats(1e-6, 1))  # zeros and ties are likely


@st.composite
def rows(draw):
    """Weights [2, N, K] that sum to one over allowed [N, K], for two heads."""
    k, n = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    allowed = draw(
        st.lists(st.lists(st.booleans(), min_size=k, max_size=k), min_size=n, max_size=n)
    )
    for row in allowed:
        row[draw(st.integers(0, k - 1))] = True
    weights = torch.tensor(draw(st.lists(WEIGHT, min_size=2 * n * k, max_size=2 * n * k))).double()
    weights = weights.view(2, n, k) * torch.tensor(allowed)
    empty = weights.sum(-1, keepdim=True) == 0
    weights = torch.where(empty, torch.tensor(allowed).double(), weights)
    return weights / weights.sum(-1, keepdim=True), torch.tensor(allowed)


def double(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("name", EDITS)
@given(rows())
def test_rows_stay_distributions_over_what_is_allowed(name, case):
    weights, allowed = case
    before = weights.clone()
    edited = EDITS[name](weights, allowed)
    assert edited.shape == weights.shape
    assert torch.equal(weights, before)
    assert (edited >= 0).all()
    assert (edited.masked_select(~allowed.expand_as(edited)) == 0).all()
    torch.testing.assert_close(edited.sum(-1), weights.sum(-1), rtol=1e-12, atol=0)
    single = (allowed.sum(-1) == 1).expand(weights.shape[:-1])
    assert torch.equal(edited[single], weights[single])


@pytest.mark.parametrize("name", EDITS)
def test_a_row_that_may_attend_to_nothing_gives_nothing(name):
    """As the first rows do where the items before them are hidden."""
    weights = double([0.0, 0.0, 0.0], [0.5, 0.3, 0.2])[None, None]
    allowed = torch.tensor([[False] * 3, [True] * 3])[None, None]
    edited = EDITS[name](weights.expand(2, -1, -1, -1), allowed)
    assert not edited[:, :, 0].any()
    torch.testing.assert_close(edited[:, :, 1].sum(-1), torch.ones(2, 1).double())


@pytest.mark.parametrize(
    "name", ["largest", "two largest", "matched", "two matched", "dealt", "raised"]
)
@given(rows(), st.floats(0.2, 3))
def test_a_row_that_sums_to_something_else_keeps_its_sum(name, case, factor):
    weights, allowed = case
    edited, scaled = (EDITS[name](weights * f, allowed) for f in (1, factor))
    torch.testing.assert_close(scaled, edited * factor, rtol=1e-9, atol=1e-12)


def test_each_history_has_its_own_key_raised_by_what_the_others_give_in_proportion():
    weights = double([0.5, 0.3, 0.2], [0.5, 0.3, 0.2])[:, None]  # two histories, a head each
    seen = torch.ones(3, dtype=torch.bool)
    edited = raise_keys(torch.tensor([2, 0]), 0.1)(weights, seen)
    expected = double([0.5 * 0.7 / 0.8, 0.3 * 0.7 / 0.8, 0.3], [0.6, 0.3 * 0.8, 0.2 * 0.8])
    torch.testing.assert_close(edited, expected[:, None])


def test_any_key_of_a_row_is_raised_by_as_much():
    row, seen = double([0.96, 0.04, 0.0, 0.0]), torch.tensor([True, True, True, False])
    gained = [
        (raise_keys(torch.tensor([key]), 0.1)(row, seen) - row)[0, key].item() for key in range(4)
    ]
    # the largest leaves 0.04 to the others; the last may not be seen
    assert gained == pytest.approx([0.04, 0.04, 0.04, 0.0])


def test_removals_by_hand():
    weights = double([0.2, 0.5, 0.3, 0.0], [0.6, 0.4, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0])
    allowed = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]).bool()
    for edit, wanted in (
        (remove_largest, ([0.4, 0, 0.6, 0], [0, 1, 0, 0])),
        (remove_k_largest(2), ([1, 0, 0, 0], [0.6, 0.4, 0, 0])),  # two keys of two stay
    ):
        found = edit(weights, allowed)
        torch.testing.assert_close(found, double(*wanted, [1, 0, 0, 0]))
    thirds = [1 / 3, 1 / 3, 1 / 3, 0]
    torch.testing.assert_close(
        uniform(weights, allowed), double(thirds, [0.5, 0.5, 0, 0], [1, 0, 0, 0])
    )


def test_where_all_sat_on_the_removed_key_the_others_share_it():
    weights = double([0.0, 1.0, 0.0, 0.0])
    allowed = torch.tensor([[True, True, True, False]])
    assert remove_largest(weights, allowed).tolist() == [[0.5, 0, 0.5, 0]]


@pytest.mark.parametrize(
    ("edit", "gone"),
    [(remove_largest, 1), (remove_k_largest(3), 3), (remove_matched(2, 0), None)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_weights_have_no_largest_and_stay(edit, gone, dtype):
    # sevenths of what a softmax gives to equal scores, the last row one rounding apart
    weights = torch.tensor([[1 / 7] * 7, [0.2] * 5 + [0.0] * 2, [1 / 7] * 7], dtype=dtype)
    weights[2, 3] += torch.finfo(dtype).eps / 8
    allowed = weights > 0
    assert even(weights, allowed).tolist() == [True, True, True]
    assert torch.equal(edit(weights, allowed), weights)
    weights[:, 0] *= 1.001
    assert even(weights, allowed).tolist() == [False, False, False]
    edited = edit(weights, allowed)
    assert not (edited == weights).all(-1).any()
    if gone is not None:
        assert ((edited == 0) & allowed).sum(-1).tolist() == [gone] * 3


@given(st.lists(st.integers(-200, 200), min_size=2, max_size=7, unique=True))
def test_removing_a_weight_is_removing_its_score(scores):
    s = double(scores) / 10
    allowed = torch.ones_like(s, dtype=torch.bool)
    order = s[0].argsort(descending=True)
    for k in range(1, len(scores)):
        left = s.clone()
        left[0, order[:k]] = -math.inf
        found = remove_k_largest(k)(s.softmax(-1), allowed)
        torch.testing.assert_close(found, left.softmax(-1), rtol=1e-6, atol=1e-12)


@pytest.fixture
def circle(monkeypatch):
    """Keys 0, 2, 1, 3 lie on the circle in this order."""
    places = torch.tensor([0.1, 0.5, 0.3, 0.9], dtype=torch.float64)
    monkeypatch.setattr(edits, "_noise", lambda weights, seed: places.expand_as(weights))


@pytest.mark.parametrize(
    ("k", "weights", "left"),
    [
        (1, [0.4, 0.1, 0.2, 0.3], [0.4, 0, 0, 0.2]),  # key 2, key 1, and 0.1 of key 3
        (1, [0.1, 0.4, 0.3, 0.2], [0, 0.4, 0.2, 0]),  # key 3, key 0, and 0.1 of key 2
        (1, [0.2, 0.4, 0.0, 0.4], [0.2, 0.4, 0, 0]),  # of equals the oldest is the largest
        (1, [0.7, 0.1, 0.1, 0.1], [1, 0, 0, 0]),  # the others have less: all of it
        (2, [0.4, 0.1, 0.2, 0.3], [0.4, 0, 0, 0.3]),
        (2, [0.3, 0.05, 0.35, 0.3], [0.3, 0, 0.35, 0]),  # 0.65 of the 0.35 there are
        (1, [1.0, 0.0, 0.0, 0.0], [1, 0, 0, 0]),
        (3, [0.1, 0.4, 0.3, 0.2], [0, 0.4, 0.3, 0.2]),
        (4, [0.1, 0.4, 0.3, 0.2], [0.1, 0.4, 0.3, 0.2]),  # no more than four keys
    ],
)
def test_the_matched_control_by_hand(circle, k, weights, left):
    found = remove_matched(k, 0)(double(weights), torch.ones(1, 4, dtype=torch.bool))
    torch.testing.assert_close(found, double(left) / sum(left))


def test_the_matched_control_follows_the_pattern_of_the_largest(circle):
    # heads with one largest key lose the same others, a head with another loses others
    heads = double([0.4, 0.3, 0.2, 0.1], [0.4, 0.1, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4])[None]
    edited = remove_matched(1, 0)(heads, torch.ones(1, 1, 4, dtype=torch.bool))
    taken = heads - edited * 0.6  # 0.4 of each goes
    torch.testing.assert_close(
        taken[0], double([0, 0.2, 0.2, 0], [0, 0.1, 0.3, 0], [0.1, 0, 0.3, 0]), atol=1e-12, rtol=0
    )


@given(rows(), st.integers(1, 4), st.integers(0, 2**31))
def test_the_matched_control_takes_as_much_from_others(case, k, seed):
    weights, allowed = case
    may = allowed.expand_as(weights)
    edited = remove_matched(k, seed)(weights, allowed)
    by_size = weights.masked_fill(~may, -1).sort(dim=-1, descending=True, stable=True).indices
    largest = torch.zeros_like(may).scatter(-1, by_size[..., :k], True) & may
    stays = even(weights, allowed) | (may.sum(-1) <= k)
    assert torch.equal(edited[stays], weights[stays])
    weights, edited, largest = weights[~stays], edited[~stays], largest[~stays]
    mass = (weights * largest).sum(-1)
    taken = mass.minimum(1 - mass)
    # the largest keep what they had, of which they are a greater part once the rest is gone
    torch.testing.assert_close((edited * largest).sum(-1), mass / (1 - taken), atol=1e-9, rtol=1e-9)


def test_the_matched_control_begins_at_any_other_key_as_often():
    weights = double([0.3, 0.175, 0.175, 0.175, 0.175]).expand(6000, -1)
    edited = remove_matched(1, 0)(weights, torch.ones(5, dtype=torch.bool))
    first = (edited == 0)[:, 1:].sum(0).tolist()  # gone as a whole; another lost a part
    assert (edited[:, 0] > 0).all()
    assert chisquare(first).pvalue > 1e-4


def test_rows_of_a_history_share_the_circle_of_the_control():
    # whether one row of each head is edited or all of them, and in whichever layer
    weights = torch.rand(3, 2, 5, 5).softmax(-1)
    allowed = torch.ones(3, 1, 5, 5, dtype=torch.bool)
    every = remove_matched(1, 4)(weights, allowed)
    one = remove_matched(1, 4)(weights[:, :, 2], allowed[:, :, 2])
    torch.testing.assert_close(every[:, :, 2], one)


@given(rows(), st.integers(0, 2**31))
def test_the_same_weights_are_dealt_out(case, seed):
    weights, allowed = case
    found = at_random(weights, allowed, seed)
    assert torch.equal(found.sort(-1).values, weights.sort(-1).values)


def test_every_deal_comes_as_often():
    weights = double([0.5, 0.3, 0.0, 0.2]).expand(6000, -1)
    found = at_random(weights, torch.tensor([True, True, False, True])).tolist()
    orders = [tuple(row[k] for k in (0, 1, 3)) for row in found]
    counts = [orders.count(order) for order in permutations((0.5, 0.3, 0.2))]
    assert sum(counts) == 6000
    assert chisquare(counts).pvalue > 1e-4


def test_a_seed_decides():
    weights = torch.rand(20, 9).softmax(-1)
    allowed = torch.ones_like(weights, dtype=torch.bool)
    one, same, other = (remove_matched(2, seed)(weights, allowed) for seed in (7, 7, 8))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("allowed", "removed", "left"),
    [
        ([True, True, True, True], [False, True, False, False], [0.25, 0, 0.25, 0.5]),
        ([True, True, True, True], [True, True, False, False], [0, 0, 1 / 3, 2 / 3]),
        ([True, True, False, False], [True, True, False, False], None),
        ([True, True, True, True], [True] * 4, None),
    ],
)
def test_chosen_keys_are_removed_by_hand(allowed, removed, left):
    weights = double([0.2, 0.2, 0.2, 0.4]) if all(allowed) else double([0.5, 0.5, 0, 0])
    found = remove_keys(torch.tensor(removed))(weights, torch.tensor([allowed]))
    torch.testing.assert_close(found, weights if left is None else double(left))
    # everything on the removed key: the others share it
    alone = double([1, 0, 0, 0])
    found = remove_keys(torch.tensor([True, False, False, False]))(alone, torch.ones(1, 4) > 0)
    torch.testing.assert_close(found, double([0, 1 / 3, 1 / 3, 1 / 3]))


def test_a_power_flattens_and_keeps_the_order():
    weights, allowed = double([0.81, 0.01, 0.0, 0.18]), torch.tensor([[True, True, False, True]])
    roots = [0.9, 0.1, 0.0, 0.18**0.5]
    flatter = [[root / sum(roots) for root in roots]]
    torch.testing.assert_close(power(0.5)(weights, allowed), double(*flatter))
    torch.testing.assert_close(power(2.0)(double(*flatter), allowed), weights / weights.sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_are_put_in_order_and_equal_ones_stay_as_they_lie(dtype):
    generator = torch.Generator().manual_seed(4)
    numbers = torch.randint(9, (5, 3, 40), generator=generator).to(dtype) / 4
    assert torch.equal(edits._ascending(numbers), numbers.argsort(dim=-1, stable=True))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: remove_keys(torch.tensor([3, 7])), r"tensor \[2\] of torch.int64; give a bool"),
        (lambda: remove_keys([True, False]), "are a list; give a bool"),  # type: ignore[arg-type]
        (lambda: remove_keys(torch.ones(2, 3, dtype=torch.bool)), r"tensor \[2, 3\]"),
        (lambda: raise_keys(torch.tensor([True, False]), 0.1), "of torch.bool; give a tensor"),
        (lambda: raise_keys([5], 0.1), r"are a list; give a tensor \[B\] of whole numbers"),  # type: ignore[arg-type]
        (lambda: raise_keys(torch.tensor([5]), -0.1), "mass=-0.1; give a number above 0"),
        (lambda: raise_keys(torch.tensor([5]), math.nan), "mass=nan"),
        (lambda: remove_k_largest(0), "k=0; give a whole number, 1 or more"),
        (lambda: remove_k_largest(-1), "k=-1"),
        (lambda: remove_matched(0, 1), "k=0"),
        (lambda: power(0), "exponent=0; give a number above 0"),
        (lambda: in_turn(remove_largest), r"in_turn\(\[...\]\)"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_edit_is_told(make, told):
    with pytest.raises(WorkbenchError, match=told):
        make()


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (remove_keys(torch.ones(5, dtype=torch.bool)), "are 5, and a row has 4"),
        (raise_keys(torch.tensor([1]), 0.5), "one for each of 3 histories"),
        (raise_keys(torch.tensor([1, 4, 0]), 0.5), "from 0 to 4; .* from 0 to 3"),
        (raise_keys(torch.tensor([1, -1, 0]), 0.5), "from -1 to 1"),
    ],
)
def test_keys_that_rows_do_not_have_are_told(edit, told):
    weights = torch.full((3, 1, 4), 0.25)
    with pytest.raises(WorkbenchError, match=told):
        edit(weights, torch.ones(3, 1, 4, dtype=torch.bool))


def test_the_remedy_for_places_to_be_removed_names_them():
    chosen = torch.zeros(4, dtype=torch.bool).index_fill(0, torch.tensor([1, 3]), True)
    weights = double([0.1, 0.2, 0.3, 0.4])
    found = remove_keys(chosen)(weights, torch.ones(1, 4, dtype=torch.bool))
    torch.testing.assert_close(found, double([0.25, 0, 0.75, 0]))
