"""Attributions against autograd by hand, completeness, and models simple enough to solve."""

from types import SimpleNamespace

import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

from models import Batch
from tests.models.variants import batch_of, build
from workbench import explain, importances
from workbench.attention.editing import edit_attention
from workbench.attention.recording import record_attention
from workbench.errors import WorkbenchError
from workbench.explaining import gradients
from workbench.explaining.gradients import above_zero
from workbench.explaining.methods import explain_each

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


def test_targets_may_be_an_array_of_numpy():
    model, batch = build("SASRec"), batch_of(*HISTORIES)
    found = explain(model, batch, TARGETS.numpy(), "input x gradient")
    assert torch.equal(found, explain(model, batch, TARGETS, "input x gradient"))


@pytest.mark.parametrize("method", ["saliency", "integrated gradients", "gradient x attention"])
def test_gradients_that_nobody_records_are_told(method):
    model, batch = build("SASRec"), batch_of(*HISTORIES)
    with torch.inference_mode(), pytest.raises(WorkbenchError, match=r"inference_mode\(\)"):
        explain(model, batch, TARGETS, method)
    with torch.inference_mode():
        made_there = build("SASRec")
    with pytest.raises(WorkbenchError, match="nor of a model or a batch made there"):
        explain(made_there, batch, TARGETS, method)
    with torch.no_grad():
        assert explain(model, batch, TARGETS, method).any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_are_autograds(variant):
    model, batch = build(variant), batch_of(*HISTORIES)
    product = explain(model, batch, TARGETS, "input x gradient")
    saliency = explain(model, batch, TARGETS, "saliency")
    for user, history in enumerate(HISTORIES):
        embeddings, gradient = by_hand(model, user)
        n = len(history)
        near(product[user, :n], (embeddings * gradient).sum(-1))
        near(saliency[user, :n], gradient.pow(2).sum(-1).sqrt())
        assert (product[user, n:] == 0).all()
        assert (saliency[user, n:] == 0).all()
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("variant", VARIANTS)
def test_held_attention_is_attention_played_back(variant):
    model, batch = build(variant), batch_of(*HISTORIES)
    record = record_attention(model, batch, rows="all")["attention"]
    played = iter(record.unbind(1))  # a layer each time
    embeddings = model.embed(batch).detach().requires_grad_()
    with edit_attention(model, lambda weights, allowed: next(played), rows="all"):
        hidden = model(batch, embeddings)
    scores = (hidden * model.item_embedding.weight[TARGETS]).sum()
    (gradient,) = torch.autograd.grad(scores, embeddings)
    held = explain(model, batch, TARGETS, "saliency, attention held")
    near(held, gradient.norm(dim=-1))
    product = explain(model, batch, TARGETS, "input x gradient, attention held")
    near(product, (gradient * embeddings).sum(-1).detach())
    through = explain(model, batch, TARGETS, "saliency")
    assert torch.allclose(held, through) == (variant == "SASRec-uniform")
    assert not any(tap.hooked for tap in model.taps())


@pytest.mark.parametrize("variant", VARIANTS)
def test_held_norms_are_affine_maps(variant, monkeypatch):
    """Autograd through LayerNorms whose scales are played back as numbers."""
    model, batch = build(variant), batch_of(*HISTORIES)
    record = record_attention(model, batch, rows="all")["attention"]
    scales = []
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]

    def remember(norm, args, _):
        scales.append(1 / (args[0].var(-1, correction=0, keepdim=True) + norm.eps).sqrt())

    embeddings = model.embed(batch).detach().requires_grad_()
    with torch.no_grad(), edit_attention(model, lambda weights, _: weights, rows="all"):
        handles = [norm.register_forward_hook(remember) for norm in norms]
        model(batch, embeddings)
    for handle in handles:
        handle.remove()
    played, weights = iter(scales), iter(record.unbind(1))
    for norm in norms:
        monkeypatch.setattr(
            norm,
            "forward",
            lambda x, norm=norm: (
                (x - x.mean(-1, keepdim=True)) * next(played) * norm.weight + norm.bias
            ),
        )
    with edit_attention(model, lambda _, __: next(weights), rows="all"):
        hidden = model(batch, embeddings)
    scores = (hidden * model.item_embedding.weight[TARGETS]).sum()
    (gradient,) = torch.autograd.grad(scores, embeddings)
    monkeypatch.undo()
    found = explain(model, batch, TARGETS, "input x gradient, attention and norms held")
    near(found, (gradient * embeddings).sum(-1).detach())
    assert not any(norm._forward_hooks for norm in norms)


