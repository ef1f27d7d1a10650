"""Dropout: what share falls, what is kept, and that draws do not hang together."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from models.kernels import Dropout

N = 400_000


def dropped(p: float, n: int = N, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return Dropout(p).train()(torch.ones(n))


@pytest.mark.parametrize("p", [0.001, 0.1, 0.25, 0.5, 0.9, 0.999])
def test_the_share_falls_and_the_mean_stays(p):
    x = dropped(p)
    share = min(max(round(p * 256), 1), 255) / 256  # to the nearest 1/256, neither none nor all
    assert x.unique().tolist() == [0, pytest.approx(1 / (1 - share))]
    sigma = np.sqrt(share * (1 - share) / N)
    assert float((x == 0).double().mean()) == pytest.approx(share, abs=5 * sigma)
    assert float(x.double().mean()) == pytest.approx(1, abs=5 * sigma / (1 - share))


def test_eval_and_p_zero_are_the_identity():
    x = torch.randn(3, 5)
    assert Dropout(0.9).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_elements_of_one_draw_are_independent():
    """Eight elements share a 64-bit draw: all their 256 patterns come equally often."""
    bits = (dropped(0.5) == 0).view(-1, 8).numpy()
    patterns = np.bincount(np.packbits(bits, axis=1)[:, 0], minlength=256)
    assert chisquare(patterns).pvalue > 1e-4


def test_positions_fall_alike():
    """Every one of the eight places in a draw falls as often as the others."""
    falls = (dropped(0.1) == 0).view(-1, 8).sum(0).numpy()
    assert chisquare(falls).pvalue > 1e-4


def test_another_call_falls_elsewhere_and_a_seed_brings_it_back():
    torch.manual_seed(0)
    dropout, x = Dropout(0.5).train(), torch.ones(64)
    first, second = dropout(x), dropout(x)
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(dropout(x), first)


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (2, 3, 7), (0, 4)])
def test_any_shape_and_what_is_kept_is_scaled(shape):
    torch.manual_seed(1)
    x = torch.randn(shape, dtype=torch.float64) + 10
    found = Dropout(0.25).train()(x)
    assert found.shape == x.shape
    assert found.dtype == x.dtype
    kept = found != 0
    torch.testing.assert_close(found[kept], x[kept] / 0.75, rtol=1e-15, atol=0)


def test_a_transposed_input_is_not_mistaken():
    x = torch.arange(1.0, 13).view(3, 4).T
    torch.manual_seed(2)
    found = Dropout(0.5).train()(x)
    assert ((found == 0) | (found == 2 * x)).all()


def test_the_gradient_falls_where_the_value_did():
    torch.manual_seed(3)
    x = torch.ones(1000, requires_grad=True)
    found = Dropout(0.5).train()(x)
    (grad,) = torch.autograd.grad(found.sum(), x)
    assert torch.equal(grad, found.detach())


@pytest.mark.parametrize("share", [1, 26, 127, 128, 129, 255])
def test_bytes_are_compared_one_by_one(share):
    torch.manual_seed(0)
    draws = torch.empty(1000, dtype=torch.int64).random_(-(2**63), None)
    torch.manual_seed(0)
    found = dropped(share / 256, n=8000) > 0
    assert torch.equal(found, draws.view(torch.uint8) >= share)
