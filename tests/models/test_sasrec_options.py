"""SASRec as other software has it: norm orders, padding that is attended to, tables of its own."""

import math
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models import CalibrationConfig, ModelConfig, make_model
from models.kernels import Dropout
from tests.models.variants import MAX_LENGTH, N_ITEMS, batch_of, build
from workbench import edit_attention, record_attention
from workbench.attention import edits

HISTORIES = [3, 1, 4, 1, 5], [9, 2], [7, 3, 1, 4, 8, 2, 5, 6]
PADDINGS, NORMS = ("masked", "zeros", "token"), ("post", "query", "pre")


def hidden_state(model, history):
    """Of the last item, with a row for every place before the history."""
    p, config = model.state_dict(), model.config
    size, n = config.hidden_size, len(history)

    def affine(x, name):
        return x @ p[f"{name}.weight"].T + p[f"{name}.bias"] if f"{name}.weight" in p else x

    def norm(x, name):
        if f"{name}.weight" not in p:
            return x
        eps = config.final_norm_eps if name == "encoder.norm" else config.layer_norm_eps
        return F.layer_norm(x, (size,), p[f"{name}.weight"], p[f"{name}.bias"], eps)

    def inner(x, name):
        x = affine(x, f"{name}.dense_1")
        x = x.relu() if config.activation == "relu" else 0.5 * x * (1 + (x / 2**0.5).erf())
        return affine(x, f"{name}.dense_2")

    items = p["item_embedding.weight"][history] * (size**0.5 if config.scale_embeddings else 1)
    positions = p["position_embedding.weight"]
    items = items + (positions[-n:] if config.position_from == "end" else positions[:n])
    before = p.get("padding_embedding", torch.zeros(size).double()).expand(MAX_LENGTH - n, -1)
    x = norm(torch.cat([before, items]), "norm")
    seen = torch.ones(MAX_LENGTH, MAX_LENGTH, dtype=torch.bool).tril()
    if config.left_padding == "masked":
        seen[:, : MAX_LENGTH - n] = False
        seen |= torch.eye(MAX_LENGTH, dtype=torch.bool)
    for layer in range(config.n_layers):
        here = f"encoder.layers.{layer}"
        if config.left_padding == "zeros":
            x = torch.cat([torch.zeros_like(before), x[MAX_LENGTH - n :]])
        asking = x if config.norm == "post" else norm(x, f"{here}.norm")
        answering = asking if config.norm == "pre" else x
        mixed = []
        for q, k, v in zip(
            affine(asking, f"{here}.query").chunk(config.n_heads, -1),
            affine(answering, f"{here}.key").chunk(config.n_heads, -1),
            affine(answering, f"{here}.value").chunk(config.n_heads, -1),
            strict=True,
        ):
            scores = (q @ k.T / math.sqrt(q.shape[-1])).masked_fill(~seen, -torch.inf)
            mixed.append(scores.softmax(-1) @ v)
        added = affine(torch.cat(mixed, -1), f"{here}.dense")
        forward = f"{here}.feed_forward"
        if config.norm == "post":
            x = norm(x + added, f"{here}.norm")
            x = norm(x + inner(x, forward), f"{forward}.norm")
        elif config.norm == "pre":
            x = x + added
            x = x + inner(norm(x, f"{forward}.norm"), forward)
        else:
            x = norm(asking + added, f"{forward}.norm")
            x = x + inner(x, forward)
    return norm(x, "encoder.norm")[-1]


OTHERS = [
    {},
    {"activation": "relu", "scale_embeddings": True, "input_norm": False, "final_norm_eps": 1e-3},
    {"output_projection": False, "position_from": "end", "output_embedding": True},
    {"value_projection": False, "output_projection": False, "initializer": "torch"},
]


