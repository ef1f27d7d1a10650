"""Removals of several items against removals made by hand, and searches against all there are."""

from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.models.variants import batch_of, build
from tests.workbench.explaining.without import scores_without
from workbench.attention.base_pass import BasePass
from workbench.explaining.erasure import effects_of_each
from workbench.faithfulness import curves
from workbench.faithfulness.curves import (
    SIZES,
    Removals,
    most_important_first,
    normalised,
    searched,
)

HISTORIES = [3, 1, 4, 1, 5], [9, 2, 6], [7, 8]
TARGETS = torch.tensor([2, 8, 4])


@given(st.lists(st.lists(st.integers(-3, 3), min_size=4, max_size=4), min_size=1, max_size=3))
def test_places_are_those_of_a_descending_sort_among_candidates(values):
    importance = torch.tensor(values).double()
    candidates = torch.ones_like(importance, dtype=torch.bool)
    candidates[:, 2] = False
    place = most_important_first(importance, candidates, seed=1)
    for row, at in zip(values, place.tolist(), strict=True):
        assert sorted(at) == [0, 1, 2, 3]
        assert at[2] == 3
        ordered = [row[at.index(k)] for k in range(3)]
        assert ordered == sorted(ordered, reverse=True)


def test_equal_importances_come_in_random_order_and_nan_last():
    equal = torch.ones(400, 3).double()
    place = most_important_first(equal, torch.ones(400, 3, dtype=torch.bool))
    first = (place == 0).double().mean(0)
    assert ((first > 0.25) & (first < 0.42)).all()
    row = torch.tensor([[torch.nan, -9.0, 1.0]])
    candidates = torch.tensor([[True, True, False]])
    assert most_important_first(row, candidates).tolist() == [[1, 0, 2]]


@pytest.mark.parametrize("operator", ["replacement", "masking", "deletion"])
def test_outcomes_are_those_of_a_pass_each(operator):
    model, batch = build("SASRec"), batch_of(*HISTORIES)
    targets = torch.stack([TARGETS, TARGETS.flip(0)], 1)
    rows = torch.tensor([0, 1, 0, 0])
    removed = torch.zeros(4, 5, dtype=torch.bool)
    removed[0, 1] = removed[1, [0, 2]] = removed[2, [1, 4]] = removed[3, 1] = True
    found = Removals(BasePass(model, batch), targets, operator).outcomes(rows, removed)
    for n, row in enumerate(rows.tolist()):
        one = batch.take(torch.tensor([row]))
        scores = scores_without(model, one, removed[n : n + 1], operator=operator)
        nats = scores.log_softmax(-1)[0, targets[row]]
        torch.testing.assert_close(found.nats[n], nats)
        for k, target in enumerate(targets[row].tolist()):
            better = (scores[0, 1:] > scores[0, target]).sum() + 1
            assert found.ranks[n, k] == better


def test_a_removal_is_run_once_whoever_asks_for_it(monkeypatch):
    model, batch = build("SASRec"), batch_of(*HISTORIES)
    run = []

    def counted(base, rows, removed, **how):
        run.append(len(rows))
        return original(base, rows, removed, **how)

    original = curves.scores_without
    monkeypatch.setattr(curves, "scores_without", counted)
    removals = Removals(BasePass(model, batch), TARGETS[:, None])
    one, two = torch.eye(5, dtype=torch.bool)[:2]
    first = removals.outcomes(torch.tensor([0, 0, 1]), torch.stack([one, one, one])).nats
    again = removals.outcomes(torch.tensor([1, 0, 0]), torch.stack([one, two, one])).nats
    assert run == [2, 1]
    assert torch.equal(again[[2, 0]], first[1:])
    alone = Removals(BasePass(model, batch), TARGETS[:, None])
    new = alone.outcomes(torch.tensor([0]), two[None]).nats[0]
    torch.testing.assert_close(again[1], new)


def test_ranks_that_were_not_asked_for_are_found_when_they_are():
    model, batch = build("SASRec"), batch_of([3, 1, 4], [9, 2])
    rows, removed = torch.tensor([0, 1]), torch.eye(3).bool()[:2] & batch.valid
    removals = Removals(BasePass(model, batch), torch.tensor([[2, 5], [8, 5]]))
    first = removals.outcomes(rows, removed, ranked=False)
    expected = Removals(removals.base, removals.targets).outcomes(rows, removed)
    found = removals.outcomes(rows, removed)
    assert (expected.ranks > 0).all()
    assert torch.equal(found.ranks, expected.ranks)
    assert torch.equal(first.nats, expected.nats)
    assert torch.equal(removals.outcomes(rows, removed, ranked=False).nats, expected.nats)


@pytest.mark.parametrize("most", [True, False])
def test_a_search_takes_the_best_single_item_first_and_never_falls_behind_itself(most):
    model, batch = build("SASRec"), batch_of(*HISTORIES)
    base, targets = BasePass(model, batch), torch.stack([TARGETS.flip(0), TARGETS], 1)
    effects = effects_of_each(base, targets)
    left = searched(Removals(base, targets), effects, batch.valid)[0 if most else 1][:, 1]
    pick = min if most else max
    for row, history in enumerate(HISTORIES):
        one = batch.take(torch.tensor([row]))

        def nats(positions, row=row, one=one):
            removed = torch.zeros(1, 5, dtype=torch.bool)
            removed[0, list(positions)] = True
            return scores_without(model, one, removed).log_softmax(-1)[0, TARGETS[row]].item()

        singles = {(at,): nats((at,)) for at in range(len(history))}
        first = pick(singles, key=singles.__getitem__)
        assert left[row, 0].item() == pytest.approx(singles[first])
        pairs = [pair for pair in combinations(range(len(history)), 2) if first[0] in pair]
        assert left[row, 1].item() == pytest.approx(pick(nats(pair) for pair in pairs))
        whole = nats(range(len(history)))
        assert left[row, SIZES.index(5)].item() == pytest.approx(whole)  # nothing more to take


def test_the_scale_runs_from_one_search_to_the_other():
    least, most = torch.tensor([0.0, 1.0, 2.0]).double(), torch.tensor([2.0, 3.0, 2.0]).double()
    found = normalised(torch.tensor([1.0, 3.0, 2.0]).double(), least, most)
    assert found[:2].tolist() == [0.5, 1.0]
    assert found[2].isnan()
