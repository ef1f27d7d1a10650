"""Numbers and decisions against labels."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, mannwhitneyu

from analyses.conclusions import NOT, OPEN, SHOWN
from analyses.judging import scoring


def test_auc_is_the_statistic_of_mann_and_whitney():
    rng = np.random.default_rng(0)
    values, faithful = rng.integers(0, 5, 40).astype(float), rng.random(40) < 0.4
    n, m = faithful.sum(), (~faithful).sum()
    expected = mannwhitneyu(values[faithful], values[~faithful]).statistic / (n * m)
    assert scoring.auc(values, faithful) == pytest.approx(expected)


def test_auc_by_hand():
    values, faithful = np.array([3.0, 1.0, 2.0, 2.0, np.nan]), np.array([1, 0, 1, 0, 0], bool)
    assert scoring.auc(values, faithful) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert np.isnan(scoring.auc(values[:1], faithful[:1]))


def maps():
    return pd.DataFrame(
        {
            "label": ["faithful"] * 4 + ["unfaithful"] * 5 + ["partly"],
            "rule": ["content", "distance"] * 5,
            "match": [0.9, 0.8, 0.9, 0.2, 0.1, 0.2, 0.3, 0.1, 0.9, 0.0],
            "says": [True, True, True, False, False, False, False, False, True, True],
            "conclusion": [SHOWN, SHOWN, OPEN, NOT, NOT, NOT, NOT, OPEN, SHOWN, SHOWN],
        }
    )


def test_a_number_is_told_by_its_auc_and_its_decision_by_two_error_rates():
    (row,) = scoring.told_apart(maps(), ["match"], {"match": "says"}).to_dict("records")
    assert (row["faithful"], row["unfaithful"]) == (4, 5)
    assert row["unfaithful called faithful"] == pytest.approx(1 / 5)
    assert row["faithful not recognised"] == pytest.approx(1 / 4)
    exact = binomtest(1, 5).proportion_ci(method="exact")
    assert row["unfaithful called faithful high"] == pytest.approx(exact.high)
    # of the 20 pairs, .9 exceeds all but one tie (3 x 4.5 .. 4), .2 exceeds two and ties with one
    assert row["auc"] == pytest.approx((4.5 + 4 + 4.5 + 2.5) / 20)


def test_the_verdict_by_truth_and_by_group():
    table = scoring.confusion(maps()).set_index("truth")
    assert table.loc["unfaithful", NOT] == 3
    assert table.loc["faithful", SHOWN] == 2
    rates = scoring.error_rates(maps(), ["rule"]).set_index(["group", "value"])
    whole = rates.loc[("all", "")]
    assert whole["unfaithful believed"] == pytest.approx(1 / 5)
    assert whole["faithful believed"] == pytest.approx(2 / 4)
    assert whole["faithful undecided"] == pytest.approx(1 / 4)
    assert rates.loc[("rule", "content"), "faithful"] == 2


def test_numbers_of_users_stand_in_order_and_names_as_they_come():
    asked = maps().assign(users=[2000, 300] * 5, rule=["distance", "content"] * 5)
    rates = scoring.error_rates(asked, ["users", "rule"])
    assert [*rates["value"]] == ["", "300", "2000", "distance", "content"]
