"""Stochastic shared embeddings: what is exchanged, how often, and never at inference."""

import pytest
import torch

from models import Batch
from tests.models.variants import N_ITEMS, build, stamped

N_USERS = 5
STILL = {"hidden_dropout": 0.0, "attention_dropout": 0.0}  # chance is left to the exchanges
NEVER = {"swap_users": 0.0, "swap_items": 0.0, "swap_targets": 0.0}


def ssept(**chances):
    return build("SASRec", backbone="SSE-PT", **{**STILL, **NEVER, **chances})


@pytest.fixture
def drawn(monkeypatch):
    """Draws known beforehand: every second place is below a half, and the new id is the largest."""

    def halves(shape, **_):
        return torch.arange(torch.Size(shape).numel()).remainder(2).view(shape) * 0.6 + 0.2

    monkeypatch.setattr(torch, "rand", halves)
    monkeypatch.setattr(torch, "randint_like", lambda x, low, high: torch.full_like(x, high - 1))


@torch.no_grad()
def test_items_by_hand(drawn):
    model = ssept(swap_items=0.5).train()
    table = model.item_embedding.weight
    batch = stamped([3, 1, 4], [9])  # drawn at places 0, 2 and 4, the last of them padding
    assert torch.equal(model.embed(batch), table[torch.tensor([[12, 1, 12], [9, 0, 0]])])
    assert torch.equal(model.eval().embed(batch), table[batch.items])


@torch.no_grad()
def test_users_by_hand(drawn):
    model = ssept(swap_users=0.5).train()
    batch = Batch(torch.tensor([[3]] * 4), torch.ones(4).long(), users=torch.tensor([1, 2, 9, 3]))
    x = torch.zeros(4, 1, model.item_size).double()
    positions = model.position_embedding.weight[0]
    for training, rows in ((True, [5, 3, 0, 4]), (False, [2, 3, 0, 4])):  # unknown ones stay
        user = model.user_embedding.weight[torch.tensor(rows)]
        wanted = torch.cat([x[:, 0], user], -1) + positions
        assert torch.equal(model.train(training).inputs(batch, x)[:, 0], wanted)


def test_targets_by_hand(drawn):
    model, batch = ssept(swap_targets=0.5), stamped([3, 1, 4], [9, 2])
    for targets, swapped in (
        (torch.tensor([2, 8]), torch.tensor([12, 8])),
        (torch.tensor([[1, 4, 2], [2, 8, 0]]), torch.tensor([[12, 4, 12], [2, 12, 0]])),
    ):
        found, as_given, wanted = (
            model.train(training).losses(batch, some).recommendation
            for training, some in ((True, targets), (False, targets), (False, swapped))
        )
        assert found == wanted
        assert as_given != wanted


@pytest.mark.parametrize("chance", [0.1, 0.5, 1.0])
def test_how_often(chance):
    torch.manual_seed(0)
    ids = torch.arange(1, N_ITEMS + 1).repeat(5000)
    found = ssept().train()._swapped(ids, chance, N_ITEMS)
    assert set(found.tolist()) == set(range(1, N_ITEMS + 1))
    wanted = chance * (1 - 1 / N_ITEMS)  # a random id may be the same
    assert (found != ids).double().mean() == pytest.approx(wanted, abs=0.01)
    assert (ssept().train()._swapped(torch.zeros(99).long(), chance, N_ITEMS) == 0).all()


@torch.no_grad()
def test_nothing_is_exchanged_at_inference():
    model = ssept(swap_users=1.0, swap_items=1.0, swap_targets=1.0)
    batch = stamped([3, 1, 4, 1, 5], [9, 2, 6])
    still = ssept()
    assert torch.equal(model.scores(batch), still.scores(batch))
    assert torch.equal(model.scores(batch), model.scores(batch))
    torch.manual_seed(0)
    model.train()
    assert not torch.equal(model.scores(batch), model.scores(batch))
