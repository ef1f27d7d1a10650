"""Leave-one-out effects against histories that were never longer, one by one."""

from itertools import pairwise

import pytest
import torch

from models import Batch, CalibrationConfig, ModelConfig, SASRec
from tests.analyses.handmade import EFFECT, Handmade
from workbench import adapt
from workbench.explain.erasure import leave_one_out

HISTORIES = ([3, 1, 4, 1, 5], [2, 7], [6], [8, 2, 8])
TARGETS = torch.tensor([9, 1, 3, 3])


def padded(histories, times=None) -> Batch:
    width = max(map(len, histories))
    items = torch.tensor([[*h, *[0] * (width - len(h))] for h in histories])
    return Batch(items, torch.tensor([len(h) for h in histories]), times)


@pytest.fixture(params=["plain", "calibrated"])
def model(request) -> SASRec:
    torch.manual_seed(0)
    calibration = CalibrationConfig() if request.param == "calibrated" else None
    config = ModelConfig(
        "tiny", n_items=9, max_length=6, hidden_size=8, inner_size=8, calibration=calibration
    )
    tiny = SASRec(config)
    for parameter in tiny.parameters():  # far from their start, where everything is alike
        torch.nn.init.normal_(parameter, std=0.5)
    return tiny.double().eval()


def test_each_item_is_really_deleted(model):
    """Brute force: every shortened history alone, without padding, through the whole model."""
    effects = leave_one_out(model, padded(HISTORIES), TARGETS, chunk=3)
    for row, (history, target) in enumerate(zip(HISTORIES, TARGETS.tolist(), strict=True)):
        whole = model.scores(padded([history]))[0, target]
        for at in range(len(history)):
            if len(history) == 1:
                assert effects[row, at].isnan()
                continue
            shorter = padded([history[:at] + history[at + 1 :]])
            expected = whole - model.scores(shorter)[0, target]
            assert effects[row, at].item() == pytest.approx(expected.item(), abs=1e-12)
        assert (effects[row, len(history) :] == 0).all()


def test_effects_known_by_hand():
    """Attention 1/4, 1/4, 2/4 over items 1, 2, 3; without one of them it is shared anew."""
    model = Handmade([1.0, 1.0, 2.0, 1.0, 1.0])
    effects = leave_one_out(model, padded([[1, 2, 3]]), torch.tensor([5]))
    whole = (EFFECT[1, 5] + EFFECT[2, 5] + 2 * EFFECT[3, 5]) / 4
    without = (
        (EFFECT[2, 5] + 2 * EFFECT[3, 5]) / 3,
        (EFFECT[1, 5] + 2 * EFFECT[3, 5]) / 3,
        (EFFECT[1, 5] + EFFECT[2, 5]) / 2,
    )
    assert effects[0].tolist() == pytest.approx([whole - each for each in without])


def test_times_leave_with_their_items():
    """A model that scores by the sum of the times it is given."""

    def clock(batch):
        return (batch.times * batch.valid).sum(1, keepdim=True).double().expand(-1, 6)

    model = adapt(clock, n_items=5, max_length=3, needs_times=True)
    times = torch.tensor([[1, 10, 100], [7, 70, 0]])
    batch = padded([[1, 2, 3], [4, 5]], times)
    effects = leave_one_out(model, batch, torch.tensor([1, 1]))
    assert effects.tolist() == [[1, 10, 100], [7, 70, 0]]


def test_chunks_change_nothing(model):
    effects = [leave_one_out(model, padded(HISTORIES), TARGETS, chunk=c) for c in (1, 4, 512)]
    for some, other in pairwise(effects):
        torch.testing.assert_close(some, other, equal_nan=True, rtol=0, atol=1e-12)
