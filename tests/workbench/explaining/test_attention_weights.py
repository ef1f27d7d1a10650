"""Attention as an importance, against two layers worked out by hand and against definitions."""

import pytest
import torch

from models import Batch
from tests.models.variants import batch_of, build
from workbench import explain, importances, record_attention
from workbench.attention.editing import edit_attention
from workbench.errors import WorkbenchError
from workbench.explaining.attention_weights import every_reduction, reductions

HISTORIES = [3, 1, 4, 1, 5], [9, 2, 6], [7]
TARGETS = torch.tensor([2, 8, 4])
BACKBONES = ["SASRec", "BERT4Rec", "TiSASRec", "SSE-PT"]
BATCH = Batch(
    batch_of(*HISTORIES).items,
    torch.tensor([5, 3, 1]),
    torch.tensor([[0, 2, 3, 9, 11], [0, 5, 6, 0, 0], [1, 0, 0, 0, 0]]),
    torch.arange(3),
)


def built(backbone, variant="SASRec", **options):
    return build(variant, backbone=backbone, n_users=3, **options)


def near(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def layer_inputs(model, batch):
    """Each layer, what comes in at all rows, and where these may look."""
    x, context = model.prepare(batch)
    context = context._replace(rows=None)
    for layer in model.encoder.layers:
        yield layer, x, context
        x = layer(x, context)


def test_one_pass_gives_every_reduction():
    for model in (build("AC-gate-two-softmax-od"), build("SASRec", n_layers=1, n_heads=1)):
        found = every_reduction(model, BATCH)
        assert list(found) == [each.name for each in reductions(model)]
        for name, values in found.items():
            near(values, explain(model, BATCH, TARGETS, name))


def test_weights_are_the_mean_over_what_is_not_named():
    model = build("AC-gate-two-softmax-od")
    record = record_attention(model, BATCH, stages=model.stages)
    every = record["attention"]
    near(explain(model, BATCH, TARGETS, "attention"), every.mean((1, 2)))
    near(explain(model, BATCH, TARGETS, "attention layer 2"), every[:, 1].mean(1))
    near(explain(model, BATCH, TARGETS, "attention layer 1 head 2"), every[:, 0, 1])
    named = explain(model, BATCH, TARGETS, "attention before_spatial layer 2 head 1")
    near(named, record["before_spatial"][:, 1, 0])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("attention layer 3", "no layer 3; it has 2"),
        ("attention layer 1 head 9", "no head 9"),
        ("attention elsewhere", "no attention stage 'elsewhere'; it has attention"),
        ("lime", "no importance is called 'lime'; .* has random, recency"),
    ],
)
def test_what_does_not_exist_is_said_in_a_sentence(name, message):
    with pytest.raises(WorkbenchError, match=message):
        explain(build("SASRec"), BATCH, TARGETS, name)


def test_rollout_of_two_layers_by_hand():
    """Two items, both layers alike: row 1 gives (1/4, 3/4).

    With the residual and normalised: rows (1, 0) and (1/8, 7/8); squared, the second row is
    (1/8 + 7/64, 49/64) = (15/64, 49/64).
    """
    model = build("SASRec")
    row = torch.tensor([[1.0, 0.0], [0.25, 0.75]]).double()
    with edit_attention(model, lambda weights, _: row.expand_as(weights), rows="all"):
        found = explain(model, batch_of([3, 1]), TARGETS[:1], "rollout")
    near(found[0], torch.tensor([15 / 64, 49 / 64]).double())


@pytest.mark.parametrize("backbone", BACKBONES)
def test_norms_are_of_what_a_key_brings_to_the_row(backbone):
    """For a row that attends to one key alone, the attention block's output before bias and sum."""
    model = built(backbone)
    width = BATCH.items.shape[1]
    found = explain(model, BATCH, TARGETS, "norm-based")
    weights = record_attention(model, BATCH, rows="all")["attention"]
    rows = model.rows(BATCH)
    expected = torch.zeros_like(found)
    for n, (layer, x, context) in enumerate(layer_inputs(model, BATCH)):
        p = layer.project(x, context)
        for case, row in enumerate(rows.tolist()):
            for j in range(width):
                alone = torch.zeros_like(weights[:, n])
                alone[case, :, row, j] = weights[case, n, :, row, j]
                output = layer.dense(p.mix(alone)) - layer.dense(p.mix(torch.zeros_like(alone)))
                expected[case, j] += output[case, row].norm().detach()
    near(found, expected.masked_fill(~BATCH.valid, 0))
    if backbone != "TiSASRec":  # whose values depend on the row: the formula written out
        layer, x, context = next(layer_inputs(model, BATCH))
        value = layer.value(x)[0].view(-1, model.config.n_heads, 4)  # [T, H, dh]
        brought = torch.zeros(5, 8).double()
        for head in range(model.config.n_heads):
            part = layer.dense.weight[:, 4 * head : 4 * head + 4]
            row = weights[0, 0, head, rows[0], :5, None]
            brought += row * (value[:5, head] @ part.T)
        layer2, x2, _ = list(layer_inputs(model, BATCH))[1]
        value2 = layer2.value(x2)[0].view(-1, model.config.n_heads, 4)
        second = sum(
            weights[0, 1, head, rows[0], :5, None]
            * (value2[:5, head] @ layer2.dense.weight[:, 4 * head : 4 * head + 4].T)
            for head in range(model.config.n_heads)
        )
        first = brought.norm(dim=-1) + second.norm(dim=-1)
        near(found[0], first.detach())


