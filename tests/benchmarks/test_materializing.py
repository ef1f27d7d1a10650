"""The slow TiSASRec against the reference's numbers, and ours against the slow one."""

import pytest
import torch

from benchmarks.materializing import MaterializedIntervals, Materializing
from benchmarks.training_step import TOLERANCE, largest_difference
from models import ModelConfig, TiSASRec
from tests.models.test_golden import Golden
from tests.models.variants import build, losses_of, near, stamped

TINY = ModelConfig(
    name="TiSASRec",
    backbone="TiSASRec",
    n_items=11,
    max_length=6,
    hidden_size=8,
    inner_size=12,
    time_span=7,
)
HISTORIES = [3, 1, 4, 1, 5], [9, 2, 6], [7]
VARIANTS = ["SASRec", "SASRec-uniform", "light-od", "AC-gate-two-softmax-od"]


@pytest.mark.parametrize("name", ["tisasrec", "actisasrec-gate"])
def test_the_slow_one_is_the_reference(name: str) -> None:
    golden = Golden(name)
    assert isinstance(golden.model, TiSASRec)
    slow = Materializing.of(golden.model).eval()
    near(slow(golden.batch), golden.t[golden.of("output.hidden", "output.calibrated")])
    near(slow.scores(golden.batch)[:, 1:], golden.t["scores"][:, 1:])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("targets", [[2, 8, 4], [[1, 4, 1, 5, 2], [2, 6, 8, 0, 0], [4] + [0] * 4]])
def test_ours_agrees_with_the_slow_one(variant: str, targets: list) -> None:
    model = build(variant, backbone="TiSASRec")
    assert isinstance(model, TiSASRec)
    slow, batch = Materializing.of(model), stamped(*HISTORIES)
    noise = torch.randn(3, 2, 5, 5, dtype=torch.float64)
    ours, theirs = (losses_of(m, batch, torch.tensor(targets), noise) for m in (model, slow))
    near(ours.recommendation, theirs.recommendation)
    grads = [
        torch.autograd.grad(
            losses.recommendation, list(m.parameters()), retain_graph=True, allow_unused=True
        )
        for losses, m in ((ours, model), (theirs, slow))
    ]
    for (name, _), one, other in zip(model.named_parameters(), *grads, strict=True):
        assert (one is None) == (other is None), name
        if one is not None and other is not None:
            near(one, other)
    if ours.adversarial is not None and theirs.adversarial is not None:
        near(ours.adversarial, theirs.adversarial)
    near(model.scores(batch)[:, 1:], slow.scores(batch)[:, 1:])


def test_the_benchmark_notices_another_mathematics(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    assert largest_difference(TINY, 5) < TOLERANCE
    mix = MaterializedIntervals.mix
    monkeypatch.setattr(MaterializedIntervals, "mix", lambda *a: mix(*a) * (1 + 1e-6))
    torch.manual_seed(0)
    assert largest_difference(TINY, 5) > TOLERANCE


def test_every_pair_is_looked_up() -> None:
    model = build("SASRec", backbone="TiSASRec")
    assert isinstance(model, TiSASRec)
    found = Materializing.of(model).intervals(stamped(*HISTORIES))
    assert isinstance(found, MaterializedIntervals)
    assert found.keys is not None
    assert found.keys.shape == (3, 5, 5, 2, 4)
    index = int(found.index[0, 0, 4, 1])
    near(found.keys[0, 4, 1].flatten(), model.key_intervals.weight[index])
