"""Hand-written gradients against finite differences, and against autograd on the plain formula."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.kernels import (
    add_distance_error,
    add_order_error,
    amplify,
    gate,
    mask_penalty,
    masked_softmax,
)

B, H, Q, L = 2, 3, 4, 5
ALLOWED = torch.tensor([[0, 1, 3, 4], [0, 2, 4, 4]])[:, None, :, None] >= torch.arange(L)
LATER = torch.arange(Q)[:, None] < torch.arange(L)


def normal(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@dataclass(frozen=True)
class Case:
    """A fused function of its inputs, and the formula it stands for."""

    name: str
    fused: Callable[..., Tensor]
    plain: Callable[..., Tensor]
    inputs: tuple[Tensor, ...]


CASES = [
    Case(
        "softmax",
        lambda s: masked_softmax(s, ALLOWED, 0.7),
        lambda s: (s * 0.7).masked_fill(~ALLOWED, -torch.inf).softmax(-1),
        (normal(B, H, Q, L),),
    ),
    Case(
        "unscaled softmax",
        lambda s: masked_softmax(s, ALLOWED, 1.0),
        lambda s: s.masked_fill(~ALLOWED, -torch.inf).softmax(-1),
        (normal(B, H, Q, L),),
    ),
    Case(
        "order, nothing later",
        lambda s, r, c: add_order_error(s, r, c, None),
        lambda s, r, c: s + (1 - (r + c).sigmoid()).log(),
        (normal(B, H, Q, L), normal(B, H, Q, 1), normal(B, H, 1, L)),
    ),
    Case(
        "order",
        lambda s, r, c: add_order_error(s, r, c, LATER),
        lambda s, r, c: s + torch.where(LATER, (r + c).sigmoid(), 1 - (r + c).sigmoid()).log(),
        (normal(B, H, Q, L), normal(B, H, Q, 1), normal(B, H, 1, L)),
    ),
    Case(
        "distance",
        add_distance_error,
        lambda s, g, r, c: s - ((g - r - c) ** 2) / 2,
        (normal(B, H, Q, L), normal(1, 1, Q, L), normal(B, H, Q, 1), normal(B, H, 1, L)),
    ),
    Case(
        "amplified",
        amplify,
        lambda w, m: w * (1 - m).exp(),
        (normal(B, H, Q, L), normal(B, H, Q, L).abs()),
    ),
    Case(
        "gated",
        gate,
        lambda w, c, g: g * w + (1 - g) * c,
        (normal(B, H, Q, L), normal(B, H, Q, L).flip(-1), normal(B, 1, Q, L).sigmoid()),
    ),
    Case(
        "penalty",
        mask_penalty,
        lambda m: (1 - m).pow(2).sum().sqrt(),
        (normal(B, H, Q, L),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestEach:
    def test_value_and_gradients_are_the_plain_formulas(self, case: Case) -> None:
        results: list[Any] = []
        for function in (case.fused, case.plain):
            inputs = [x.clone().requires_grad_() for x in case.inputs]
            value = function(*inputs)
            cotangent = normal(*value.shape, 1)[..., 0]  # nothing symmetric
            results.append((value, *torch.autograd.grad(value, inputs, cotangent)))
        torch.testing.assert_close(results[0], results[1], rtol=1e-11, atol=1e-11)

    def test_gradients_are_finite_differences(self, case: Case) -> None:
        assert torch.autograd.gradcheck(
            case.fused, tuple(x.clone().requires_grad_() for x in case.inputs)
        )

    def test_each_input_may_be_a_constant(self, case: Case) -> None:
        for number in range(len(case.inputs)):
            inputs = [x.clone().requires_grad_(i == number) for i, x in enumerate(case.inputs)]
            found, wanted = (
                torch.autograd.grad(f(*inputs).pow(3).sum(), inputs[number])
                for f in (case.fused, case.plain)
            )
            torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)

    def test_inputs_are_left_as_they_were(self, case: Case) -> None:
        inputs = [x.clone().requires_grad_() for x in case.inputs]
        torch.autograd.grad(case.fused(*inputs).sum(), inputs)
        assert all(torch.equal(x, was) for x, was in zip(inputs, case.inputs, strict=True))

    def test_a_second_derivative_is_refused(self, case: Case) -> None:
        inputs = [x.clone().requires_grad_() for x in case.inputs]
        (grad, *_) = torch.autograd.grad(
            case.fused(*inputs).pow(2).sum(), inputs, create_graph=True
        )
        with pytest.raises(RuntimeError, match="once_differentiable"):
            grad.sum().backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("later", [False, True])
def test_order_error_survives_extreme_logits(dtype: torch.dtype, later: bool) -> None:
    """ln(1 - p), or ln p, where 1 - p or p itself is rounded to zero."""
    z = np.array([-800.0, -80.0, -61.0, -59.0, 0.0, 16.0, 59.0, 61.0, 80.0, 800.0])
    row = torch.zeros(1, 1, 1, 1, dtype=dtype)
    column = torch.tensor(z, dtype=dtype).view(1, 1, 1, -1).requires_grad_()
    nothing = torch.zeros_like(column, requires_grad=False)
    error = add_order_error(nothing, row, column, torch.tensor([later]) if later else None)
    signed = -z if later else z
    wanted = -np.logaddexp(0, signed)
    with np.errstate(over="ignore"):
        slope = (1 if later else -1) / (1 + np.exp(-signed))
    (grad,) = torch.autograd.grad(error.sum(), column)
    rtol = 1e-6 if dtype == torch.float32 else 1e-14
    tiny = torch.finfo(dtype).tiny
    np.testing.assert_allclose(error.detach().flatten(), wanted, rtol=rtol, atol=tiny)
    np.testing.assert_allclose(grad.flatten(), slope, rtol=rtol, atol=tiny)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_softmax_survives_extreme_scores(dtype: torch.dtype) -> None:
    scores = torch.tensor([[1e4, 1e4, -1e4], [-1e4, -1e4, 1e4], [80, -80, 0]], dtype=dtype)
    scores.requires_grad_()
    allowed = torch.tensor([[True, True, True], [True, True, False], [True, True, True]])
    weights = masked_softmax(scores, allowed, 1.0)
    assert weights[:2].tolist() == [[0.5, 0.5, 0], [0.5, 0.5, 0]]
    assert weights[2].tolist() == pytest.approx([1, np.exp(-160), np.exp(-80)], rel=1e-4, abs=1e-45)
    (grad,) = torch.autograd.grad(weights[:, 0].sum(), scores)
    assert grad[:2].tolist() == [[0.25, -0.25, 0], [0.25, -0.25, 0]]
    assert torch.isfinite(grad).all()


def test_a_row_with_one_allowed_key_is_one_and_learns_nothing() -> None:
    scores = normal(1, 1, 3, 3).requires_grad_()
    weights = masked_softmax(scores, torch.eye(3, dtype=torch.bool), 0.3)
    assert torch.equal(weights[0, 0], torch.eye(3, dtype=torch.float64))
    (grad,) = torch.autograd.grad((weights * normal(1, 1, 3, 3)).sum(), scores)
    assert (grad == 0).all()


def test_the_penalty_of_a_mask_that_takes_nothing_has_no_slope():
    """As autograd has it of a norm of 0."""
    for penalty in (mask_penalty, lambda m: (1 - m).norm()):
        mask = torch.ones(B, H, Q, L, requires_grad=True)
        penalty(mask).backward()
        assert torch.equal(mask.grad, torch.zeros(B, H, Q, L))
