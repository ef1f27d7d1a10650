"""Diagnostics of a model left in training are those of the model in evaluation mode."""

import numpy as np
import pandas as pd
import pytest
import torch

from analyses.diagnostic import discover
from analyses.running.held_out import held_out_batches
from analyses.running.measuring import measure_in_memory
from analyses.running.passes import quality
from tests.workbench.tiny import data_of
from workbench import build_model

NAMES = ("SASRec", "AC-SASRec")  # with dropout


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return data_of(*(rng.integers(1, 13, n).tolist() for n in (3, 5, 6, 9)))


@pytest.fixture
def models(data):
    torch.manual_seed(0)
    return {n: build_model(n, data, hidden_size=8, inner_size=8, max_length=6) for n in NAMES}


@pytest.mark.parametrize("diagnostic", discover().values(), ids=lambda d: d.name)
def test_diagnostics(diagnostic, models, data):
    frames = []
    for training in (True, False):
        for model in models.values():
            model.train(training)
        frames.append(measure_in_memory(diagnostic, models, data).frame)
        assert all(model.training is training for model in models.values())
    pd.testing.assert_frame_equal(*frames)


def test_a_pass_that_is_broken_off(models, data):
    model = models["SASRec"].train()

    def broken() -> None:
        for cases in held_out_batches(model, data, np.arange(4), batch_size=1):
            assert not model.training
            quality(model, cases)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert model.training
    next(held_out_batches(model, data, np.arange(4)))
    assert model.training