def test_gradient_x_attention_by_differences():
    """The gradient in each weight, by moving it a little with everything before it held."""
    model, batch, h = build("SASRec"), batch_of([3, 1, 4]), 1e-5
    target = TARGETS[:1]
    record = record_attention(model, batch, rows="all")["attention"][0]  # [layers, H, T, T]

    def score(layer, moved):
        with edit_attention(model, lambda w, _: moved.expand_as(w), layers=[layer], rows="all"):
            return model.scores(batch, target[:, None])[0, 0]

    rolled = torch.eye(3).double()
    with torch.no_grad():
        for layer in range(2):
            gradient = torch.zeros_like(record[layer])
            for index in torch.ones_like(gradient).tril().nonzero().tolist():
                step = torch.zeros_like(gradient)
                step[tuple(index)] = h
                up, down = (score(layer, record[layer] + sign * step) for sign in (1, -1))
                gradient[tuple(index)] = (up - down) / (2 * h)
            rolled = rolled + (gradient * record[layer]).clamp(min=0).mean(0) @ rolled
    found = explain(model, batch, target, "gradient x attention")
    torch.testing.assert_close(found[0], rolled[-1] - torch.eye(3)[-1], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_zeroing_a_value_is_setting_it_to_zero(backbone):
    """By the projection of values, changed by hand, where values are those of keys alone."""
    model = built(backbone)
    found = explain(model, BATCH, TARGETS, "value zeroing")
    assert ((found > 0) == BATCH.valid).all()
    if backbone == "TiSASRec":  # whose values have parts by position and time as well
        return
    rolled = None
    for layer, x, context in layer_inputs(model, BATCH):
        whole, columns = layer(x, context), []
        for j in range(x.shape[1]):
            hook = layer.value.register_forward_hook(
                lambda _, __, v, j=j: v.index_fill(1, torch.tensor(j), 0.0)
            )
            columns.append(1 - torch.cosine_similarity(whole, layer(x, context), dim=-1))
            hook.remove()
        change = torch.stack(columns, -1)
        change = change / change.sum(-1, keepdim=True)
        rolled = change if rolled is None else change @ rolled
    each = torch.arange(3)
    expected = rolled[each, model.rows(BATCH), :5].masked_fill(~BATCH.valid, 0)
    near(found, expected.detach())


def test_a_value_that_hardly_matters_is_no_rounding():
    """In single precision 1 - cos is 0 or a multiple of 6e-8 for states that are nearly alike."""
    model = built("SASRec").double()
    with torch.no_grad():
        for layer in model.encoder.layers:
            layer.value.weight *= 1e-3
            layer.value.bias.zero_()
    exact = explain(model, BATCH, TARGETS, "value zeroing")
    single = explain(model.float(), BATCH, TARGETS, "value zeroing")
    torch.testing.assert_close(single.double(), exact.double(), rtol=1e-2, atol=0)


@pytest.mark.parametrize("backbone", ["SASRec", "SSE-PT"])
def test_zeroing_a_value_that_normalisation_takes_back_changes_nothing(backbone):
    """The row of the oldest item has x + x in place of x, which LayerNorm makes the same."""
    model = built(backbone, "direct", n_layers=1)
    lone = BATCH.take(torch.tensor([2]))
    assert lone.lengths.tolist() == [1]
    assert (explain(model, lone, TARGETS[2:], "value zeroing") == 0).all()
    exact = explain(model, BATCH, TARGETS, "value zeroing")
    single = explain(model.float(), BATCH, TARGETS, "value zeroing")
    torch.testing.assert_close(single.double(), exact.double(), rtol=1e-3, atol=1e-5)


def test_everything_serves_every_backbone_and_depends_on_no_company():
    for backbone in BACKBONES:
        for variant in ("SASRec", "AC-gate-two-softmax-od", "light-od"):
            model = built(backbone, variant)
            names = list(importances(model))
            assert len(names) == 3 + 7 + 4 + 6 + 4
            for name in names:
                together = explain(model, BATCH, TARGETS, name)
                assert (together[~BATCH.valid] == 0).all(), name
                alone = explain(
                    model,
                    Batch(
                        BATCH.items[1:2, :3], BATCH.lengths[1:2], BATCH.times[1:2, :3],
                        BATCH.users[1:2],
                    ),
                    TARGETS[1:2],
                    name,
                )  # fmt: skip
                torch.testing.assert_close(
                    together[1, :3], alone[0], rtol=1e-6, atol=1e-9, equal_nan=True, msg=name
                )