@torch.no_grad()
@pytest.mark.parametrize(
    ("padding", "norm", "other"), list(product(PADDINGS, NORMS, range(len(OTHERS))))
)
def test_scores_are_those_of_histories_padded_on_their_left(padding, norm, other):
    model = build("SASRec", norm=norm, left_padding=padding, **OTHERS[other])
    scores = model.scores(batch_of(*HISTORIES))
    rows = model.encode(batch_of(*HISTORIES), every_row=True)
    table = model.state_dict()[f"{'output' if other == 2 else 'item'}_embedding.weight"]
    for user, history in enumerate(HISTORIES):
        wanted = hidden_state(model, history)
        torch.testing.assert_close(rows[user, len(history) - 1], wanted)
        torch.testing.assert_close(scores[user, 1:], (table @ wanted)[1:])
        alone = model.scores(batch_of(history, width=MAX_LENGTH))
        torch.testing.assert_close(alone[0, 1:], scores[user, 1:])


@torch.no_grad()
@pytest.mark.parametrize("padding", ["zeros", "token"])
def test_the_token_of_the_padding_is_no_item_and_not_seen_without_padding(padding):
    model, batch = build("SASRec", left_padding=padding), batch_of(*HISTORIES)
    history, allowed = model.history(batch), model.allowed(batch)
    assert history.sum(1).tolist() == [5, 2, 8]
    assert not history[:, -1].any()
    assert model.rows(batch).tolist() == [4, 1, 7]
    assert allowed[:, 0, :-1, -1].all(1).tolist() == [True, True, False]
    assert allowed[:, 0, -1].sum(-1).tolist() == [1, 1, 1]  # itself
    every = record_attention(model, batch, rows="all")["attention"]
    assert (every.masked_select(~allowed[:, None].expand_as(every)) == 0).all()
    torch.testing.assert_close(every.sum(-1), torch.ones_like(every[..., 0]))
    shares = record_attention(model, batch)["attention"].sum(-1)  # without the padding's
    assert (shares[:2] < 1).all()
    torch.testing.assert_close(shares[2], torch.ones_like(shares[2]))


@torch.no_grad()
@pytest.mark.parametrize("edit", [edits.remove_largest, edits.uniform, edits.power(0.5)])
@pytest.mark.parametrize("rows", ["prediction", "all"])
def test_an_edit_leaves_what_the_padding_gets(edit, rows):
    model, batch = build("SASRec", left_padding="token"), batch_of(*HISTORIES)
    before = record_attention(model, batch, rows="all")["attention"][:, 0]
    with edit_attention(model, edit, layers=[0], rows=rows):
        after = record_attention(model, batch, rows="all")["attention"][:, 0]
        assert model.scores(batch)[:, 1:].isfinite().all()
    torch.testing.assert_close(after[..., -1], before[..., -1])
    torch.testing.assert_close(after.sum(-1), before.sum(-1))
    assert not torch.equal(after, before)


@pytest.mark.parametrize(("padding", "norm"), list(product(PADDINGS, NORMS)))
def test_such_models_learn(padding, norm):
    model = build(
        "SASRec", left_padding=padding, norm=norm, input_norm=False, output_embedding=True
    )
    batch, targets = batch_of(*HISTORIES), torch.tensor([2, 8, 4])
    positions = F.pad(targets[:, None], (7, 0))
    for wanted in (targets, positions):
        loss = model.losses(batch, wanted).recommendation
        names, parameters = zip(*model.named_parameters(), strict=True)
        grads = torch.autograd.grad(loss, parameters)
        for name, parameter, grad in zip(names, parameters, grads, strict=True):
            assert grad.isfinite().all(), name
            # a shift of all keys leaves attention as it is, and no user's padding is learnt alone
            assert parameter.dim() == 1 or (grad != 0).any(), name
        with torch.no_grad():
            for parameter, grad in zip(parameters, grads, strict=True):
                parameter -= 1e-6 * grad
            assert model.losses(batch, wanted).recommendation < loss


