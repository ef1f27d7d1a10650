"""Agreement of importances, against SciPy on the items alone."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models import Batch
from workbench.errors import WorkbenchError
from workbench.faithfulness.agreement import most_important, of_one, rank_agreement

numbers = st.integers(-3, 3).map(float)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=9), st.integers(0, 3))
def test_tau_is_scipys_over_the_items_and_padding_changes_nothing(pairs, padding):
    x, y = (torch.tensor([*side, *[9.0] * padding])[None] for side in zip(*pairs, strict=True))
    items = torch.tensor([[1] * len(pairs) + [0] * padding])
    agreement = rank_agreement(x, y, Batch(items, torch.tensor([len(pairs)])))
    tau, p_value = float(agreement.tau), float(agreement.p_value)
    constant = any(len(set(side)) == 1 for side in zip(*pairs, strict=True))
    if len(pairs) < 3 or constant:
        assert math.isnan(tau)
        assert math.isnan(p_value)
        return
    expected = stats.kendalltau(*zip(*pairs, strict=True))
    assert tau == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue)


def test_equal_weights_are_equal_in_spite_of_rounding():
    even = torch.full((4,), 1 / 3, dtype=torch.float64) + torch.tensor([0, 1e-12, -1e-12, 0])
    assert math.isnan(of_one(even, torch.arange(4.0))[0])


@pytest.mark.parametrize("length", [5, 6, 7, 36, 44, 50])
def test_the_mean_of_uniform_attention_is_constant(length):
    rows = torch.full((1, 3, 4, length), 1 / length)
    mean = rows.mean((1, 2))
    drifted = torch.nextafter(mean, torch.ones(()))  # as means of other places may be
    weights = torch.where(torch.arange(length) % 2 == 0, mean, drifted)
    batch = Batch(torch.ones(1, length, dtype=torch.long), torch.tensor([length]))
    assert len(weights.unique()) > 1
    assert rank_agreement(weights, torch.rand(1, length), batch).tau.isnan().all()


def test_equally_important_items_share_the_first_place_and_padding_has_none():
    values = torch.tensor([[0.2, 0.4, 0.4], [0.0, 0.0, 9.0], [-3.0, -1.0, -1.0 - 1e-7]])
    valid = torch.tensor([[True] * 3, [True, True, False], [True] * 3])
    share = most_important(values, valid)
    assert share.tolist() == [[0.0, 0.5, 0.5], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]


BATCH = Batch(torch.tensor([[3, 1, 4], [1, 5, 9]]), torch.tensor([3, 3]))
VALUES = torch.tensor([[0.1, 0.3, 0.2], [0.5, 0.2, 0.1]])


@pytest.mark.parametrize("form", [np.asarray, lambda values: values.tolist()])
def test_arrays_and_lists_are_compared_as_tensors_are(form):
    tau = rank_agreement(form(VALUES), VALUES.flip(1), BATCH).tau
    assert tau.tolist() == pytest.approx([1 / 3, -1.0])
    assert of_one(form(VALUES[0]), form(VALUES[0]))[0] == 1
    assert most_important(form(VALUES), BATCH.valid).argmax(1).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((VALUES, VALUES, BATCH.valid), "a Tensor was given in the place of a batch"),
        ((VALUES[0], VALUES, BATCH), r"of 2 histories of up to 3 items is \[2, 3\].* shape \[3\]"),
        ((VALUES, VALUES[:, :2], BATCH), r"shape \[2, 2\]; give what explain makes"),
        (("attention", VALUES, BATCH), "importance: a str was given that is no table of numbers"),
    ],
)
def test_what_is_no_importance_is_told(given, told):
    with pytest.raises(WorkbenchError, match=told):
        rank_agreement(*given)
