"""Whatever measures a model does so without dropout, and leaves each module in its own mode."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from models import Recommender
from tests.models.variants import build, stamped
from tests.workbench.tiny import data_of
from workbench import edit_attention, evaluate, explain, record_attention
from workbench.attention.edits import remove_largest
from workbench.explaining.methods import importances
from workbench.explore.inspection import inspect_case
from workbench.explore.prediction import predict
from workbench.explore.scenario import Change, Scenario
from workbench.explore.survey import survey
from workbench.mode import evaluation_mode

BATCH = stamped([3, 1, 4, 1, 5], [9, 2, 6])
TARGETS = torch.tensor([7, 8])
DATA = data_of([3, 1, 4, 1, 5, 7], [9, 2, 6, 8], times=[*range(6), *range(4)])


def edited(model: Recommender) -> Any:
    with torch.no_grad(), edit_attention(model, remove_largest):
        return model.scores(BATCH)


def inspected(model: Recommender) -> Any:
    found = inspect_case(model, stamped([3, 1, 4, 1, 5]), 7)
    return [found.scores, found.effects, *found.weights.values(), *found.importance.values()]


def predicted(model: Recommender) -> Any:
    found = predict(model, Scenario.of(DATA, 0).apply(Change("largest")))
    return [found.scores, found.weights]


MEASURES: dict[str, Callable[[Recommender], Any]] = {
    "record_attention": lambda model: record_attention(model, BATCH)["attention"],
    **{
        name: partial(explain, batch=BATCH, targets=TARGETS, method=name)
        for name, each in importances(build("SASRec")).items()
        if each.family != "control"  # which runs no pass
    },
    "edit_attention": edited,
    "inspect_case": inspected,
    "predict": predicted,
    "survey": lambda model: survey(model, DATA).to_numpy(),
    "evaluate": lambda model: evaluate(model, DATA).ranks,
}


def modes(model: Recommender) -> dict[str, bool]:
    return {name: module.training for name, module in model.named_modules()}


def left_in_training(variant: str, backbone: str = "SASRec") -> Recommender:
    """In training, but for a layer that somebody has frozen."""
    model = build(variant, backbone=backbone).train()
    model.encoder.layers[0].eval()
    assert len(set(modes(model).values())) == 2
    return model


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@pytest.mark.parametrize(
    ("variant", "backbone"), [("SASRec", "SSE-PT"), ("AC-annealing-two-softmax-od", "SASRec")]
)
def test_a_model_in_training_is_measured_as_in_evaluation(measure, variant, backbone):
    """SSE-PT exchanges items in training, and an annealing correction counts its passes."""
    model = left_in_training(variant, backbone)
    before = modes(model)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = measure(model)
    assert modes(model) == before
    assert all(torch.equal(tensor, weights[n]) for n, tensor in model.state_dict().items())
    wanted = measure(model.eval())
    for ours, theirs in zip(listed(found), listed(wanted), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_modes_are_restored_where_a_pass_fails(measure, monkeypatch):
    model = left_in_training("SASRec")
    before = modes(model)

    def fail(*_: Any, **__: Any) -> None:
        assert not any(modes(model).values())
        raise ZeroDivisionError

    monkeypatch.setattr(model.norm, "forward", fail)
    with pytest.raises(ZeroDivisionError):
        measure(model)
    assert modes(model) == before


def test_modes_within_modes():
    model = left_in_training("SASRec")
    before = modes(model)
    with evaluation_mode(model):
        with evaluation_mode(model):
            assert not any(modes(model).values())
        assert not any(modes(model).values())
    assert modes(model) == before
