"""Divergence and entropy against SciPy, and the entropy bounds by brute force."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from workbench.statistics import (
    calibrated_entropy_bound,
    calibrated_weight_bound,
    distributions,
    entropy,
    entropy_bound,
    jensen_shannon_of_scores,
    normalised_entropy,
)


@pytest.mark.parametrize("scale", [0.01, 1, 30])
@pytest.mark.parametrize("numbers", [50, 1_000_000])
def test_jensen_shannon_is_scipys(monkeypatch, scale, numbers):
    monkeypatch.setattr(distributions, "CHUNK_NUMBERS", numbers)
    p, q = np.random.default_rng(0).normal(0, scale, (2, 7, 40))
    p[:, 0] = q[:, 0] = -np.inf  # the padding column
    q[:, 1] = -np.inf
    expected = jensenshannon(softmax(p, 1), softmax(q, 1), axis=1) ** 2
    found = jensen_shannon_of_scores(torch.from_numpy(p), torch.from_numpy(q))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)


def test_jensen_shannon_of_nearby_scores():
    # To second order, JSD = Var_p(delta) / 8.
    r = np.random.default_rng(1)
    p, delta = r.normal(size=(2, 1, 1000))
    weights = softmax(p[0])
    variance = weights @ delta[0] ** 2 - (weights @ delta[0]) ** 2
    found = jensen_shannon_of_scores(torch.from_numpy(p), torch.from_numpy(p + 1e-4 * delta))
    assert found.item() == pytest.approx(1e-8 * variance / 8, rel=1e-3)


def test_jensen_shannon_extremes():
    inf = torch.inf
    p = torch.tensor([[0.0, -inf, -inf], [3.0, -inf, 1.0], [900.0, 0.0, 0.0], [-inf, -inf, -inf]])
    q = torch.tensor([[-inf, 0.0, 7.0], [5.0, -inf, 3.0], [0.0, 900.0, 0.0], [0.0, 1.0, 2.0]])
    found = jensen_shannon_of_scores(p, q)
    assert found[:3].tolist() == pytest.approx([math.log(2), 0, math.log(2)], abs=1e-15)
    assert found[3].isnan()
    assert jensen_shannon_of_scores(p[:0], q[:0]).shape == (0,)


logits = st.lists(st.floats(-50, 50), min_size=4, max_size=4)


@settings(deadline=None)
@given(p=logits, q=logits, shift=st.floats(-100, 100))
def test_jensen_shannon_invariances(p, q, shift):
    a, b = torch.tensor([p]).double(), torch.tensor([q]).double()
    found = jensen_shannon_of_scores(a, b).item()
    assert 0 <= found <= math.log(2) + 1e-12
    assert jensen_shannon_of_scores(b, a).item() == found
    assert jensen_shannon_of_scores(a + shift, b).item() == pytest.approx(found, abs=1e-12)
    assert jensen_shannon_of_scores(a, a).item() == 0


def test_entropy_is_scipys_over_the_allowed():
    r = np.random.default_rng(2)
    allowed = r.random((3, 2, 5, 8)) < 0.6
    allowed[..., 0] = True
    weights = np.where(allowed, r.random(allowed.shape), 0)
    weights[0, 0, 0] = np.eye(8)[0]  # all weight on one key: 0 log 0 = 0
    weights /= weights.sum(-1, keepdims=True)
    leaked = np.where(allowed, weights, 0.3)  # what lies outside is not looked at
    found = entropy(torch.from_numpy(leaked), torch.from_numpy(allowed))
    expected = scipy.stats.entropy(weights, axis=-1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    n = torch.from_numpy(allowed.sum(-1))
    share = normalised_entropy(torch.from_numpy(leaked), torch.from_numpy(allowed))
    several = n > 1
    assert torch.equal(share.isnan(), ~several)
    np.testing.assert_allclose(share[several], (expected / np.log(n.numpy()))[several], atol=1e-12)


def test_entropy_broadcasts_the_allowed_keys():
    weights = torch.tensor([0.5, 0.25, 0.25, 0.0]).expand(2, 3, 4)
    allowed = torch.tensor([[[True, True, True, True]], [[False, False, False, False]]])
    found = entropy(weights, allowed)
    assert found.dtype == torch.float64
    assert found[0].tolist() == pytest.approx([1.5 * math.log(2)] * 3)
    assert found[1].isnan().all()
    assert normalised_entropy(weights, allowed)[0].tolist() == pytest.approx([0.75] * 3)


def test_a_single_key_has_no_normalised_entropy():
    weights = torch.tensor([[0.9999, 0.0]])  # off one by rounding
    assert normalised_entropy(weights, torch.tensor([[True, False]])).isnan().all()


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_entropy_lies_between_the_bounds(scores):
    n = torch.tensor(len(scores))
    weights = torch.tensor(scores).double().softmax(-1)
    nats = entropy(weights, torch.ones_like(weights, dtype=torch.bool))
    assert calibrated_entropy_bound(n) - 1e-12 <= nats <= entropy_bound(n) + 1e-12
    assert weights.max() <= calibrated_weight_bound(n) + 1e-12


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_calibrated_bounds_over_a_grid(n):
    grid = np.array(list(itertools.product(np.linspace(0, 1, 9), repeat=n)))
    weights = softmax(grid, axis=1)
    least, most = scipy.stats.entropy(weights, axis=1).min(), weights.max()
    assert calibrated_entropy_bound(torch.tensor(n)).item() == pytest.approx(least, abs=1e-12)
    assert calibrated_weight_bound(torch.tensor(n)).item() == pytest.approx(most, abs=1e-12)


def test_calibrated_bound_over_every_number_of_ones():
    numbers = torch.arange(1, 201)
    found = calibrated_entropy_bound(numbers)
    for n, value in zip(numbers.tolist(), found.tolist(), strict=True):
        steps = np.tri(n + 1, n, -1)  # row m: m ones
        expected = scipy.stats.entropy(softmax(steps, axis=1), axis=1).min()
        assert value == pytest.approx(expected, abs=1e-12)


def test_bounds_as_published():
    assert calibrated_weight_bound(torch.tensor(50)).item() == pytest.approx(0.053, abs=5e-4)
    many = torch.tensor(10**6)
    gap = entropy_bound(many) - calibrated_entropy_bound(many)
    assert gap.item() == pytest.approx(0.1233, abs=5e-5)
