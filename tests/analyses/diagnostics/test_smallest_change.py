"""Whether importances name the smallest change, in a model whose every subset is known."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from analyses.diagnostics.smallest_change import DIAGNOSTIC
from analyses.running.measuring import measure_in_memory
from tests.analyses.handmade import EFFECT, SALIENCE, Handmade, data_of, results_of

HISTORIES = [1, 2, 3], [5, 3, 4], [2, 2, 5], [3, 1]


def by_hand(history: list[int]) -> tuple[tuple[int, ...], int, int] | None:
    """The smallest set of positions, what comes first without it, and its old rank.

    What the user has had is not recommended.
    """
    weights = np.array([SALIENCE[i - 1] for i in history]) / sum(SALIENCE[i - 1] for i in history)
    mean = EFFECT[1:].mean(0)
    had = np.isin(np.arange(1, len(EFFECT)), history)
    before = np.where(had, -np.inf, (weights[:, None] * EFFECT[history]).sum(0)[1:])
    top = before.argmax()
    for size in range(1, len(history) + 1):
        tried = {}
        for gone in combinations(range(len(history)), size):
            each = [mean if k in gone else EFFECT[item] for k, item in enumerate(history)]
            left = np.where(had, -np.inf, (weights[:, None] * np.array(each)).sum(0)[1:])
            others = np.where(np.arange(len(left)) == top, -np.inf, left)
            tried[gone] = others.max() - left[top], others.argmax()
        gone = max(tried, key=lambda each: tried[each][0])
        if tried[gone][0] > 0:
            first = tried[gone][1]
            higher, ties = (before > before[first]).sum(), (before == before[first]).sum() - 1
            return gone, int(first) + 1, 1 + int(higher + (ties + 1) // 2)
    return None


@pytest.fixture(scope="module")
def results():
    data = data_of(*([*history, 4] for history in HISTORIES), [2, 4])
    return measure_in_memory(DIAGNOSTIC, {"SASRec": Handmade(SALIENCE)}, data)


def test_sets_and_who_names_them_are_those_by_hand(results):
    found = 0
    for user, history in enumerate(HISTORIES):
        rows = results.frame[results.frame["user"] == user].set_index("importance")
        expected = by_hand(history)
        if expected is None:
            assert rows["size"].isna().all()
            assert rows["holds"].isna().all()
            continue
        gone, first, rank = expected
        found += 1
        assert set(rows["size"]) == {len(gone)}
        assert set(rows["successor"]) == {f"i{first}"}
        assert set(rows["old_rank"]) == {rank}
        salience = np.array([SALIENCE[i - 1] for i in history])
        largest = np.flatnonzero(salience == salience.max())
        assert rows.loc["attention", "holds"] == pytest.approx(np.isin(largest, gone).mean())
        assert rows.loc["recency", "holds"] == float(len(history) - 1 in gone)
        assert rows.loc["random", "holds"] == pytest.approx(len(gone) / len(history))
    assert found > 1
    lone = results.frame[results.frame["user"] == len(HISTORIES)]
    assert lone["holds"].isna().all()
    assert "the only item of a history, n = 1 user" in " ".join(DIAGNOSTIC.exclusions(results))


@pytest.mark.parametrize(
    ("ranks", "told"),
    [
        ([50.0, 51.0] * 5, "was at rank 50.5 [50.0, 51.0] before (median)"),
        ([3.0, 4.0, 4.0], "was at rank 4 before (median of 3 users, too few for an interval)"),
        ([3.0, 4.0], "was at rank 3.5 before (median of 2 users, too few for an interval)"),
    ],
)
def test_a_median_rank_is_told_as_it_is(ranks, told):
    frame = pd.DataFrame(
        {"model": "SASRec", "user": range(len(ranks)), "old_rank": ranks, "importance": "random"}
        | {"length": 9, "size": 1.0, "successor": "i2", "passes": 10, "hit": 0.0, "holds": 0.5}
    )
    assert f"what then comes first {told}" in DIAGNOSTIC.findings(results_of(frame))[0]


@pytest.mark.parametrize("honest", [True, False])
def test_what_is_said_follows_what_attention_names(honest):
    n = 120
    user = {"model": "SASRec", "user": np.arange(n), "length": 9, "size": 1.0, "old_rank": 3.0}
    user |= {"successor": "i2", "passes": 10, "hit": 0.0}
    named = np.arange(n) % 8 > 0
    shares = {"attention": named if honest else ~named, "recency": ~named, "random": 1 / 9}
    if not honest:
        shares["recency"] = named
    frame = pd.concat(
        pd.DataFrame(user | {"importance": name, "holds": np.float64(1) * share})
        for name, share in shares.items()
    )
    results = results_of(frame)
    how_few, about = DIAGNOSTIC.findings(results)
    assert "a single item away puts another item in the first place for 100.0" in how_few
    assert "at rank 3 [3, 3] before (median)" in how_few
    assert ("more often than the best control" in about) == honest
    assert ("less often than a control" in about) != honest
    assert set(DIAGNOSTIC.tables(results)) == {"size", "named"}
    assert set(DIAGNOSTIC.summaries(results)) == {"named", "how few"}
