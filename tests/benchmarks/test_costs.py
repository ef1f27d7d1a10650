"""How many conditions there are, what the units are, and that nothing stays attached."""

import numpy as np
import pytest
import torch

from benchmarks.costs import RANKED, RECORDED, WHOLE, Costs
from models import Batch
from workbench import build_model
from workbench.data import from_interactions


@pytest.fixture
def costs() -> Costs:
    data = from_interactions(np.repeat([0, 1], 4), np.arange(8), np.arange(8), name="tiny")
    batch = Batch(torch.tensor([[1, 2, 3], [5, 6, 0]]), torch.tensor([3, 2]))
    model = build_model("AC-SASRec", data, hidden_size=4, inner_size=4).eval()
    return Costs(model, [(batch, torch.tensor([4, 7]))])


def test_conditions_are_counted(costs: Costs) -> None:
    # largest and control; 4 numbers of weights in both layers, 2 in each, and 1 at all rows
    assert costs._count_conditions() == 2 * (4 + 2 * 2 + 1)


def test_units_and_hooks(costs: Costs) -> None:
    found = costs.times(1)
    assert found[RECORDED][1] == found[RANKED][1] == 1
    largest = found["removal: largest, k = 1, all rows"]
    assert largest[1] == largest[0] / found[RECORDED][0]
    assert found[WHOLE][1] == found[WHOLE][0] / found[RANKED][0]
    assert not any(tap.hooked for tap in costs.model.taps())
