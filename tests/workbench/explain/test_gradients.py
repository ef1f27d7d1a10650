"""Attributions against autograd by hand, completeness, and models simple enough to solve."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from models import Batch
from tests.models.variants import batch_of, build
from workbench.attention.editing import edit_attention
from workbench.attention.recording import record_attention
from workbench.errors import WorkbenchError
from workbench.explain.gradients import attribute

HISTORIES = [3, 1, 4, 1, 5], [9, 2, 6], [7]
TARGETS = torch.tensor([2, 8, 4])
VARIANTS = ["SASRec", "SASRec-uniform", "light-od", "AC-gate-two-softmax-od"]


def by_hand(model, user):
    """Embeddings of one history, alone, and the gradient of its target's score: [n, d] each."""
    batch = batch_of(HISTORIES[user])
    embeddings = model.item_embedding.weight[HISTORIES[user]][None].detach().requires_grad_()
    score = model(batch, embeddings)[0] @ model.item_embedding.weight[TARGETS[user]]
    return embeddings[0].detach(), torch.autograd.grad(score, embeddings)[0][0]


def near(found, wanted, rtol=1e-9):
    torch.testing.assert_close(found, wanted, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_are_autograds(variant):
    model, batch = build(variant), batch_of(*HISTORIES)
    product = attribute(model, batch, TARGETS, "input_x_gradient")
    saliency = attribute(model, batch, TARGETS, "saliency")
    assert product.delta is None
    for user, history in enumerate(HISTORIES):
        embeddings, gradient = by_hand(model, user)
        n = len(history)
        near(product.values[user, :n], (embeddings * gradient).sum(-1))
        near(saliency.values[user, :n], gradient.pow(2).sum(-1).sqrt())
        assert (product.values[user, n:] == 0).all()
        assert (saliency.values[user, n:] == 0).all()
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("variant", VARIANTS)
def test_detached_attention_is_attention_played_back(variant):
    model, batch = build(variant), batch_of(*HISTORIES)
    record = record_attention(model, batch, rows="all")["attention"]
    played = iter(record.unbind(1))  # a layer each time
    embeddings = model.embed(batch).detach().requires_grad_()
    with edit_attention(model, lambda weights, allowed: next(played), rows="all"):
        hidden = model(batch, embeddings)
    scores = (hidden * model.item_embedding.weight[TARGETS]).sum()
    (gradient,) = torch.autograd.grad(scores, embeddings)
    found = attribute(model, batch, TARGETS, "saliency", detach_attention=True).values
    near(found, gradient.norm(dim=-1))
    product = attribute(model, batch, TARGETS, detach_attention=True).values
    near(product, (gradient * embeddings).sum(-1).detach())
    through = attribute(model, batch, TARGETS, "saliency").values
    assert torch.allclose(found, through) == (variant == "SASRec-uniform")
    assert not any(tap.hooked for tap in model.taps())


@pytest.mark.parametrize("variant", ["SASRec", "SASRec-uniform"])
def test_integrated_gradients_are_complete(variant):
    model, batch = build(variant), batch_of(*HISTORIES)
    with torch.no_grad():
        at, zero = (
            model.score(model(batch, e), TARGETS[:, None])[:, 0]
            for e in (model.embed(batch), torch.zeros(3, 5, 8).double())
        )
    coarse = attribute(model, batch, TARGETS, "integrated_gradients", steps=2)
    fine = attribute(model, batch, TARGETS, "integrated_gradients", steps=64)
    for found in (coarse, fine):
        near(found.delta, found.values.sum(-1) - (at - zero))
    assert (at - zero).abs().min() > 1e-4
    torch.testing.assert_close(fine.values.sum(-1), at - zero, rtol=1e-6, atol=1e-9)
    assert coarse.delta.abs().max() > 10 * fine.delta.abs().max()
    for user, history in enumerate(HISTORIES):
        assert (fine.values[user, len(history) :] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("variant", ["light-od", "AC-gate-two-softmax-od"])
def test_where_the_length_of_an_embedding_means_nothing_rounding_is_no_importance(variant, dtype):
    """Without position embeddings the first LayerNorm undoes the length of an embedding."""
    model, batch = build(variant).to(dtype), batch_of(*HISTORIES)
    stretched = model.embed(batch).detach() * torch.tensor([1, 2, 3, 4, 5])[None, :, None]
    torch.testing.assert_close(model(batch, stretched), model(batch))
    for method in ("input_x_gradient", "integrated_gradients"):
        assert (attribute(model, batch, TARGETS, method).values == 0).all()
    assert (attribute(model, batch, TARGETS, "saliency").values[batch.valid] > 0).all()


@pytest.mark.parametrize("head", [False, True])
def test_a_mask_token_is_no_item_of_a_history(head):
    """BERT4Rec predicts at it, and it stays where every embedding goes to zero."""
    model = build("SASRec", backbone="BERT4Rec", output_head=head)
    batch = batch_of(*HISTORIES)
    product = attribute(model, batch, TARGETS).values
    saliency = attribute(model, batch, TARGETS, "saliency").values
    whole = attribute(model, batch, TARGETS, "integrated_gradients", steps=64)
    for values in (product, saliency, whole.values):
        assert values.shape == batch.items.shape
        assert ((values != 0) == batch.valid).all()

    def score(embeddings):
        with torch.no_grad():
            return model.score(model(batch, embeddings), TARGETS[:, None])[:, 0]

    x, h = model.embed(batch).detach(), 1e-5
    for at in range(5):  # of one item's embedding, a little longer or shorter
        step = torch.zeros_like(x)
        step[:, at] = h * x[:, at]
        near(product[:, at], (score(x + step) - score(x - step)) / (2 * h), rtol=1e-6)
    change = score(x) - score(torch.zeros_like(x))
    near(whole.delta, whole.values.sum(-1) - change)
    torch.testing.assert_close(whole.values.sum(-1), change, rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        before, masked = score(x), score(torch.zeros_like(x))
        model.item_embedding.weight[-1] *= 2
        assert not torch.allclose(score(x), before)
        assert not torch.allclose(score(torch.zeros_like(x)), masked)


class Weighted(nn.Module):
    """Score of t: the sum of embeddings, times `times` and the user's factor, at column t."""

    device = torch.device("cpu")

    def __init__(self):
        super().__init__()
        weight = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
        self.weight = nn.Parameter(weight.double())

    def taps(self):
        return []

    def embed(self, batch):
        return self.weight[batch.items]

    def forward(self, batch, embeddings):
        factor = (1 + batch.users)[:, None, None]
        return (embeddings * batch.times[..., None] * factor).sum(1)

    def scores(self, batch, items, embeddings):
        return self(batch, embeddings).gather(1, items)


@pytest.mark.parametrize("size", [2, 7, 1024])
def test_each_step_takes_its_own_users_and_times_and_padding_gets_nothing(size):
    """A linear model: integrated gradients are its terms, even where it does look at padding."""
    model = Weighted()
    batch = Batch(
        torch.tensor([[1, 2, 3], [4, 5, 0]]),
        torch.tensor([3, 2]),
        times=torch.tensor([[1, 2, 3], [4, 5, 6]]),
        users=torch.tensor([0, 9]),
    )
    found = attribute(
        model, batch, torch.tensor([1, 5]), "integrated_gradients", internal_batch_size=size
    ).values
    w = model.weight.detach()
    terms = [w[1, 1], 2 * w[2, 1], 3 * w[3, 1], 40 * w[4, 5], 50 * w[5, 5], 0 * w[0, 0]]
    wanted = torch.stack(terms).view(2, 3)
    near(found, wanted, rtol=1e-7)  # Captum's step sizes are in single precision
    near(attribute(model, batch, torch.tensor([1, 5])).values, wanted)
    saliency = attribute(model, batch, torch.tensor([1, 5]), "saliency").values
    near(saliency, torch.tensor([[1, 2, 3], [40, 50, 0]]).double())


def test_internal_batch_size_changes_nothing():
    model, batch = build("SASRec"), batch_of(*HISTORIES)
    one, other = (
        attribute(model, batch, TARGETS, "integrated_gradients", steps=8, internal_batch_size=size)
        for size in (3, 1024)
    )
    near(one.values, other.values)
    near(one.delta, other.delta)


def test_hooks_are_removed_when_something_fails(monkeypatch):
    model, batch = build("SASRec"), batch_of(*HISTORIES)
    with pytest.raises(WorkbenchError, match="'lime'; choose input_x_gradient, saliency"):
        attribute(model, batch, TARGETS, "lime", detach_attention=True)
    assert not any(tap.hooked for tap in model.taps())
    monkeypatch.setattr(model, "scores", SimpleNamespace())  # cannot be called
    with pytest.raises(TypeError):
        attribute(model, batch, TARGETS, detach_attention=True)
    assert not any(tap.hooked for tap in model.taps())
