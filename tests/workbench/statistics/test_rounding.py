"""What counts as equal except for rounding, one rule for all that ask."""

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workbench.attention.edits import remove_largest
from workbench.explore.markup import highest
from workbench.faithfulness.agreement import most_important
from workbench.statistics.rounding import TOLERANCE, even, levels, same


def test_small_weights_are_as_far_apart_as_large_ones():
    values = torch.tensor([[1e-9, 0.9, -torch.inf, 2e-9, torch.inf, 0.9 + 1e-8, 0.0, torch.nan]])
    valid = torch.tensor([[True] * 8])
    assert levels(values, valid)[0, :7].tolist() == [2, 4, 0, 3, 5, 4, 1]
    assert levels(values, valid)[0, 7].isnan()


# rows that drift by parts of the tolerance, so that some are even and some are not
drifting = st.lists(st.integers(-6, 6).map(lambda n: n / 4), min_size=2, max_size=9)


@given(drifting, st.sampled_from([1e-6, 0.01, 1 / 3, -0.2]))
def test_a_row_that_one_calls_even_all_call_even(drift, value):
    row = value * (1 + TOLERANCE * torch.tensor([drift], dtype=torch.float64))
    every = torch.ones_like(row, dtype=torch.bool)
    equal = bool(even(row))
    assert bool(even(row, every)) == equal
    assert (levels(row, every) == 0).all() == equal
    assert ((most_important(row, every) > 0).all()) == equal
    if equal:
        assert not highest(pd.Series(row[0].tolist())).any()
    if value > 0:
        assert torch.equal(remove_largest(row, every), row) == equal


@given(drifting)
def test_a_level_holds_what_is_close_to_its_least(drift):
    row = 0.3 * (1 + TOLERANCE * torch.tensor(sorted(drift), dtype=torch.float64))
    least, expected = row[0], [0]
    for value in row[1:]:
        begins = not bool(same(value, least))
        least = value if begins else least
        expected.append(expected[-1] + begins)
    assert levels(row[None], torch.ones(1, len(row), dtype=torch.bool)).tolist() == [expected]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("length", [3, 7, 50, 200])
def test_means_of_equal_weights_are_even(dtype, length):
    # by layers and heads whose scores are equal but large, so that a softmax rounds
    scores = torch.linspace(-40, 40, 24, dtype=dtype).view(3, 8, 1).expand(3, 8, length)
    weights = scores.softmax(-1)
    drifted = torch.where(
        torch.arange(length) % 2 == 0, weights, torch.nextafter(weights, weights + 1)
    )
    for row in (weights.mean((0, 1)), drifted.mean((0, 1)), drifted.prod(0).mean(0)):
        assert even(row)
    assert not even(torch.cat([drifted.mean((0, 1)), weights[0, 0, :1] * 1.00001]))


def test_nan_equals_nothing_and_what_is_not_valid_does_not_count():
    row = torch.tensor([[0.5, 0.5, torch.nan], [0.5, 0.5, 0.4], [0.5, 0.5, 0.5]])
    assert even(row).tolist() == [False, False, True]
    assert even(row, torch.tensor([True, True, False])).tolist() == [True] * 3
    assert even(row, torch.tensor(False)).tolist() == [True] * 3
