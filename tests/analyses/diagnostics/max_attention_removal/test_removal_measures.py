from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analyses.diagnostics.max_attention_removal.removal_measures import (
    BY_SIZE,
    DIAGNOSTIC,
    DRAWS,
)
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results
from tests.analyses.handmade import EFFECT, Handmade, data_of, rank_by_hand, results_of

SALIENCE = [8.0, 4.0, 2.0, 1.0, 16.0]
HISTORY, TARGET = [1, 2, 3], 5


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    data = data_of([*HISTORY, TARGET], [2, 4], [3, 1, 2])
    return measure_in_memory(DIAGNOSTIC, {"SASRec": Handmade(SALIENCE)}, data).frame


def condition(frame, operator, user=0, rows="prediction"):
    chosen = (frame["operator"] == operator) & (frame["user"] == user) & (frame["rows"] == rows)
    assert chosen.sum() == 1
    return frame[chosen].iloc[0]


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
    row = condition(frame, operator)
    before = rank_by_hand({1: 8.0, 2: 4.0, 3: 2.0}, TARGET)
    after = rank_by_hand(left, TARGET)
    assert (row["rank_before"], row["rank_after"]) == (before, after)
    gain = 1 / np.log2(after + 1) - 1 / np.log2(before + 1)
    assert row["d_ndcg"] == pytest.approx(gain)


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
    row = condition(frame, "delete most attended item", rows="history")
    assert row["rank_after"] == rank_by_hand({2: 4.0, 3: 2.0}, TARGET)


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
    sentences = DIAGNOSTIC.findings(results_of(effects(SASRec=0.0, AC_SASRec=shift)))
    assert claim in sentences[0]
    assert f"weight of AC-SASRec (the prediction row, all layers) {effect}" in sentences[3]
    assert "Removing the largest weight of AC-SASRec is" in sentences[4]
    assert all("n = 60 users" in s and "[" in s for s in sentences)


def test_where_too_few_users_changed_no_interval_is_given():
    frame = effects(n=200, SASRec=0.0, AC_SASRec=0.0)
    frame["d_ndcg"] = np.where((frame["user"] < 2) & (frame["operator"] == "largest"), 0.3, 0.0)
    frame.loc[frame["model"] == "AC-SASRec", "d_ndcg"] *= 2
    claim, *removals = DIAGNOSTIC.findings(results_of(frame))
    assert claim == (
        "Whether removing the largest weight hurts AC-SASRec more than SASRec, as the paper "
        "reports: too few users changed to tell (2 of 200)."
    )
    assert removals[:2] == [
        "Whether removing the largest attention weight of SASRec (the prediction row, all layers) "
        "changes NDCG@10: too few users changed to tell (2 of 200); the top item changes for 0.0 "
        "[0.0, 1.8] % of users.",
        "Whether removing the largest weight of SASRec is more harmful than removing a random "
        "other weight: too few users changed to tell (2 of 200).",
    ]
    assert not any("0.0000" in sentence for sentence in (claim, *removals))
    (effect, *_) = DIAGNOSTIC.summaries(results_of(frame)).values()
    assert effect.table[["low", "high"]].isna().all(axis=None)


@pytest.fixture(scope="module")
def equal() -> Results:
    """Of a model of equal weights, and of one whose second user has equal weights by chance."""
    data = data_of([1, 2, 3, 5], [4, 4, 4], [5, 3, 1, 2], [2, 4])
    models = {"SASRec-uniform": Handmade([1.0] * 5), "SASRec": Handmade(SALIENCE)}
    return measure_in_memory(DIAGNOSTIC, models, data)


def test_equal_weights_have_no_largest_one_and_no_effect_of_its_removal(equal):
    equal = equal.frame
    by_size = equal["operator"].isin(BY_SIZE)
    uniform = (equal["model"] == "SASRec-uniform") & (equal["user"] < 3)
    chance = (equal["model"] == "SASRec") & (equal["user"] == 1)
    measures = ["d_hit", "d_ndcg", "rank_after", "top1_changed", "jsd"]
    without = equal[measures].isna()
    assert without[by_size & (uniform | chance)].all(axis=None)
    assert not without[~(by_size & (uniform | chance))].any(axis=None)
    assert (equal["equal"] == (uniform | chance)).all()


