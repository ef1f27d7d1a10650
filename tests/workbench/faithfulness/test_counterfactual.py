"""The smallest change of a model whose scores are sums over items, against all subsets."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models import ModelConfig
from tests.models.variants import batch_of, build
from tests.workbench.explaining.without import scores_without
from workbench.faithfulness.counterfactual import MOST, smallest_change

N = 7


class Voting(nn.Module):
    """Every item of the history adds its row of `votes` [N, N] to the scores of items 1 to N."""

    stages = ()
    needs_times = needs_users = False

    def __init__(self, votes: np.ndarray) -> None:
        super().__init__()
        self.config = ModelConfig("voting", n_items=N, n_layers=1, n_heads=1, hidden_size=N + 1)
        self.votes = torch.from_numpy(np.pad(votes, ((1, 0), (1, 0))))
        self.device = self.votes.device

    def embed(self, batch):
        return nn.functional.one_hot(batch.items, N + 1).double()

    def scores(self, batch, items=None, embeddings=None):
        x = self.embed(batch) if embeddings is None else embeddings
        scores = (x * batch.valid[..., None]).sum(1) @ self.votes
        scores[:, 0] = -torch.inf
        return scores if items is None else scores.gather(1, items)


def by_hand(votes, history, operator):
    """Size of the smallest change, its largest effect, and the old first; NaN if there is none."""
    each = votes[np.array(history) - 1]
    whole = each.sum(0)
    top, instead = whole.argmax(), votes.mean(0) if operator == "replacement" else 0
    for size in range(1, len(history) + (operator == "replacement")):
        effects = []
        for gone in combinations(range(len(history)), size):
            left = whole - sum(each[at] - instead for at in gone)
            effects.append(np.delete(left, top).max() - left[top])
        if max(effects) > 0:
            return size, max(effects)
    return np.nan, np.nan


HISTORY = st.lists(st.integers(1, N), min_size=1, max_size=6)


@pytest.mark.parametrize("operator", ["replacement", "deletion"])
@settings(max_examples=25)
@given(st.integers(0, 2**31), st.lists(HISTORY, min_size=1, max_size=3), st.floats(0, 3))
def test_it_is_that_of_all_subsets(operator, seed, histories, lead):
    votes = np.random.default_rng(seed).normal(size=(N, N))
    votes[:, 0] += lead  # so that several have to go
    found = smallest_change(Voting(votes), batch_of(*histories), operator)
    for row, history in enumerate(histories):
        size, effect = by_hand(votes, history, operator)
        if np.isnan(size):
            assert found.size[row].isnan()
        elif size <= 3:  # none of so few items is beyond the pool
            assert found.size[row] == size
        else:
            assert found.size[row].isnan() or found.size[row] >= size
        scores = votes[np.array(history) - 1].sum(0)
        if found.size[row].isnan():
            assert not found.removed[row].any()
            assert found.old_rank[row].isnan()
            assert found.successor[row] == 0
            continue
        gone = found.removed[row, : len(history)].numpy()
        assert gone.sum() == found.removed[row].sum() == found.size[row]
        each = votes[np.array(history) - 1]
        left = each[~gone].sum(0) + (operator == "replacement") * gone.sum() * votes.mean(0)
        successor = found.successor[row].item() - 1
        assert left.argmax() == successor != scores.argmax()
        assert found.old_rank[row] == 1 + (scores > scores[successor]).sum()
        if size <= 3:
            assert left[successor] - left[scores.argmax()] == pytest.approx(effect)


def test_among_many_items_a_search_goes_on_from_the_best_and_counts_its_passes():
    votes = np.zeros((N, N))
    votes[0, 0], votes[1, 1], votes[2] = 1, 3.5, -0.01  # ones vote for item 1, a two for item 2
    model = Voting(votes)
    history = [1] * 7 + [2] + [3] * 4  # four ones have to go: 7 - 4 < 3.5
    found = smallest_change(model, batch_of(history, [2, 1]), "deletion")
    assert found.size.tolist() == [4, 1]
    assert found.removed[0].nonzero()[:, 0].max() < 7
    assert found.removed.sum(1).tolist() == [4, 1]
    assert found.successor.tolist() == [2, 1]
    # unchanged, singles, pairs, triples of ten, the best pair with one of the two beyond these ten,
    # and the best triple with any other
    assert found.passes.tolist() == [1 + 12 + 66 + 120 + 2 + 9, 1 + 2]


def test_nothing_is_found_where_more_would_have_to_go():
    votes = np.zeros((N, N))
    votes[0, 0] = 1  # nobody votes for another
    found = smallest_change(Voting(votes), batch_of([1] * (MOST + 2)), "deletion")
    assert found.size.isnan().all()
    assert not found.removed.any()


@settings(max_examples=25)
@given(st.integers(0, 2**31), HISTORY, st.sets(st.integers(1, N), max_size=N - 2))
def test_what_is_hidden_might_as_well_get_no_votes(seed, history, hidden):
    votes = np.random.default_rng(seed).normal(size=(N, N))
    batch, items = batch_of(history), torch.tensor([[0, *sorted(hidden)]])
    found = smallest_change(Voting(votes), batch, hidden=items)
    votes[:, [item - 1 for item in hidden]] = -1e6
    wanted = smallest_change(Voting(votes), batch)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)


def test_in_a_transformer_it_is_one_where_any_single_item_does():
    batch = batch_of([3, 1, 4, 1, 5], [9, 2, 6], [7, 8], [2, 8, 5, 10, 12, 1], [11, 6, 9, 3])
    model = build("SASRec", seed=6)
    found = smallest_change(model, batch)
    top = model.scores(batch).argmax(1)
    assert (found.size == 1).any()
    assert found.size.isnan().any()
    for row, size in enumerate(found.size.tolist()):
        changes = []
        for at in range(int(batch.lengths[row])):
            one = torch.zeros(1, batch.items.shape[1], dtype=torch.bool)
            one[0, at] = True
            scores = scores_without(model, batch.take(torch.tensor([row])), one)
            changes.append(bool(scores.argmax() != top[row]))
        assert any(changes) == (size == 1)


def test_what_is_hidden_is_never_recommended():
    """By hand: item 7 would be first, then 6, then 5; only items 6 and 5 may be recommended."""
    votes = np.zeros((N, N))
    votes[0] = [0, 0, 0, 0, 0, 2, 5]  # item 1 speaks for 6, and for the hidden 7
    votes[1] = [0, 0, 0, 0, 1, 0, 4]
    batch = batch_of([1, 2])
    change = smallest_change(Voting(votes), batch, "deletion", hidden=torch.tensor([[7, 1]]))
    assert (change.size.item(), change.successor.item(), change.old_rank.item()) == (1, 5, 2)
    assert change.removed.tolist() == [[True, False]]
    everything = torch.tensor([[1, 2, 3, 4, 5, 7]])
    assert smallest_change(Voting(votes), batch, hidden=everything).size.isnan()
