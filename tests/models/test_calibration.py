"""Calibrators and corrections against their formulas, written out without any shortcut."""

import math

import pytest
import torch

from models.attention import split_heads
from models.calibration import (
    AdversarialCalibrator,
    AnnealingCorrection,
    FixedCorrection,
    GateCorrection,
    SpatialCalibrator,
)
from tests.models.concatenating import ConcatenatingCalibrator
from tests.models.variants import batch_of, build, losses_of

TERMS = [(True, True), (True, False), (False, True)]


def spatial_pair(order, distance):
    """Ours and the slow one, with the same weights."""
    torch.manual_seed(0)
    ours = SpatialCalibrator(4, order, distance).double()
    slow = ConcatenatingCalibrator(4, order, distance).double()
    slow.load_state_dict(ours.state_dict())
    return ours, slow


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("order", "distance"), TERMS)
def test_spatial_calibrator_is_the_concatenation(order, distance, causal):
    generator = torch.Generator().manual_seed(1)
    q, k = torch.randn(2, 2, 3, 6, 4, generator=generator).double()
    q = q[:, :, :4].detach()
    rows = torch.tensor([[0, 2, 3, 5], [1, 1, 4, 5]])  # as at prediction rows: not 0, 1, 2, ...
    results = []
    for calibrator in spatial_pair(order, distance):
        inputs = [q.clone().requires_grad_(), k.clone().requires_grad_()]
        errors = calibrator(torch.zeros(2, 3, 4, 6).double(), *inputs, rows, causal)
        if causal:  # what a causal model never looks at is free to be anything
            errors = errors * (rows[:, None, :, None] >= torch.arange(6))
        parameters = [*inputs, *calibrator.parameters()]
        results.append((errors, *torch.autograd.grad(errors.sin().sum(), parameters)))
    # one logarithm is held in single precision, hence no more than seven digits
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-6)


def test_order_error_by_hand():
    """ln p for later keys, ln(1 - p) for the others, p = sigmoid(w_q q_i + w_k k_j + b)."""
    calibrator = SpatialCalibrator(1, order=True, distance=False)
    assert calibrator.order is not None
    with torch.no_grad():
        calibrator.order.weight.copy_(torch.tensor([[1.0, 2.0]]))
        calibrator.order.bias.fill_(0.5)
    q, k = torch.tensor([1.0, -1.0]).view(1, 1, 2, 1), torch.tensor([0.0, 1.0]).view(1, 1, 2, 1)
    p = [[1 / (1 + math.exp(-z)) for z in row] for row in ((1.5, 3.5), (-0.5, 1.5))]
    rows = torch.arange(2)[None]
    both = [
        [math.log(1 - p[0][0]), math.log(p[0][1])],
        [math.log(1 - p[1][0]), math.log(1 - p[1][1])],
    ]
    nothing = torch.zeros(1, 1, 2, 2)
    found = calibrator(nothing, q, k, rows, causal=False)[0, 0].tolist()
    assert found == [pytest.approx(row, rel=1e-5) for row in both]
    both[0][1] = math.log(1 - p[0][1])
    found = calibrator(nothing, q, k, rows, causal=True)[0, 0].tolist()
    assert found == [pytest.approx(row, rel=1e-5) for row in both]


def test_distance_error_by_hand():
    """-theta^2 (ln(1 + |i - j|) - delta)^2 / 2, delta = w_q q_i + w_k k_j + b."""
    calibrator = SpatialCalibrator(1, order=False, distance=True)
    assert calibrator.distance is not None
    assert calibrator.theta is not None
    with torch.no_grad():
        calibrator.distance.weight.copy_(torch.tensor([[0.5, -1.0]]))
        calibrator.distance.bias.fill_(0.25)
        calibrator.theta.fill_(3.0)
    q, k = torch.tensor([2.0]).view(1, 1, 1, 1), torch.tensor([0.0, 1.0, 4.0]).view(1, 1, 3, 1)
    found = calibrator(torch.ones(3), q, k, torch.tensor([[1]]), causal=True).flatten().tolist()
    delta, gap = [1.25, 0.25, -2.75], [math.log(2), 0.0, math.log(2)]
    wanted = [1 - 9 * (g - d) ** 2 / 2 for g, d in zip(gap, delta, strict=True)]
    assert found == pytest.approx(wanted, rel=1e-5)


