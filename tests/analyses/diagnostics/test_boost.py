"""What a target gains by attention to an item, against rows worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from analyses.diagnostics.boost import (
    DIAGNOSTIC,
    HELD_OUT,
    LAST,
    MASS,
    MATTERS,
    OWN,
    RANDOM,
)
from tests.analyses.handmade import EFFECT, HISTORY, rank_by_hand, results_of, salience_frame


def nats(weights: dict[int, float], target: int) -> float:
    scores = sum(w * EFFECT[item] for item, w in weights.items())[1:]
    return scores[target - 1] - np.log(np.exp(scores).sum())


def raised(item: int) -> dict[int, float]:
    weights = {1: 8 / 14, 2: 4 / 14, 3: 2 / 14}
    own = weights[item]
    return {i: own + MASS if i == item else w * (1 - MASS / (1 - own)) for i, w in weights.items()}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return salience_frame(DIAGNOSTIC)


def test_gains_are_those_of_weights_changed_by_hand(frame):
    # without an item a target loses weight * (effect - mean effect); target 5: 3 is the largest;
    # of the own first, 4, it is item 1
    before = {1: 8 / 14, 2: 4 / 14, 3: 2 / 14}
    of = frame[frame["user"] == 0].set_index(["target", "raised"])
    assert rank_by_hand(before, 4) == 1
    for target, label, matters in ((5, HELD_OUT, 3), (4, OWN, 1)):
        gain = nats(raised(matters), target) - nats(before, target)
        assert of.loc[(label, MATTERS), "nats"] == pytest.approx(gain)
        last = nats(raised(3), target) - nats(before, target)
        assert of.loc[(label, LAST), "nats"] == pytest.approx(last)
        ranks = [rank_by_hand(w, target) for w in (raised(matters), before)]
        change = 1 / np.log2(ranks[0] + 1) - 1 / np.log2(ranks[1] + 1)
        assert of.loc[(label, MATTERS), "d_ndcg"] == pytest.approx(change)
        others = [nats(raised(i), target) - nats(before, target) for i in HISTORY if i != matters]
        random = of.loc[(label, RANDOM), "nats"]
        assert min(others) - 1e-9 <= random <= max(others) + 1e-9
        assert of.loc[(label, MATTERS), "nats_beyond"] == pytest.approx(gain - random)


def test_a_lone_item_is_left_out_and_counted(frame):
    assert frame.loc[frame["user"] == 1, "nats"].isna().all()
    assert "single item, which has all the attention: n = 1 user." in " ".join(
        DIAGNOSTIC.exclusions(results_of(frame))
    )


def test_what_is_said_follows_the_difference_to_a_random_item():
    draw = np.random.default_rng(0)
    n = 60
    gain = 0.5 + draw.normal(size=n) / 5
    user = {"model": "SASRec", "user": np.arange(n), "length": 9, "target": HELD_OUT, "hit": 1.0}
    none = {"nats": 0.0, "d_ndcg": 0.0}
    beyond = {"nats_beyond": gain, "d_ndcg_beyond": draw.normal(size=n)}
    frame = pd.concat(
        [
            pd.DataFrame(user | none | beyond | {"raised": MATTERS, "nats": gain}),
            pd.DataFrame(user | none | {"raised": RANDOM}),
        ]
    )
    first, second = DIAGNOSTIC.findings(results_of(frame))
    assert "gives the held-out item more probability than as much more to a random" in first
    assert "does not rank detectably better or worse" in second