def test_users_without_a_largest_weight_are_counted(equal):
    results = replace(equal, frame=equal.frame[equal.frame["user"] < 3])
    uniform, learned, _ = DIAGNOSTIC.findings(results)
    assert uniform == (
        "SASRec-uniform gives all items of a row the same weight, so that it has no largest one "
        "to remove (n = 3 users)."
    )
    assert "(1 of 2); the top item" in learned
    assert "for 1 more all weights are equal" in learned
    uniform, learned = DIAGNOSTIC.exclusions(results)
    assert "of n = 3 users, 3 have equal weights in the prediction row" in uniform
    assert "of n = 3 users, 1 have equal weights in the prediction row" in learned
    table = DIAGNOSTIC.tables(results)["conditions"].set_index(["model", "operator", "rows"])
    assert table.loc[("SASRec-uniform", "largest", "prediction"), "n users"] == 0
    assert table.loc[("SASRec-uniform", "random", "prediction"), "n users"] == 3
    assert table.loc[("SASRec", "largest", "prediction"), "users with equal weights"] == 1
    assert DIAGNOSTIC.summaries(results)


def test_copies_of_a_deleted_item_are_counted():
    data = data_of([5, 1, 5, 2], [1, 2, 3, 4], [3, 4, 4, 1], [2, 4])
    results = measure_in_memory(DIAGNOSTIC, {"SASRec": Handmade(SALIENCE)}, data)
    frame = results.frame
    copies = frame[frame["operator"] == "delete most attended item"].set_index("user")["copies"]
    assert copies.to_dict() == {0: 1, 1: 0, 2: 0, 3: 0}  # 5 outweighs 1; 3, of weight 2, 4 of 1
    copies = frame[frame["operator"] == "delete least attended item"].set_index("user")["copies"]
    assert copies.to_dict() == {0: 0, 1: 0, 2: 1, 3: 0}
    assert frame.loc[frame["layer"] != "history", "copies"].isna().all()
    assert (
        "where its copies stay, for so many users: most attended item 1 of 4, least attended item "
        "1 of 4" in DIAGNOSTIC.exclusions(results)[0]
    )


def test_a_model_of_one_layer_stands_beside_one_of_several():
    frame = effects(SASRec=0.1, AC_SASRec=-0.1)
    plain = frame["model"] == "SASRec"
    deep = pd.concat([frame[~plain], frame[~plain].assign(layer="1", d_ndcg=0.0)])
    results = results_of(pd.concat([frame[plain].assign(layer="1"), deep]))
    claim, shallow, _, deep, _ = DIAGNOSTIC.findings(results)
    assert "As the paper reports, removing the largest weight hurts AC-SASRec more" in claim
    assert (
        "of SASRec (the prediction row, its only layer) raises NDCG@10 (mean change +0.1" in shallow
    )
    assert "of AC-SASRec (the prediction row, all layers) lowers NDCG@10 (mean change −0.1" in deep
    table = DIAGNOSTIC.summaries(results)["effect on NDCG@10"].table
    largest = table[table["row"] == "largest"].set_index("series")["estimate"]
    assert largest.round(1).to_dict() == {"SASRec": 0.1, "AC-SASRec": -0.1}
    by_layer = DIAGNOSTIC.summaries(results)["effect by layer"].table
    shown = by_layer.groupby("panel")["series"].agg(lambda names: sorted(set(names)))
    both = ["AC-SASRec", "SASRec"]
    assert shown.to_dict() == {"layer 1": both, "all layers": both}
    first = DIAGNOSTIC.by_user(results).drop_duplicates("model").set_index("model")["layer"]
    assert first.to_dict() == {"SASRec": "1", "AC-SASRec": "all"}
    assert len(DIAGNOSTIC.exclusions(results)) == 1
