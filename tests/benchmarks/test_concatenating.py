"""The slow formulation against the reference's numbers, and ours against the slow formulation."""

import pytest
import torch

from benchmarks.concatenating import Concatenating
from benchmarks.training_step import TOLERANCE, largest_difference
from models import CalibrationConfig, ModelConfig, SASRec
from tests.models.test_golden import Golden

TINY = ModelConfig(
    name="AC-SASRec",
    n_items=11,
    max_length=6,
    n_layers=2,
    hidden_size=8,
    inner_size=12,
    position_embedding=False,
    calibration=CalibrationConfig(),
)


def test_slow_losses_are_the_reference_s() -> None:
    golden = Golden("acsasrec-gate")
    slow = Concatenating(golden.model)
    losses = slow.losses(golden.batch, golden.t["input.target"], golden.t["noise.layer1"])
    assert losses.adversarial is not None
    for ours, wanted in (
        (losses.recommendation, golden.t["loss.calibrated"]),
        (losses.adversarial, golden.t["loss.attacked"]),
    ):
        torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-9)


def test_ours_agrees_with_the_slow_one_in_losses_and_gradients() -> None:
    torch.manual_seed(0)
    assert largest_difference(TINY, 5) < TOLERANCE


def test_a_different_mathematics_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    spatial = Concatenating._spatial
    monkeypatch.setattr(Concatenating, "_spatial", lambda *a: spatial(*a) * (1 + 1e-6))
    assert largest_difference(TINY, 5) > TOLERANCE


def test_what_is_not_a_number_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    spatial = Concatenating._spatial
    monkeypatch.setattr(Concatenating, "_spatial", lambda *a: spatial(*a) * torch.nan)
    assert not largest_difference(TINY, 5) < TOLERANCE


def test_weights_are_its_own() -> None:
    model = SASRec(TINY)
    slow = Concatenating(model)
    with torch.no_grad():
        slow.parameters["item_embedding.weight"].add_(1)
    assert (model.item_embedding.weight[0] == 0).all()
