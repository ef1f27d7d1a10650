import numpy as np
import pandas as pd
import pytest

from analyses.diagnostics.max_attention_removal.removal_measures import (
    BY_SIZE,
    DIAGNOSTIC,
    DRAWS,
)
from tests.analyses.handmade import EFFECT, Handmade, data_of, rank_by_hand

SALIENCE = [8.0, 4.0, 2.0, 1.0, 16.0]
HISTORY, TARGET = [1, 2, 3], 5


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    data = data_of([*HISTORY, TARGET], [2, 4], [3, 1, 2])
    return DIAGNOSTIC.measure(
        {"SASRec": Handmade(SALIENCE)},
        data,
        users=np.arange(3),
        seed=0,
        progress=lambda n: None,
    )


def condition(frame, operator, user=0, rows="prediction"):
    own = frame[(frame["operator"] == operator) & (frame["user"] == user) & (frame["rows"] == rows)]
    assert len(own) == 1
    return own.iloc[0]


@pytest.mark.parametrize(
    ("operator", "left"),
    [
        ("largest", {2: 4.0, 3: 2.0}),
        ("second largest", {1: 8.0, 3: 2.0}),
        ("smallest", {1: 8.0, 2: 4.0}),
        ("uniform", {1: 1.0, 2: 1.0, 3: 1.0}),
    ],
)
def test_ranks_are_those_of_a_computation_by_hand(frame, operator, left):
    found = condition(frame, operator)
    before = rank_by_hand({1: 8.0, 2: 4.0, 3: 2.0}, TARGET)
    after = rank_by_hand(left, TARGET)
    assert (found["rank_before"], found["rank_after"]) == (before, after)
    gain = 1 / np.log2(after + 1) - 1 / np.log2(before + 1)
    assert found["d_ndcg"] == pytest.approx(gain)


def test_divergence_is_that_of_the_scores_computed_by_hand(frame):
    def chances(weights):
        scores = sum(w * EFFECT[i] for i, w in weights.items())[1:] / sum(weights.values())
        return np.exp(scores) / np.exp(scores).sum()

    p, q = chances({1: 8.0, 2: 4.0, 3: 2.0}), chances({2: 4.0, 3: 2.0})
    mean = (p + q) / 2
    expected = (p * np.log(p / mean) + q * np.log(q / mean)).sum() / 2
    assert condition(frame, "largest")["jsd"] == pytest.approx(expected)


def test_removing_the_largest_changes_the_top_item_of_this_history(frame):
    # item 4 leads while item 1 has most of the weight, item 5 once it is gone
    assert condition(frame, "largest")["top1_changed"] == 1
    assert condition(frame, "smallest")["top1_changed"] == 0


def test_a_row_of_one_key_is_kept_and_counted(frame):
    lone = frame[(frame["user"] == 1)]
    assert lone["one_key"].all()
    assert (lone["rank_after"] == lone["rank_before"]).all()
    assert (lone["jsd"] == 0).all()
    others = frame[(frame["user"] == 0) & (frame["operator"] == "largest")].set_index("rows")
    assert others.loc["prediction", "one_key_rows"] == 0
    assert others.loc["all", "one_key_rows"] == 1  # the oldest item sees itself alone


def test_random_removals_average_over_draws_of_the_other_weights(frame):
    possible = [rank_by_hand({1: 8.0, k: 1.0 * SALIENCE[k - 1]}, TARGET) for k in (2, 3)]
    shares = (condition(frame, "random")["rank_after"] - possible[0]) * DRAWS
    assert min(possible) <= condition(frame, "random")["rank_after"] <= max(possible)
    assert shares == pytest.approx(round(shares))


def test_deleting_the_most_attended_item_is_another_operator(frame):
    found = condition(frame, "delete most attended item", rows="history")
    assert found["rank_after"] == rank_by_hand({2: 4.0, 3: 2.0}, TARGET)


def effects(n=60, **shifts: float) -> pd.DataFrame:
    """A frame in which removing the largest weight moves NDCG by `shifts` (model -> mean)."""
    generator = np.random.default_rng(0)
    rows = []
    for model, shift in shifts.items():
        for operator in ("largest", "random"):
            effect = generator.normal(0, 0.01, n) + shift * (operator == "largest")
            rows.append(
                pd.DataFrame(
                    {"model": model.replace("_", "-"), "operator": operator, "layer": "all"}
                    | {"rows": "prediction", "user": np.arange(n), "length": 9, "one_key": False}
                    | {
                        "one_key_rows": 0,
                        "equal": False,
                        "copies": np.nan,
                        "rank_before": 3,
                        "rank_after": 3.0,
                        "d_hit": 0.0,
                    }
                    | {"d_ndcg": effect, "top1_changed": 0.0, "jsd": 0.0}
                )
            )
    return pd.concat(rows)


@pytest.mark.parametrize(
    ("shift", "claim", "effect"),
    [
        (-0.1, "As the paper reports, removing the largest weight hurts AC-SASRec", "lowers"),
        (0.1, "Against the paper, removing the largest weight hurts AC-SASRec less", "raises"),
        (0.0, "no difference was detected between AC-SASRec and SASRec", "does not detectably"),
    ],
)
def test_sentences_follow_the_numbers(shift, claim, effect):
    sentences = DIAGNOSTIC.conclude(effects(SASRec=0.0, AC_SASRec=shift))
    assert claim in sentences[0]
    assert f"weight of AC-SASRec (the prediction row, all layers) {effect}" in sentences[2]
    assert all("n = 60 users" in s and "[" in s for s in sentences)


