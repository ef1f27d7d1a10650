"""Softmax, division by the sum and uniform weights, row by row over the allowed keys alone."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.kernels import masked_softmax, renormalize, uniform_weights
from models.kernels.softmax import LANES

ROWS = st.lists(
    st.tuples(st.floats(-50, 50), st.booleans()), min_size=1, max_size=8
).filter(lambda row: any(allowed for _, allowed in row))  # fmt: skip


def double(row):
    return torch.tensor([row], dtype=torch.float64)


@given(ROWS, st.floats(0.1, 3))
def test_softmax_over_the_allowed_keys(row, scale):
    scores, allowed = zip(*row, strict=True)
    found = masked_softmax(double(scores), torch.tensor([allowed]), scale)[0]
    largest = max(s for s, a in row if a)
    total = sum(math.exp(scale * (s - largest)) for s, a in row if a)
    wanted = [math.exp(scale * (s - largest)) / total if a else 0.0 for s, a in row]
    assert found.tolist() == pytest.approx(wanted, rel=1e-9, abs=1e-300)
    assert all(weight == 0 for weight, a in zip(found.tolist(), allowed, strict=True) if not a)


@pytest.mark.parametrize("n_keys", [1, 9, LANES - 1, LANES, LANES + 5])
def test_the_gradient_is_autograds_however_many_keys(n_keys):
    generator = torch.Generator().manual_seed(n_keys)
    scores = torch.randn(2, 3, 4, n_keys, generator=generator, dtype=torch.float64)
    scores.requires_grad_()
    allowed = torch.rand(2, 1, 4, n_keys, generator=generator) < 0.6
    allowed[..., 0] = True
    found = masked_softmax(scores, allowed, 0.7)
    wanted = (0.7 * scores).masked_fill(~allowed, -math.inf).softmax(-1)
    torch.testing.assert_close(found, wanted)
    grad = torch.randn(found.shape, generator=generator, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad(each, scores, grad)[0] for each in (found, wanted))
    torch.testing.assert_close(ours, theirs)


@given(ROWS)
def test_renormalized_and_uniform_rows(row):
    scores, allowed = zip(*row, strict=True)
    weights = double(scores).exp()
    total = sum(math.exp(s) for s, a in row if a)
    wanted = [math.exp(s) / total if a else 0.0 for s, a in row]
    found = renormalize(weights, torch.tensor([allowed]))[0].tolist()
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-300)
    same = [1 / sum(allowed) if a else 0.0 for a in allowed]
    assert uniform_weights(torch.tensor([allowed]), torch.float64)[0].tolist() == pytest.approx(
        same
    )


def test_a_row_of_which_dropout_left_nothing_stays_zero():
    weights = torch.tensor([[0.0, 0.0, 7.0], [0.0, 3.0, 1.0]], requires_grad=True)
    allowed = torch.tensor([[True, True, False], [True, True, False]])
    found = renormalize(weights, allowed)
    assert found.tolist() == [[0, 0, 0], [0, 1, 0]]
    (grad,) = torch.autograd.grad(found.square().sum(), weights)
    assert grad.isfinite().all()


@pytest.mark.parametrize("forbidden", [1e30, torch.inf, torch.nan])
def test_a_forbidden_score_never_shows(forbidden):
    scores = torch.tensor([[0.0, math.log(3), forbidden]], requires_grad=True)
    allowed = torch.tensor([[True, True, False]])
    weights = masked_softmax(scores, allowed)
    assert weights.tolist() == [[pytest.approx(0.25), pytest.approx(0.75), 0]]
    (grad,) = torch.autograd.grad(weights[0, 0], scores)
    assert grad.tolist() == [[pytest.approx(0.25 * 0.75), pytest.approx(-0.25 * 0.75), 0]]


def test_a_mask_without_heads_serves_all_heads():
    allowed = torch.tensor([[[[True, False]]], [[[True, True]]]])  # [B, 1, 1, L]
    weights = masked_softmax(torch.zeros(2, 3, 1, 2), allowed)
    assert weights[0].tolist() == [[[1, 0]]] * 3
    assert weights[1].tolist() == [[[0.5, 0.5]]] * 3
    assert uniform_weights(allowed, torch.float32).tolist() == [[[[1, 0]]], [[[0.5, 0.5]]]]


def test_scores_are_left_as_they_were():
    scores, allowed = torch.tensor([[1.0, 2.0]]), torch.tensor([[True, False]])
    masked_softmax(scores, allowed, 2.0)
    renormalize(scores, allowed)
    assert scores.tolist() == [[1, 2]]


@pytest.mark.parametrize("n_keys", [LANES - 1, LANES])
def test_under_autocast_it_is_in_single_precision_however_many_keys(n_keys):
    scores = torch.randn(3, n_keys, generator=torch.Generator().manual_seed(0)).bfloat16()
    allowed = torch.ones(3, n_keys, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16):
        found = masked_softmax(scores, allowed)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, scores.float().softmax(-1))