def test_calibrated_and_perturbed_by_hand():
    a, m, eps = [0.2, 0.3, 0.5], [0.7, 0.1, 0.2], [1.0, -2.0, 0.5]
    allowed = torch.tensor([[True, True, False]])
    raised = [math.exp(a[j] * math.exp(1 - m[j])) for j in (0, 1)]
    found = AdversarialCalibrator.calibrated(torch.tensor([a]), torch.tensor([m]), allowed)
    assert found[0].tolist() == pytest.approx([*(r / sum(raised) for r in raised), 0])
    raised = [math.exp(m[j] * a[j] + (1 - m[j]) * eps[j]) for j in (0, 1)]
    found = AdversarialCalibrator.perturbed(
        torch.tensor([a]), torch.tensor([m]), allowed, torch.tensor([eps])
    )
    assert found[0].tolist() == pytest.approx([*(r / sum(raised) for r in raised), 0])


A, A_C = torch.tensor([[[[0.25, 0.75, 0.0]]]]), torch.tensor([[[[0.6, 0.4, 0.0]]]])


def test_fixed_correction_by_hand():
    """A softmax over all five positions of the reference's tensor, of which three are here."""
    raised = [math.exp(0.25 + 0.3 * 0.6), math.exp(0.75 + 0.3 * 0.4), 1.0]
    found = FixedCorrection(0.3, width=5)(A, A_C, torch.zeros(1, 1, 2))
    assert found.flatten().tolist() == pytest.approx([r / (sum(raised) + 2) for r in raised])


def test_gate_correction_by_hand():
    correction = GateCorrection(2, width=5)
    with torch.no_grad():
        correction.gate.weight.copy_(torch.arange(10.0).view(5, 2) / 10)
        correction.gate.bias.copy_(torch.arange(5.0))
    # logits of the first three keys for q = (1, -2): 0 - .2, .2 - .6 + 1, .4 - 1 + 2
    g = [1 / (1 + math.exp(-z)) for z in (-0.2, 0.6, 1.4)]
    pairs = zip(g, A.flatten().tolist(), A_C.flatten().tolist(), strict=True)
    found = correction(A, A_C, torch.tensor([[[1.0, -2.0]]])).flatten().tolist()
    assert found == pytest.approx([x * a + (1 - x) * c for x, a, c in pairs])


def test_annealing_correction_by_hand():
    correction = AnnealingCorrection().train()
    query = torch.zeros(1, 1, 2)
    assert torch.equal(correction(A, A_C, query), A)  # r = 1 at the first step
    correction.step.fill_(30_000)
    r = math.exp(-0.3)
    for _ in range(2):  # inference counts no step
        torch.testing.assert_close(correction.eval()(A, A_C, query), r * A + (1 - r) * A_C)
    correction.train()(A, A_C, query)
    assert correction.step.item() == 30_001
    assert "step" in correction.state_dict()  # it goes on where it was


def test_heads_are_consecutive_parts_of_a_vector():
    x = torch.arange(24).view(1, 2, 12)
    heads = split_heads(x, 3)
    assert heads.shape == (1, 3, 2, 4)
    assert heads[0, 1].tolist() == [[4, 5, 6, 7], [16, 17, 18, 19]]


def test_dividing_by_the_sum_survives_rows_that_dropout_empties():
    model = build("AC-annealing-two-renormalize-od", attention_dropout=0.9).train()
    for module in model.modules():
        if isinstance(module, AnnealingCorrection):
            module.step.zero_()  # all of it is A, of which a lone key falls nine times in ten
    torch.manual_seed(0)
    losses = losses_of(model, batch_of([1, 2, 3], [4], [5]), torch.tensor([4, 5, 6]), None)
    (losses.recommendation + losses.adversarial).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name
