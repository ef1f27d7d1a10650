"""What is recorded is the formula's, row by row and head by head; and nothing is left behind."""

import math

import pytest
import torch
from torch.nn import functional as F

from tests.models.variants import batch_of, build
from workbench.attention.recording import record_attention, recording
from workbench.errors import WorkbenchError

HISTORIES = [3, 1, 4, 1, 5], [9, 2, 6], [7]


def plain_sasrec(model, history):
    """Attention of a plain model for one history, a row and a head at a time.

    Returns weights [n_layers, H, n, n] and the hidden state of the last row [d].
    """
    n, heads = len(history), model.config.n_heads
    x = model.norm(model.item_embedding.weight[history] + model.position_embedding.weight[:n])
    layers = []
    for layer in model.encoder.layers:
        q, k, v = layer.query(x), layer.key(x), layer.value(x)
        size = x.shape[1] // heads
        weights, mixed = torch.zeros(heads, n, n).double(), torch.zeros_like(x)
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            for i in range(n):
                raised = [math.exp(q[i, part] @ k[j, part] / math.sqrt(size)) for j in range(i + 1)]
                for j in range(i + 1):
                    weights[head, i, j] = raised[j] / sum(raised)
                    mixed[i, part] += weights[head, i, j] * v[j, part]
        x = layer.norm(x + layer.dense(mixed))
        block = layer.feed_forward
        x = block.norm(x + block.dense_2(F.gelu(block.dense_1(x))))
        layers.append(weights)
    return torch.stack(layers), x[-1]


@torch.no_grad()
def test_plain_attention_is_the_formula():
    model = build("SASRec")
    batch = batch_of(*HISTORIES)
    every = record_attention(model, batch, rows="all")["attention"]
    last = record_attention(model, batch)["attention"]
    hidden = model(batch)
    assert every.shape == (3, 2, 2, 5, 5)
    assert last.shape == (3, 2, 2, 5)
    for user, history in enumerate(HISTORIES):
        n = len(history)
        weights, state = plain_sasrec(model, history)
        torch.testing.assert_close(every[user, :, :, :n, :n], weights)
        torch.testing.assert_close(last[user, :, :, :n], weights[:, :, -1])
        assert (last[user, :, :, n:] == 0).all()
        torch.testing.assert_close(hidden[user], state)


@pytest.mark.parametrize(
    "variant", ["light-od", "AC-gate-two-softmax-od", "AC-fixed-one-half-softmax-d"]
)
def test_every_stage_at_the_prediction_row_is_that_row_of_all(variant):
    model, batch = build(variant), batch_of(*HISTORIES)
    every = record_attention(model, batch, stages=model.stages, rows="all")
    last = record_attention(model, batch, stages=model.stages)
    assert set(every) == set(last) == set(model.stages)
    for stage in model.stages:
        rows = torch.stack([every[stage][u, :, :, len(h) - 1] for u, h in enumerate(HISTORIES)])
        assert torch.equal(last[stage], rows)
    stages = [every[stage] for stage in model.stages]
    different = [not torch.allclose(a, b) for i, a in enumerate(stages) for b in stages[:i]]
    # with two levels what the correction gives is what multiplies the values
    assert different.count(False) == (variant == "AC-gate-two-softmax-od")


@torch.no_grad()
def test_recording_changes_nothing_and_keeps_no_graph():
    model, batch = build("AC-gate-two-softmax-od"), batch_of(*HISTORIES)
    before = model(batch)
    with torch.enable_grad():
        weights = record_attention(model, batch)["attention"]
    assert not weights.requires_grad
    assert torch.equal(model(batch), before)
    assert not any(tap.hooked for tap in model.taps())


def test_hooks_are_removed_when_the_model_raises():
    model = build("SASRec")
    with pytest.raises(ValueError, match="longer than"):
        record_attention(model, batch_of([1] * 9))
    assert not any(tap.hooked for tap in model.taps())


def test_an_unknown_stage_is_told():
    model = build("AC-gate-two-softmax-od")
    told = r"no attention stage 'masks'; it has before_spatial, after_spatial, mask, calibrated"
    with pytest.raises(WorkbenchError, match=told):
        record_attention(model, batch_of([1]), stages=["attention", "masks"])
    assert not any(tap.hooked for tap in model.taps())


def test_a_pass_is_recorded_while_it_scores():
    model, batch = build("AC-gate-two-softmax-od"), batch_of(*HISTORIES)
    with recording(model, batch, stages=model.stages) as recorded:
        scores = model.scores(batch)
        assert recorded == {}
    torch.testing.assert_close(scores, model.scores(batch))
    expected = record_attention(model, batch, stages=model.stages)
    assert all(torch.equal(recorded[stage], expected[stage]) for stage in model.stages)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (lambda model, batch: (model, (batch, [1])), "a tuple was given in the place of a batch"),
        (lambda model, batch: (batch, model), "a Batch was given in the place of what"),
        (lambda model, batch: ("SASRec", batch), "'SASRec' is a name or a path; give what"),
    ],
)
def test_what_is_no_model_or_batch_is_told(arguments, told):
    with pytest.raises(WorkbenchError, match=told):
        record_attention(*arguments(build("SASRec"), batch_of(*HISTORIES)))