@pytest.mark.parametrize("variant", ["SASRec", "SASRec-uniform"])
def test_integrated_gradients_are_complete(variant, monkeypatch):
    model, batch = build(variant), batch_of(*HISTORIES)
    whole = above_zero(model, batch, TARGETS)
    with torch.no_grad():
        zero = model(batch, torch.zeros(3, 5, 8).double())
        expected = (model(batch) - zero) * model.item_embedding.weight[TARGETS]
    near(whole, expected.sum(-1))
    assert whole.abs().min() > 1e-4
    monkeypatch.setattr(gradients, "FEWEST", 2)
    with monkeypatch.context() as limited:
        limited.setattr(gradients, "MOST", 2)
        coarse = explain(model, batch, TARGETS, "integrated gradients")
    gaps = (coarse.sum(-1) / whole - 1).abs()
    most = 1.01 * float(gaps.median())
    monkeypatch.setattr(gradients, "LEFT", most)
    found = explain(model, batch, TARGETS, "integrated gradients")
    assert ((found.sum(-1) / whole - 1).abs() <= most).all()
    assert ((found == coarse).all(1) == (gaps <= most)).all()  # the others took more steps
    for user, history in enumerate(HISTORIES):
        assert (found[user, len(history) :] == 0).all()


@pytest.mark.parametrize("variant", ["SASRec", "SASRec-uniform"])
def test_integrated_gradients_are_captums(variant, monkeypatch):
    model, batch = build(variant), batch_of(*HISTORIES)
    for name in ("FEWEST", "MOST"):
        monkeypatch.setattr(gradients, name, 16)
    found = explain(model, batch, TARGETS, "integrated gradients")
    attribution = IntegratedGradients(
        lambda x, case: model.scores(batch.take(case), TARGETS[case][:, None], x)[:, 0]
    )
    each = attribution.attribute(
        model.embed(batch).detach(), additional_forward_args=torch.arange(3), n_steps=16
    )
    near(found, each.sum(-1).detach(), rtol=1e-6)  # Captum's steps are in single precision


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("variant", ["light-od", "AC-gate-two-softmax-od"])
def test_where_the_length_of_an_embedding_means_nothing_rounding_is_no_importance(variant, dtype):
    """Without position embeddings the first LayerNorm undoes the length of an embedding."""
    model, batch = build(variant).to(dtype), batch_of(*HISTORIES)
    stretched = model.embed(batch).detach() * torch.tensor([1, 2, 3, 4, 5])[None, :, None]
    torch.testing.assert_close(model(batch, stretched), model(batch))
    for method in ("input x gradient", "integrated gradients"):
        assert (explain(model, batch, TARGETS, method) == 0).all()
    for method in ("saliency", "input x gradient, attention and norms held"):
        assert (explain(model, batch, TARGETS, method)[batch.valid].abs() > 0).all()