@torch.no_grad()
@pytest.mark.parametrize(
    ("where", "after_attention", "inside"), [("sublayers", 0, 1), ("feed_forward", 1, 0)]
)
def test_where_hidden_states_are_dropped(monkeypatch, where, after_attention, inside):
    model = build("SASRec", hidden_dropout=0.5, attention_dropout=0.0, dropout_at=where)
    layer, batch = model.encoder.layers[0], batch_of(*HISTORIES)
    x, context = model.prepare(batch)
    p = layer.project(x, context)
    mixed = layer.dense(p.mix(layer.weights(p)))
    monkeypatch.setattr(Dropout, "forward", lambda self, x: x * 0 if self.p else x)
    torch.testing.assert_close(
        layer.attend(layer.weights(p), p, x), layer.norm(x + after_attention * mixed)
    )
    monkeypatch.undo()
    dropped = []
    layer.feed_forward.dropout.register_forward_hook(lambda _, x, y: dropped.append(x[0]))
    layer.feed_forward(x)
    assert [d.shape[-1] for d in dropped] == [model.config.inner_size] * (1 - inside) + [
        model.config.hidden_size
    ]


def test_weights_begin_as_glorot_and_bengio_have_it():
    model = make_model(
        ModelConfig("SASRec", 3000, hidden_size=60, inner_size=200, initializer_range=None)
    )
    linear = model.encoder.layers[0].feed_forward.dense_1.weight
    for weight in (model.item_embedding.weight[1:], linear):
        wanted = (2 / sum(weight.shape)) ** 0.5
        assert weight.std().item() == pytest.approx(wanted, rel=0.05)
    assert not model.item_embedding.weight[0].any()


def test_weights_begin_as_pytorchs_own_layers_have_them():
    torch.manual_seed(0)
    options = {"initializer_range": None, "initializer": "torch", "position_embedding": False}
    layer, glorot = (
        make_model(ModelConfig("SASRec", 30, hidden_size=60, inner_size=200, **options | more))
        .encoder.layers[1]
        .to(torch.float64)
        for more in ({}, {"initializer": "alike"})
    )
    wanted = nn.MultiheadAttention(60, 2).in_proj_weight.std().item()
    for each in (layer.query, layer.key, layer.value):
        assert each.weight.std().item() == pytest.approx(wanted, rel=0.05)
        assert each.weight.abs().max().item() < 6 / 240**0.5
    assert layer.dense.weight.std().item() == pytest.approx((2 / 120) ** 0.5, rel=0.05)
    for each, size in ((layer.feed_forward.dense_1, 60), (layer.feed_forward.dense_2, 200)):
        wanted = nn.Linear(size, 1000).weight.std().item()
        assert each.weight.std().item() == pytest.approx(wanted, rel=0.05)
        assert each.bias.any()
    assert glorot.query.weight.std().item() == pytest.approx((2 / 120) ** 0.5, rel=0.05)
    assert not glorot.feed_forward.dense_1.bias.any()


def test_the_names_of_a_plain_models_weights_stay():
    names = set(make_model(ModelConfig("SASRec", N_ITEMS)).state_dict())
    assert not {n for n in names if "padding" in n or "output" in n or n.startswith("encoder.norm")}
    assert {"norm.weight", "encoder.layers.0.dense.weight", "position_embedding.weight"} <= names


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"norm": "last"}, "norm is 'last'; choose from post, query, pre"),
        ({"dropout_at": "input"}, "dropout_at is 'input'; choose from sublayers, feed_forward"),
        ({"initializer": "none"}, "initializer is 'none'; choose from alike, torch"),
        ({"activation": "silu"}, "activation is 'silu'; choose from gelu, relu"),
        ({"left_padding": "rows"}, "left_padding is 'rows'; choose from masked, zeros, token"),
        ({"final_norm_eps": 0.0}, "final_norm_eps is 0.0; it must be above 0, or None"),
        (
            {"left_padding": "zeros", "calibration": CalibrationConfig()},
            "calibrated attention needs; choose 'masked'",
        ),
    ],
)
def test_options_that_are_none_are_told(options, reason):
    with pytest.raises(ValueError, match=reason):
        ModelConfig("SASRec", N_ITEMS, **options)