def test_where_too_few_users_changed_no_interval_is_told():
    frame = effects(n=200, SASRec=0.0, AC_SASRec=0.0)
    frame["d_ndcg"] = np.where((frame["user"] < 2) & (frame["operator"] == "largest"), 0.3, 0.0)
    frame.loc[frame["model"] == "AC-SASRec", "d_ndcg"] *= 2
    claim, *removals = DIAGNOSTIC.conclude(frame)
    assert claim == (
        "Whether removing the largest weight hurts AC-SASRec more than SASRec, as the paper "
        "reports: too few users changed to tell (2 of 200)."
    )
    assert (
        "changes NDCG@10: too few users changed to tell (2 of 200); whether it harms" in removals[0]
    )
    assert "the top item changes for 0.0 [0.0, 1.8] % of users (n = 200 users)" in removals[0]
    assert not any("0.0000" in sentence for sentence in (claim, *removals))
    (effect, *_) = DIAGNOSTIC.summaries(frame).values()
    assert effect.table[["low", "high"]].isna().all(axis=None)


@pytest.fixture(scope="module")
def equal() -> pd.DataFrame:
    """Of a model of equal weights, and of one whose second user has equal weights by chance."""
    data = data_of([1, 2, 3, 5], [4, 4, 4], [5, 3, 1, 2], [2, 4])
    models = {"SASRec-uniform": Handmade([1.0] * 5), "SASRec": Handmade(SALIENCE)}
    return DIAGNOSTIC.measure(models, data, users=np.arange(4), seed=0, progress=lambda n: None)


def test_equal_weights_have_no_largest_one_and_no_effect_of_its_removal(equal):
    by_size = equal["operator"].isin(BY_SIZE)
    uniform = (equal["model"] == "SASRec-uniform") & (equal["user"] < 3)
    chance = (equal["model"] == "SASRec") & (equal["user"] == 1)
    measures = ["d_hit", "d_ndcg", "rank_after", "top1_changed", "jsd"]
    without = equal[measures].isna()
    assert without[by_size & (uniform | chance)].all(axis=None)
    assert not without[~(by_size & (uniform | chance))].any(axis=None)
    assert (equal["equal"] == (uniform | chance)).all()


def test_it_is_said_who_has_no_largest_weight(equal):
    frame = equal[equal["user"] < 3]
    uniform, learned = DIAGNOSTIC.conclude(frame)
    assert uniform == (
        "SASRec-uniform gives all items of a row the same weight, so that it has no largest one "
        "to remove (n = 3 users)."
    )
    assert "(n = 2 users). For 1 more all weights are equal" in learned
    told = dict(zip(("uniform", "learned"), DIAGNOSTIC.exclusions(frame), strict=True))
    assert "of n = 3 users, 3 have equal weights in the prediction row" in told["uniform"]
    assert "of n = 3 users, 1 have equal weights in the prediction row" in told["learned"]
    table = DIAGNOSTIC.tables(frame)["conditions"].set_index(["model", "operator", "rows"])
    assert table.loc[("SASRec-uniform", "largest", "prediction"), "n users"] == 0
    assert table.loc[("SASRec-uniform", "random", "prediction"), "n users"] == 3
    assert table.loc[("SASRec", "largest", "prediction"), "users with equal weights"] == 1
    assert DIAGNOSTIC.plot(frame)


def test_copies_of_a_deleted_item_are_counted():
    data = data_of([5, 1, 5, 2], [1, 2, 3, 4], [3, 4, 4, 1], [2, 4])
    frame = DIAGNOSTIC.measure(
        {"SASRec": Handmade(SALIENCE)},
        data,
        users=np.arange(4),
        seed=0,
        progress=lambda n: None,
    )
    copies = frame[frame["operator"] == "delete most attended item"].set_index("user")["copies"]
    assert copies.to_dict() == {0: 1, 1: 0, 2: 0, 3: 0}  # 5 outweighs 1; 3, of weight 2, 4 of 1
    copies = frame[frame["operator"] == "delete least attended item"].set_index("user")["copies"]
    assert copies.to_dict() == {0: 0, 1: 0, 2: 1, 3: 0}
    assert frame.loc[frame["layer"] != "history", "copies"].isna().all()
    assert (
        "where its copies stay, for so many users: most attended item 1 of 4, least attended item "
        "1 of 4" in DIAGNOSTIC.exclusions(frame)[0]
    )


def test_a_model_of_one_layer_stands_beside_one_of_several():
    frame = effects(SASRec=0.1, AC_SASRec=-0.1)
    own = frame["model"] == "SASRec"
    deep = pd.concat([frame[~own], frame[~own].assign(layer="1", d_ndcg=0.0)])
    frame = pd.concat([frame[own].assign(layer="1"), deep])
    claim, shallow, whole = DIAGNOSTIC.conclude(frame)
    assert "As the paper reports, removing the largest weight hurts AC-SASRec more" in claim
    assert "of SASRec (the prediction row, its only layer) raises NDCG@10: +0.1" in shallow
    assert "of AC-SASRec (the prediction row, all layers) lowers NDCG@10: −0.1" in whole
    table = DIAGNOSTIC.summaries(frame)["effect on NDCG@10"].table
    largest = table[table["row"] == "largest"].set_index("series")["estimate"]
    assert largest.round(1).to_dict() == {"SASRec": 0.1, "AC-SASRec": -0.1}
    by_layer = DIAGNOSTIC.summaries(frame)["effect by layer"].table
    found = by_layer.groupby("panel")["series"].agg(lambda names: sorted(set(names)))
    both = ["AC-SASRec", "SASRec"]
    assert found.to_dict() == {"layer 1": both, "all layers": both}
    first = DIAGNOSTIC.by_user(frame).drop_duplicates("model").set_index("model")["layer"]
    assert first.to_dict() == {"SASRec": "1", "AC-SASRec": "all"}
    assert len(DIAGNOSTIC.exclusions(frame)) == 1
