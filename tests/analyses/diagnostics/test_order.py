"""What changed histories and uniform attention lead to, against passes worked out by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analyses.diagnostics.order import (
    ALONE,
    DIAGNOSTIC,
    REVERSED,
    SHUFFLED,
    UNCHANGED,
    UNIFORM,
    from_the_end,
    last_alone,
    shuffled,
)
from analyses.running.measuring import measure_in_memory
from analyses.running.passes import RankedScores, overlap
from models import Batch
from tests.analyses.handmade import (
    EFFECT,
    TARGET,
    data_of,
    rank_by_hand,
    results_of,
    salience_frame,
)
from workbench import adapt


def top(weights: dict[int, float]) -> int:
    """The item ranked first when the prediction row gives these weights to these items."""
    return int(sum(w / sum(weights.values()) * EFFECT[i] for i, w in weights.items())[1:].argmax())


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return salience_frame(DIAGNOSTIC)


@pytest.mark.parametrize(
    ("condition", "weights"),
    [
        (UNCHANGED, {1: 8.0, 2: 4.0, 3: 2.0}),
        (SHUFFLED, {1: 8.0, 2: 4.0, 3: 2.0}),  # this model knows no order
        (REVERSED, {1: 8.0, 2: 4.0, 3: 2.0}),
        (ALONE, {3: 1.0}),
        (UNIFORM, {1: 1.0, 2: 1.0, 3: 1.0}),
    ],
)
def test_metrics_are_those_of_ranks_computed_by_hand(frame, condition, weights):
    row = frame[(frame["condition"] == condition) & (frame["user"] == 0)].iloc[0]
    before, after = rank_by_hand({1: 8.0, 2: 4.0, 3: 2.0}, TARGET), rank_by_hand(weights, TARGET)
    gain = 1 / np.log2(after + 1) - 1 / np.log2(before + 1)
    assert row["ndcg"] == pytest.approx(1 / np.log2(after + 1))
    if condition == UNCHANGED:
        assert np.isnan(row["d_ndcg"])
    else:
        assert row["d_ndcg"] == pytest.approx(gain)
        assert row["top1_changed"] == (top(weights) != top({1: 8.0, 2: 4.0, 3: 2.0}))
    assert row["length"] == 3


def batch_of(*histories: list[int]) -> Batch:
    lengths = torch.tensor([len(h) for h in histories])
    items = torch.zeros(len(histories), int(lengths.max()), dtype=torch.long)
    for row, history in enumerate(histories):
        items[row, : len(history)] = torch.tensor(history)
    times = torch.arange(items.numel()).reshape(items.shape)
    return Batch(items, lengths, times, torch.arange(len(histories)))


def test_what_becomes_of_a_history():
    batch = batch_of([7, 8, 9, 4], [5], [2, 6])
    reverse, alone = from_the_end(batch), last_alone(batch)
    assert reverse.items.tolist() == [[4, 9, 8, 7], [5, 0, 0, 0], [6, 2, 0, 0]]
    assert alone.items.tolist() == [[4], [5], [6]]
    assert alone.times.tolist() == [[3], [4], [9]]
    assert alone.lengths.tolist() == [1, 1, 1]
    for changed in (reverse, shuffled(batch, 0)):
        assert torch.equal(changed.times, batch.times)  # the times of the places
        assert torch.equal(changed.lengths, batch.lengths)
        assert torch.equal(changed.users, batch.users)


@given(st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=7), min_size=1, max_size=4))
def test_shuffling_keeps_the_items_and_the_last(histories):
    batch = batch_of(*histories)
    items = shuffled(batch, 1).items.tolist()
    for history, row in zip(histories, items, strict=True):
        n = len(history)
        assert sorted(row[:n]) == sorted(history)
        assert row[n - 1] == history[-1]
        assert not any(row[n:])


def test_every_order_of_the_earlier_items_is_as_likely():
    batch = batch_of(*[[1, 2, 3, 4]] * 6000)
    counts = np.unique(shuffled(batch, 3).items.numpy(), axis=0, return_counts=True)[1]
    assert len(counts) == 6
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000 * 5 / 6)


def test_draws_of_shuffling_are_averaged():
    data = data_of(*[[1, 2, 3, 4, 5]] * 40)
    oldest = adapt(lambda b: (torch.arange(6) == b.items[:, :1]).double(), n_items=5, max_length=6)
    frame = measure_in_memory(DIAGNOSTIC, {"oldest": oldest}, data).frame
    changed = frame[frame["condition"] == SHUFFLED]["top1_changed"]
    assert set((3 * changed).round(6)) == {0, 1, 2, 3}
    assert abs(changed.mean() - 2 / 3) < 5 * np.sqrt(2 / 9 / 120)  # three may be the oldest


def test_overlap_by_hand():
    first, second = torch.tensor([[1, 2], [4, 3]]), torch.tensor([[3, 1], [2, 1]])
    assert overlap(first, second).tolist() == [pytest.approx(1 / 3), 0]
    assert overlap(first, first.flip(1)).tolist() == [1, 1]


def test_of_a_small_catalogue_all_items_are_listed():
    scores = torch.tensor([[-torch.inf, 4, 3, 2, 1], [-torch.inf, 1, 2, 3, 4]])
    listed = RankedScores.of_scores(scores, torch.tensor([1, 1])).listed
    assert listed.tolist() == [[1, 2, 3, 4], [4, 3, 2, 1]]


def test_a_model_without_attention_is_asked_for_the_rest():
    data = data_of([1, 2, 3, 4], [5, 4, 2], [1, 2])
    counts = torch.rand(6, 6)
    counts[0] = 0  # of padding
    model = adapt(lambda batch: counts[batch.items].sum(1), n_items=5, max_length=4)
    results = measure_in_memory(DIAGNOSTIC, {"bag": model}, data)
    assert set(results.frame["condition"]) == {UNCHANGED, SHUFFLED, ALONE, REVERSED}
    short, attention = DIAGNOSTIC.exclusions(results)
    assert short == (
        "Order and history: nobody was left out; 2 users have fewer than 3 items, so that nothing "
        "can be shuffled before the last, and 1 of them a single item, which no condition changes; "
        "such histories count as unchanged."
    )
    results = measure_in_memory(DIAGNOSTIC, {"bag": model}, data_of([1, 2, 3, 4], [5, 4, 2]))
    assert (
        "; 1 user has fewer than 3 items, so that nothing can be shuffled before the last; such"
        in (DIAGNOSTIC.exclusions(results)[0])
    )
    assert attention == "bag: no attention that could be made uniform."
    assert all("bag" in sentence for sentence in DIAGNOSTIC.findings(results))


def losses(n=100, **means: float) -> pd.DataFrame:
    """SASRec loses NDCG@10 by `means` (condition -> mean)."""
    generator = np.random.default_rng(0)
    still = {"model": "SASRec", "user": np.arange(n), "length": 9, "hit": 0.0, "d_hit": 0.0}
    still |= {"hit": (np.arange(n) < 30).astype(float)}
    parts = [{"condition": UNCHANGED, "d_ndcg": np.nan, "top1_changed": np.nan, "jaccard": np.nan}]
    parts += [
        {"condition": globals()[condition], "top1_changed": 0.0, "jaccard": 0.5}
        | {"d_ndcg": generator.normal(0, 0.05, n) + mean if np.isfinite(mean) else 0.0}
        | ({} if np.isfinite(mean) else {"jaccard": 1.0})
        for condition, mean in means.items()
    ]
    return pd.concat(pd.DataFrame(still | {"ndcg": 0.1} | part) for part in parts)


def test_sentences_follow_the_numbers():
    results = results_of(losses(ALONE=-0.1, SHUFFLED=0.0, UNIFORM=0.1))
    alone, order, attention = DIAGNOSTIC.findings(results)
    assert alone.startswith("SASRec ranks worse from its last item alone than from the whole")
    assert order.startswith("SASRec does not rank detectably better or worse when all items but")
    assert "who would have shown" in order
    assert attention.startswith("SASRec ranks better when its attention is made uniform")
    for sentence in (alone, order, attention):
        assert "n = 100 users" in sentence
        assert "Hit@10 goes from 0.3000 to 0.3000, the top item changes for 0.0 [0.0, 3.6] %" in (
            sentence
        )


def test_what_changes_nothing_is_said_to():
    results = results_of(losses(UNIFORM=np.nan))
    assert DIAGNOSTIC.findings(results) == [
        "SASRec ranks no otherwise when its attention is made uniform at inference: the ten best "
        "items, their first and NDCG@10 stay the same for everybody (n = 100 users)."
    ]