@pytest.mark.parametrize("head", [False, True])
def test_a_mask_token_is_no_item_of_a_history(head, monkeypatch):
    """BERT4Rec predicts at it, and it stays where every embedding goes to zero."""
    monkeypatch.setattr(gradients, "FEWEST", 64)
    model = build("SASRec", backbone="BERT4Rec", output_head=head)
    batch = batch_of(*HISTORIES)
    product = explain(model, batch, TARGETS, "input x gradient")
    saliency = explain(model, batch, TARGETS, "saliency")
    whole = explain(model, batch, TARGETS, "integrated gradients")
    for values in (product, saliency, whole):
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
    near(above_zero(model, batch, TARGETS), change)
    torch.testing.assert_close(whole.sum(-1), change, rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        before, masked = score(x), score(torch.zeros_like(x))
        model.item_embedding.weight[-1] *= 2
        assert not torch.allclose(score(x), before)
        assert not torch.allclose(score(torch.zeros_like(x)), masked)


class Weighted(nn.Module):
    """Score of t: the sum of embeddings, times `times` and the user's factor, at column t."""

    device = torch.device("cpu")
    stages = ()

    def __init__(self):
        super().__init__()
        weight = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
        self.weight = nn.Parameter(weight.double())
        self.config = SimpleNamespace(name="weighted", n_items=5, n_layers=0, n_heads=0)

    def embed(self, batch):
        return self.weight[batch.items]

    def forward(self, batch, embeddings):
        factor = (1 + batch.users)[:, None, None]
        return (embeddings * batch.times[..., None] * factor).sum(1)

    def scores(self, batch, items, embeddings=None):
        return self(batch, self.embed(batch) if embeddings is None else embeddings).gather(1, items)


@pytest.mark.parametrize("size", [2, 7, 1024])
def test_each_step_takes_its_own_users_and_times_and_padding_gets_nothing(size, monkeypatch):
    """A linear model: integrated gradients are its terms, even where it does look at padding."""
    monkeypatch.setattr(gradients, "CHUNK", size)
    model = Weighted()
    batch = Batch(
        torch.tensor([[1, 2, 3], [4, 5, 0]]),
        torch.tensor([3, 2]),
        times=torch.tensor([[1, 2, 3], [4, 5, 6]]),
        users=torch.tensor([0, 9]),
    )
    targets = torch.tensor([1, 5])
    w = model.weight.detach()
    terms = [w[1, 1], 2 * w[2, 1], 3 * w[3, 1], 40 * w[4, 5], 50 * w[5, 5], 0 * w[0, 0]]
    wanted = torch.stack(terms).view(2, 3)
    found = explain(model, batch, targets, "integrated gradients")
    near(found, wanted)
    near(explain(model, batch, targets, "input x gradient"), wanted)
    saliency = explain(model, batch, targets, "saliency")
    near(saliency, torch.tensor([[1, 2, 3], [40, 50, 0]]).double())
    mean = w[1:].mean(0)  # one item for the mean one: the difference of two terms
    factors = torch.tensor([[1, 2, 3], [40, 50, 0]]).double()
    near(explain(model, batch, targets), wanted - factors * mean[targets][:, None])


class Leaping(Weighted):
    """One more wherever there is any embedding, which no gradient shows."""

    passes = 0

    def scores(self, batch, items, embeddings=None):
        self.passes += 1
        leap = (self.embed(batch) if embeddings is None else embeddings).any((1, 2))
        return super().scores(batch, items, embeddings) + leap[:, None]


def test_steps_are_doubled_no_further_where_that_does_not_help(monkeypatch):
    monkeypatch.setattr(gradients, "CHUNK", 1)
    model = Leaping()
    one = torch.ones(1, 1, dtype=torch.long)
    batch = Batch(2 * one, one[0], times=one, users=0 * one[0])
    found = explain(model, batch, one[0], "integrated gradients")
    near(found, model.weight.detach()[2:3, 1:2])
    assert model.passes == 2 + 8 + 16  # the difference of scores, and the steps


def test_hooks_are_removed_when_something_fails(monkeypatch):
    model, batch = build("SASRec"), batch_of(*HISTORIES)
    block = model.encoder.layers[0].feed_forward
    whole = block.forward

    def failing(x):
        if any(tap.hooked for tap in model.taps()):
            raise TypeError("while somebody reads or changes the weights")
        return whole(x)

    monkeypatch.setattr(block, "forward", failing)
    for method in ("gradient x attention", "masking", "saliency, attention held"):
        with pytest.raises(TypeError):
            explain(model, batch, TARGETS, method)
        assert not any(tap.hooked for tap in model.taps())


def test_a_model_without_attention_says_so():
    with pytest.raises(WorkbenchError, match="weighted has no attention"):
        explain(Weighted(), batch_of([1, 2]), TARGETS[:1], "saliency, attention held")
    assert "saliency" in importances(Weighted())
    assert not any("attention" in name for name in importances(Weighted()))


def test_importances_that_read_the_same_gradient_share_it():
    model, batch = build("SASRec"), batch_of(*HISTORIES)
    names = ["saliency, attention held", "input x gradient, attention held", "saliency", "recency"]
    passes: list[int] = []
    handle = model.register_forward_hook(lambda *_: passes.append(1))
    found = explain_each(model, batch, TARGETS, names)
    handle.remove()
    assert len(passes) == 2  # with attention held, and without
    assert list(found) == names
    assert all(torch.equal(found[name], explain(model, batch, TARGETS, name)) for name in names)


def test_to_hold_attention_the_last_layer_computes_the_row_that_predicts_alone():
    model, batch = build("SASRec"), batch_of(*HISTORIES)
    passed: list[int] = []
    *_, last = model.taps()
    last.hook_rows(lambda _, __, weights: passed.append(weights.shape[2]))
    explain(model, batch, TARGETS, "saliency, attention held")
    record_attention(model, batch)
    assert passed == [1, 5]


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ([2, 8], r"shape \[2\], from 2 to 8"),
        ([2, 8, 0], r"an item from 1 to 12 for each of the 3 histories.* from 0 to 8"),
        ([2, 8, 13], "from 2 to 13"),
    ],
)
def test_targets_that_are_none_are_told(targets, told):
    with pytest.raises(WorkbenchError, match=told):
        explain(build("SASRec"), batch_of(*HISTORIES), torch.tensor(targets))


def test_a_list_is_no_method():
    with pytest.raises(WorkbenchError, match="called by one name"):
        explain(build("SASRec"), batch_of(*HISTORIES), TARGETS, ["saliency"])
