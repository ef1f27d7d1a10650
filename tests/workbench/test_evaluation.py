"""Metrics from ranks by hand, and ranks against sorting every item."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from tests.models.variants import MAX_LENGTH, batch_of, build
from tests.workbench.tiny import data_of
from workbench.errors import WorkbenchError
from workbench.evaluation import CUTOFFS, evaluate, metrics_of, rank_of, target_ranks


class Table(nn.Module):
    """Scores of a user are read from a table; padding scores -inf."""

    needs_times = needs_users = False
    device = torch.device("cpu")

    def __init__(self, *rows, n_items=5, max_length=50):
        super().__init__()
        self.card, self.item_ids = {}, None
        self.config = SimpleNamespace(name="Table", n_items=n_items, max_length=max_length)
        self.table = nn.Parameter(torch.tensor([[-math.inf, *row] for row in rows]))
        self.modes = []

    def scores(self, batch):
        self.modes.append(self.training)
        return self.table[batch.users]


@pytest.mark.parametrize(
    ("scores", "rank", "without_seen"),
    [
        ([5, 4, 3, 2, 1], 3, 2),  # the target is 3, the history 2 and 4
        ([1, 2, 9, 3, 4], 1, 1),
        ([5, 6, 1, 7, 8], 5, 3),
        ([1, 3, 3, 1, 1], 2, 1),  # one tie: half of it, rounded up
        ([3, 3, 3, 1, 1], 2, 2),  # two ties: one of them
        ([3, 3, 3, 3, 3], 3, 2),  # everything is the same: the middle
        ([4, 3, 3, 3, 3], 4, 3),
        ([-9, -9, -math.inf, -9, -9], 6, 4),  # a tie with padding alone
    ],
)
def test_ranks_by_hand(scores, rank, without_seen):
    table = torch.tensor([[-math.inf, *scores]])
    before, target, seen = table.clone(), torch.tensor([3]), torch.tensor([[2, 4, 0]])
    assert target_ranks(table, target).tolist() == [rank]
    if scores[2] != -math.inf:
        assert target_ranks(table, target, seen).tolist() == [without_seen]
    assert torch.equal(table, before)


def test_a_target_that_was_seen_stays():
    table = torch.tensor([[-math.inf, 5.0, 9, 4, 8, 1]])
    assert target_ranks(table, torch.tensor([4]), torch.tensor([[2, 4, 0]])).tolist() == [1]
    assert target_ranks(table, torch.tensor([4])).tolist() == [2]


def test_metrics_by_hand():
    found = metrics_of(np.array([1, 3, 4, 11, 60]))
    assert found.keys() == {f"{m}@{k}" for m in ("hit", "ndcg", "mrr") for k in CUTOFFS}
    wanted = {
        "hit@1": 1 / 5,
        "hit@3": 2 / 5,
        "hit@10": 3 / 5,
        "hit@50": 4 / 5,
        "ndcg@1": 1 / 5,
        "ndcg@3": (1 + 1 / 2) / 5,  # log2(3 + 1) = 2
        "ndcg@10": (1 + 1 / 2 + 1 / math.log2(5)) / 5,
        "ndcg@50": (1 + 1 / 2 + 1 / math.log2(5) + 1 / math.log2(12)) / 5,
        "mrr@5": (1 + 1 / 3 + 1 / 4) / 5,
        "mrr@20": (1 + 1 / 3 + 1 / 4 + 1 / 11) / 5,
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def test_an_evaluation_by_hand():
    data = data_of([1, 2, 3], [4, 5], [1], [5, 4, 3, 2], n_items=5)
    model = Table([1, 5, 3, 4, 2], [5, 4, 3, 2, 1], [0] * 5, [5, 1, 4, 3, 2]).train()
    found = evaluate(model, data)
    # 3 is beaten by 2 and 4; 5 by all; user 2 has no case; 2 by all
    assert found.users.tolist() == [0, 1, 3]
    assert found.ranks.tolist() == [3, 5, 5]
    assert found.metrics["hit@3"] == pytest.approx(1 / 3)
    assert (found.split, found.seen_removed) == ("test", False)
    without = evaluate(model, data, remove_seen=True)
    assert without.ranks.tolist() == [2, 4, 2]  # the seen are 1 2, 4, and 5 4 3
    assert without.seen_removed
    valid = evaluate(model, data, "valid")
    assert valid.users.tolist() == [0, 3]
    assert valid.ranks.tolist() == [1, 2]  # 2 of user 0, 3 of user 3
    assert model.modes == [False] * 3
    assert model.training


def sequences(n_users=23):
    """Some longer than what the model reads."""
    rng = np.random.default_rng(0)
    return [rng.integers(1, 13, rng.integers(2, 19)).tolist() for _ in range(n_users)]


def test_all_that_was_seen_is_removed_however_long_ago():
    """The model reads one item, and was shown up to four."""
    data = data_of([1, 2, 5, 3, 4], [4, 5], [2, 5, 1], n_items=5)
    model = Table([5, 4, 3, 2, 1], [1, 2, 3, 4, 5], [5, 4, 3, 2, 1], max_length=1)
    assert evaluate(model, data).ranks.tolist() == [4, 1, 1]
    found = evaluate(model, data, remove_seen=True)
    assert found.ranks.tolist() == [1, 1, 1]  # before item 4 came 1, 2, 5 and 3
    valid = evaluate(model, data, "valid", remove_seen=True)
    assert valid.users.tolist() == [0, 2]
    assert valid.ranks.tolist() == [1, 4]  # 3 after 1, 2 and 5; 5 after 2 alone
    for batch_size in (1, 2):
        again = evaluate(model, data, remove_seen=True, batch_size=batch_size)
        assert again.ranks.tolist() == found.ranks.tolist()


@torch.no_grad()
@pytest.mark.parametrize("remove_seen", [False, True])
@pytest.mark.parametrize("variant", ["SASRec", "AC-fixed-two-softmax-od"])
def test_ranks_are_those_of_sorting_every_item(variant, remove_seen):
    model, wanted = build(variant), []
    for *history, target in sequences():
        batch = batch_of(history[-MAX_LENGTH:])
        scores = (model(batch)[0] @ model.item_embedding.weight.T).tolist()
        rivals = set(range(1, 13)) - (set(history) if remove_seen else set()) | {target}
        ranked = sorted(rivals, key=lambda item: -scores[item])
        wanted.append(ranked.index(target) + 1)
    data = data_of(*sequences())
    for batch_size in (1, 7, 256):
        found = evaluate(model, data, remove_seen=remove_seen, batch_size=batch_size)
        assert found.ranks.tolist() == wanted
        assert found.metrics == metrics_of(np.array(wanted))
    assert not model.training


def test_a_model_that_raises_is_left_in_its_mode():
    model = Table([0.0] * 5, [0.0] * 5).train()
    with pytest.raises(IndexError):  # the table knows two users
        evaluate(model, data_of([1, 2], [3, 4], [1, 5], n_items=5))
    assert model.training


def test_what_cannot_be_evaluated_is_told():
    model = Table([0.0] * 5)
    with pytest.raises(WorkbenchError, match="knows 5 items and tiny has 7; give the data"):
        evaluate(model, data_of([1, 2, 3], n_items=7))
    with pytest.raises(WorkbenchError, match="no user has enough interactions for a valid case"):
        evaluate(model, data_of([1, 2], n_items=5), "valid")


def test_a_score_that_is_no_number_loses_against_all_others():
    scores = torch.tensor([[-torch.inf, torch.nan, 2.0, 1.0], [-torch.inf, 3.0, torch.nan, 1.0]])
    ranks = target_ranks(scores, torch.tensor([1, 1]))
    assert ranks[0] > 3  # below every number
    assert ranks[1] == 2  # one that is none may be anything
    assert rank_of(scores[0], 1) > 3
