import numpy as np
import pandas as pd
import pytest

from analyses.report.conditions import means_by, paired, table_of


@pytest.fixture
def frame() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    rows = [
        {"model": model, "layer": layer, "user": user, "value": generator.normal()}
        for model in ("b", "a")
        for layer in ("2", "1")
        for user in range(30)
    ]
    made = pd.DataFrame(rows)
    made.loc[(made["model"] == "a") & (made["user"] < 4), "value"] = np.nan
    return made


@pytest.mark.parametrize("kind", ["object", "category"])
def test_means_are_those_of_each_condition_in_order_of_appearance(frame, kind):
    typed = frame.astype({"model": kind, "layer": kind})
    found = means_by(typed, ["model", "layer"], "value")
    assert list(found) == [("b", "2"), ("b", "1"), ("a", "2"), ("a", "1")]
    expected = frame.groupby(["model", "layer"])["value"].agg(["mean", "count"])
    for key, interval in found.items():
        assert interval.estimate == pytest.approx(expected.loc[key, "mean"])
        assert interval.n == expected.loc[key, "count"]
        assert interval.low < interval.estimate < interval.high


def test_paired_differences_use_users_both_models_have(frame):
    own = frame[frame["layer"] == "1"]
    wide = own.pivot(index="user", columns="model", values="value").loc[4:]
    interval = paired(own, "value", "b", "a")
    assert interval.n == 26
    assert interval.estimate == pytest.approx((wide["b"] - wide["a"]).mean())


def test_a_table_carries_users_and_ends(frame):
    table = table_of(frame[frame["layer"] == "1"], ["model"], {"value": "tau"}, digits=3)
    assert list(table.columns) == ["model", "n users", "tau", "tau low", "tau high"]
    assert table["n users"].tolist() == [30, 26]
