"""What `explain` is asked wrongly, and what it takes."""

import warnings

import numpy as np
import pytest
import torch

from tests.models.variants import batch_of, build
from workbench import WorkbenchError, WorkbenchWarning, explain

BATCH = batch_of([3, 1, 4], [9, 2])
TARGETS = torch.tensor([2, 8])


@pytest.mark.parametrize("form", [np.asarray, lambda targets: targets.tolist(), torch.Tensor.int])
def test_targets_may_come_in_any_form(form):
    model = build("SASRec")
    found = explain(model, BATCH, form(TARGETS), "saliency")
    assert torch.equal(found, explain(model, BATCH, TARGETS, "saliency"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (lambda model: (model, BATCH, TARGETS.float()), "is torch.float32; give whole numbers"),
        (lambda model: (model, BATCH, ["i2", "i8"]), "targets: a list was given that is no table"),
        (lambda model: (model, BATCH, TARGETS[:1]), "has the shape"),
        (lambda model: (model, BATCH, TARGETS * 99), "from 198 to 792"),
        (lambda model: (model, TARGETS, BATCH), "a Tensor was given in the place of a batch"),
        (
            lambda model: (model, (BATCH, TARGETS), TARGETS),
            r"a tuple .*\(batch, targets = held_out",
        ),
        (lambda model: (BATCH, model, TARGETS), "a Batch was given in the place of what"),
    ],
)
def test_what_was_given_in_another_place_is_told(arguments, told):
    with pytest.raises(WorkbenchError, match=told):
        explain(*arguments(build("SASRec")))


@pytest.mark.parametrize("method", ["attention", "saliency", "deletion"])
def test_what_is_no_number_is_told(method):
    """Item 4 has no numbers, and the third history has one item, which no deletion spares."""
    model, batch = build("SASRec"), batch_of([3, 1, 4], [9, 2], [3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(model, batch, [2, 8, 1], method)
    model.item_embedding.weight.data[4] = torch.nan
    with pytest.warns(WorkbenchWarning, match=f"from which '{method}' could tell .* in 1 history;"):
        found = explain(model, batch, [2, 8, 1], method)
    assert not found[1].isnan().any()
