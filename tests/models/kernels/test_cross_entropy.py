"""Cross-entropy over a catalogue against torch.nn.functional.cross_entropy."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.kernels import catalogue_cross_entropy
from models.kernels.cross_entropy import CHUNK


def sample(n: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states [n, 6], a table [23, 6] and targets [n]."""
    g = torch.Generator().manual_seed(n)
    hidden = torch.randn(n, 6, generator=g, dtype=dtype).requires_grad_()
    table = torch.randn(23, 6, generator=g, dtype=dtype).requires_grad_()
    return hidden, table, torch.randint(1, 23, (n,), generator=g)


def plain(hidden: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(hidden @ table.T, targets)


@pytest.mark.parametrize("n", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 37])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_gradients_are_torchs(n, dtype):
    hidden, table, targets = sample(n, dtype)
    found, wanted = (f(hidden, table, targets) for f in (catalogue_cross_entropy, plain))
    close = (
        {"rtol": 1e-5, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 1e-12, "atol": 1e-14}
    )
    torch.testing.assert_close(found, wanted, **close)
    grads = (torch.autograd.grad(loss * -2.5, (hidden, table)) for loss in (found, wanted))
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, theirs, **close)


def test_a_constant_table_gets_no_gradient() -> None:
    hidden, table, targets = sample(5)
    loss = catalogue_cross_entropy(hidden, table.detach(), targets)
    loss.backward()
    (wanted,) = torch.autograd.grad(plain(hidden, table, targets), hidden)
    torch.testing.assert_close(hidden.grad, wanted)
    assert table.grad is None


def test_two_losses_in_one_step_do_not_disturb_each_other() -> None:
    """The room for logits is kept between calls; gradients must not live in it."""
    first, second = sample(40), sample(300)
    losses = [catalogue_cross_entropy(*s) for s in (first, second, first)]
    for loss, inputs in zip(losses, (first, second, first), strict=True):
        found = torch.autograd.grad(loss, inputs[:2])
        torch.testing.assert_close(found, torch.autograd.grad(plain(*inputs), inputs[:2]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_where_a_probability_underflows_the_gradient_is_exact(dtype: torch.dtype) -> None:
    hidden = torch.tensor([[2000.0], [1.0]], dtype=dtype, requires_grad=True)
    table = torch.tensor([[0.0], [1.0], [-1.0]], dtype=dtype, requires_grad=True)
    targets = torch.tensor([2, 1])
    found, wanted = (f(hidden, table, targets) for f in (catalogue_cross_entropy, plain))
    grads = (torch.autograd.grad(loss, (hidden, table)) for loss in (found, wanted))
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, theirs)
    # the value is that of the smallest normal number: finite, and still large
    second = math.log(1 + math.exp(-1) + math.exp(-2))
    clamped = (-math.log(torch.finfo(dtype).tiny) + second) / 2
    assert found.item() == pytest.approx(clamped, rel=1e-6)
    assert wanted.item() > clamped


def test_autocast_to_bfloat16_is_close_and_stays_in_single_precision() -> None:
    hidden, table, targets = sample(CHUNK + 9, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = catalogue_cross_entropy(hidden, table, targets)
    wanted = plain(hidden, table, targets)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(wanted.item(), rel=1e-2)
    assert found.item() != wanted.item()  # it did run in the lower precision
    grads = zip(
        torch.autograd.grad(found, (hidden, table)),
        torch.autograd.grad(wanted, (hidden, table)),
        strict=True,
    )
    for ours, theirs in grads:
        assert ours.dtype == torch.float32
        assert float((ours - theirs).norm() / theirs.norm()) < 1e-2
