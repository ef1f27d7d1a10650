"""Scores of a diagnostic against the planted cause, ties by enumerating every way to break them."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.statistics import cause_scores, chance_scores, planted_truth


def ranked_scores(ranked):
    """Mean rank of the causes, top-1 hit and average precision of 0/1 labels in ranked order."""
    places = [place for place, is_cause in enumerate(ranked, 1) if is_cause]
    precision = [found / place for found, place in enumerate(places, 1)]
    return np.mean(places), float(ranked[0]), np.mean(precision)


def enumerated(importance, causes):
    """Mean scores over every order that ranks by importance, whatever its ties."""
    orders = [
        order
        for order in itertools.permutations(range(len(importance)))
        if all(importance[i] >= importance[j] for i, j in itertools.pairwise(order))
    ]
    return np.mean([ranked_scores([causes[i] for i in order]) for order in orders], axis=0)


def values(scores, row=0):
    return [s[row].item() for s in (scores.rank, scores.top1, scores.average_precision)]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6),
    st.lists(st.integers(0, 2), max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_scores_are_means_over_broken_ties(row, padding):
    importance, causes = [r[0] for r in row], [r[1] for r in row]
    if not any(causes):
        causes[0] = True
    length = len(row) + len(padding)
    valid = torch.arange(length)[None] < len(row)
    found = cause_scores(
        torch.tensor([importance + padding]).double(),
        valid,
        torch.tensor([causes + [False] * len(padding)]),
    )
    assert values(found) == pytest.approx(enumerated(importance, causes), abs=1e-12)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 1), (5, 1), (5, 2), (6, 3), (4, 4)])
def test_chance_is_the_mean_over_all_orders(n, k):
    labels = [True] * k + [False] * (n - k)
    expected = enumerated([0] * n, labels)
    valid = torch.arange(n + 2)[None] < n
    causes = torch.tensor([[*labels, False, False]])
    assert values(chance_scores(valid, causes)) == pytest.approx(expected, abs=1e-12)
    # A constant importance scores chance.
    assert values(cause_scores(torch.zeros(1, n + 2), valid, causes)) == pytest.approx(expected)


def test_shuffled_importance_scores_chance():
    generator = torch.Generator().manual_seed(0)
    importance = torch.rand(20_000, 10, generator=generator)
    valid = torch.arange(10) < torch.randint(3, 11, (20_000, 1), generator=generator)
    cause = torch.zeros(20_000, dtype=torch.long)
    found, chance = cause_scores(importance, valid, cause), chance_scores(valid, cause)
    assert found.rank.mean().item() == pytest.approx(chance.rank.mean().item(), abs=0.07)
    assert found.top1.mean().item() == pytest.approx(chance.top1.mean().item(), abs=0.012)
    precision = chance.average_precision.mean().item()
    assert found.average_precision.mean().item() == pytest.approx(precision, abs=0.01)


def test_hand_computed():
    importance = torch.tensor([[0.1, 0.9, 0.5, 7.0], [0.2, 0.2, 0.1, 0.0], [3.0, 1.0, 2.0, 0.0]])
    valid = torch.tensor([[True, True, True, False], [True, True, True, True], [True] * 4])
    found = cause_scores(importance, valid, torch.tensor([2, 0, 3]))
    assert found.rank.tolist() == [2.0, 1.5, 4.0]
    assert found.top1.tolist() == [0.0, 0.5, 0.0]
    assert found.average_precision.tolist() == pytest.approx([1 / 2, (1 + 1 / 2) / 2, 1 / 4])


def test_chunks_do_not_show(monkeypatch):
    generator = torch.Generator().manual_seed(1)
    importance = torch.randint(0, 4, (30, 6), generator=generator)
    valid = torch.ones(30, 6, dtype=torch.bool)
    cause = torch.randint(0, 6, (30,), generator=generator)
    monkeypatch.setattr(planted_truth, "CHUNK_PAIRS", 100)
    found = cause_scores(importance, valid, cause)
    for row in range(30):
        labels = [position == cause[row] for position in range(6)]
        assert values(found, row) == pytest.approx(enumerated(importance[row].tolist(), labels))


def test_rows_without_an_answer_are_nan():
    importance = torch.tensor([[1.0, 2.0], [torch.nan, 2.0], [torch.nan, 2.0]])
    valid = torch.tensor([[True, True], [True, True], [False, True]])
    cause = torch.tensor([-1, 1, 1])
    found = cause_scores(importance, valid, cause)
    for scores in (found.rank, found.top1, found.average_precision):
        assert scores.isnan().tolist() == [True, True, False]
    assert chance_scores(valid, cause).rank.isnan().tolist() == [True, False, False]


def test_a_cause_must_be_at_a_valid_position():
    valid = torch.tensor([[True, True], [True, False]])
    with pytest.raises(WorkbenchError, match="row 1 stands at a position that is not valid"):
        cause_scores(torch.zeros(2, 2), valid, torch.tensor([0, 1]))
    with pytest.raises(WorkbenchError, match="beyond the 2 positions"):
        chance_scores(valid, torch.tensor([0, 2]))


def test_wrong_shapes_are_refused():
    valid = torch.ones(2, 3, dtype=torch.bool)
    with pytest.raises(WorkbenchError, match="share one shape"):
        cause_scores(torch.zeros(2, 4), valid, torch.tensor([0, 1]))
    with pytest.raises(WorkbenchError, match=r"bool \[N, L\]"):
        cause_scores(torch.zeros(2, 3), valid, torch.zeros(2, 3))
