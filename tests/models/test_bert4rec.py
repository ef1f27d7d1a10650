"""The mask token after a history, and the output head written out."""

import pytest
import torch
from torch.nn import functional as F

from models import BERT4Rec
from tests.models.variants import MAX_LENGTH, N_ITEMS, batch_of, build, near

HISTORIES = [3, 1, 4, 1, 5], [9, 2, 6], [7]
MASK = N_ITEMS + 1


def bert4rec(output_head: bool, variant: str = "SASRec") -> BERT4Rec:
    model = build(variant, backbone="BERT4Rec", output_head=output_head)
    assert isinstance(model, BERT4Rec)
    return model


def logits_by_hand(model, hidden):
    """W2 E^T + b of LayerNorm(GELU(hidden W1 + b1)), as RecBole 1.2 has it; padding included."""
    p = dict(model.named_parameters())
    x = hidden @ p["head.dense.weight"].T + p["head.dense.bias"]
    x = x * (1 + torch.erf(x / 2**0.5)) / 2
    x = (x - x.mean(-1, keepdim=True)) / x.var(-1, unbiased=False, keepdim=True).sqrt()
    x = x * p["head.norm.weight"] + p["head.norm.bias"]
    return x @ p["item_embedding.weight"][: N_ITEMS + 1].T + p["head.bias"]


def test_a_mask_token_follows_the_last_item():
    model = bert4rec(False)
    batch = batch_of(*HISTORIES)
    tokens = model.tokens(batch)
    assert tokens.items.tolist() == [
        [3, 1, 4, 1, 5, MASK],
        [9, 2, 6, MASK, 0, 0],
        [7, MASK, 0, 0, 0, 0],
    ]
    assert model.rows(batch).tolist() == [5, 3, 1]
    assert model.history(batch).sum(1).tolist() == [5, 3, 1]
    assert not model.history(batch)[tokens.items == MASK].any()
    full = batch_of(list(range(1, MAX_LENGTH + 1)))
    assert model.scores(full).shape == (1, N_ITEMS + 1)  # there is room for the token


@torch.no_grad()
def test_scores_through_the_output_head():
    model, batch = bert4rec(True), batch_of(*HISTORIES)
    wanted = logits_by_hand(model, model(batch))
    scores = model.scores(batch)
    near(scores[:, 1:], wanted[:, 1:])
    assert (scores[:, 0] == -torch.inf).all()
    items = torch.tensor([[2, 8], [5, 5], [12, 1]])
    near(model.score(model(batch), items), wanted.gather(1, items))
    assert not torch.allclose(scores[:, 1:], model(batch) @ model.item_embedding.weight[1:-1].T)


@pytest.mark.parametrize("variant", ["SASRec", "AC-gate-two-softmax-od"])
def test_the_loss_through_the_output_head(variant):
    model = bert4rec(True, variant)
    batch = batch_of([3, MASK, 4, 1, 5], [9, 2, MASK])
    targets = torch.tensor([[0, 1, 0, 0, 0], [0, 0, 6, 0, 0]])
    hidden = model.encode(batch, every_row=True)[targets > 0]
    wanted = F.cross_entropy(logits_by_hand(model, hidden), torch.tensor([1, 6]))
    losses = model.losses(batch, targets)
    near(losses.recommendation, wanted)
    taught = {n: p for n, p in model.named_parameters() if n.startswith(("head.", "encoder.la"))}
    taught = {n: p for n, p in taught.items() if ".adversarial." not in n}
    pair = [
        torch.autograd.grad(loss, list(taught.values()), retain_graph=True)
        for loss in (losses.recommendation, wanted)
    ]
    for name, one, other in zip(taught, *pair, strict=True):
        near(one, other)
        assert not name.startswith("head.") or one.abs().max() > 0
    assert (losses.adversarial is not None) == (variant != "SASRec")
