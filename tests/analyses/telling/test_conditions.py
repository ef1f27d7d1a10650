import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from analyses.report.page import readable
from analyses.running.results import Rows
from analyses.telling.conditions import means_by, paired, table_of, with_intervals
from workbench import WorkbenchError
from workbench.statistics import Interval


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
    means = means_by(Rows([typed]), ["model", "layer"], ["value"])["value"]
    assert list(means) == [("b", "2"), ("b", "1"), ("a", "2"), ("a", "1")]
    expected = frame.groupby(["model", "layer"])["value"].agg(["mean", "count"])
    for key, interval in means.items():
        assert interval.estimate == pytest.approx(expected.loc[key, "mean"])
        assert interval.n == expected.loc[key, "count"]
        assert interval.low < interval.estimate < interval.high


@pytest.mark.parametrize("kind", ["object", "category"])
def test_a_user_has_one_row_of_a_condition(frame, kind):
    """Else one of them would stand for all, or a user would count once for each model."""
    typed = frame.astype({"model": kind, "layer": kind})
    with pytest.raises(WorkbenchError, match="by model; what tells them apart may be layer"):
        means_by(Rows([typed]), ["model"], ["value"])
    pieces = [rows for _, rows in typed.groupby("model", observed=True, sort=False)]
    for rows in (Rows([typed]), Rows(pieces)):
        with pytest.raises(WorkbenchError, match="by layer; what tells them apart may be model"):
            means_by(rows, ["layer"], ["value"])
    one = means_by(Rows(pieces).where(model="b"), ["layer"], ["value"])["value"]
    assert [interval.n for interval in one.values()] == [30, 30]


def test_the_interval_of_a_share_stays_between_0_and_1():
    values = np.array([[1.0, 0.0, 1.0]] * 20)
    values[0, 2] = 0.4  # the mean of draws
    rows = pd.DataFrame(values, columns=["all", "none", "most"]).assign(user=range(20), of="x")
    rows = pd.concat([rows, rows.assign(user=rows["user"] + 20)])
    rows.loc[rows["user"] > 12, "most"] = 1.0
    names = ["all", "none", "most"]
    found = means_by(Rows([rows]), ["of"], names, shares=names)
    every, none, most = (found[name]["x",] for name in names)
    exact = binomtest(40, 40).proportion_ci()
    assert (every.low, every.high) == pytest.approx((exact.low, 1))
    assert (none.low, none.high) == pytest.approx((0, 1 - exact.low))
    assert most.low < most.estimate < most.high == 1
    unbound = means_by(Rows([rows]), ["of"], names)["most"]["x",]
    assert unbound.high > 1


def test_paired_differences_use_users_both_models_have(frame):
    rows = frame[frame["layer"] == "1"]
    wide = rows.pivot(index="user", columns="model", values="value").loc[4:]
    interval = paired(Rows([rows]), "value", "b", "a")
    assert interval.n == 26
    assert interval.estimate == pytest.approx((wide["b"] - wide["a"]).mean())


def test_a_table_carries_users_and_ends(frame):
    table = table_of(Rows([frame[frame["layer"] == "1"]]), ["model"], {"value": "tau"}, digits=3)
    assert list(table.columns) == ["model", "n users", "tau", "tau low", "tau high"]
    assert table["n users"].tolist() == [30, 26]


def test_a_table_has_the_exact_interval_of_shares_and_none_of_a_few_changes():
    zeros = np.zeros(200)
    few = np.where(np.arange(200) < 3, 0.5, 0)
    made = pd.DataFrame({"model": "a", "user": range(200), "d_ndcg": few, "top1_changed": zeros})
    labels = {"d_ndcg": "dNDCG@10", "top1_changed": "top-1 changed"}
    table = table_of(Rows([made]), ["model"], labels, shares=["top1_changed"])
    assert table[["top-1 changed", "top-1 changed low"]].to_numpy().tolist() == [[0, 0]]
    expected = binomtest(0, 200).proportion_ci(method="exact").high
    assert table["top-1 changed high"].item() == pytest.approx(expected, abs=5e-5)
    assert table["dNDCG@10"].item() == pytest.approx(0.0075)
    assert table[["dNDCG@10 low", "dNDCG@10 high"]].isna().all(axis=None)
    header, (row,) = readable(table)
    cells = dict(zip(header, row, strict=True))
    assert cells["dNDCG@10"] == "0.0075 [too few changed]"
    assert cells["top-1 changed"] == "0.0000 [0.0000, 0.0183]"


def test_a_share_whose_draws_were_averaged_is_a_mean():
    thirds = np.arange(60) % 4 / 3
    made = pd.DataFrame({"model": "a", "user": range(60), "changed": thirds})
    share, mean = (
        means_by(Rows([made]), ["model"], ["changed"], shares=shares)["changed"]["a",]
        for shares in (["changed"], [])
    )
    assert share == mean
    assert share.has_ends


def test_an_end_that_decides_is_no_zero_in_a_table():
    intervals = [Interval(0.0052, 0.00003, 0.0113, 200), Interval(0.0055, 0.0, 0.0123, 200)]
    table = with_intervals(pd.DataFrame({"model": ["a", "b"]}), {"dNDCG@10": intervals})
    assert table["dNDCG@10 low"].tolist() == [0.00003, 0]
    cells = [row[1] for row in readable(table)[1]]
    assert cells == ["0.00520 [0.00003, 0.01130]", "0.0055 [0.0000, 0.0123]"]
