"""Bootstrap intervals: their coverage, their agreement with SciPy, and how they read."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from workbench.errors import WorkbenchError
from workbench.statistics import (
    Interval,
    bootstrap_mean,
    bootstrap_means,
    bootstrap_median,
    intervals,
    paired_bootstrap,
)


def share_covering(found, truth):
    return np.mean([i.low <= truth <= i.high for i in found])


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("name", ["normal", "exponential", "bernoulli"])
def test_mean_interval_covers_what_it_claims(name, missing):
    r = np.random.default_rng(1)
    draw = {
        "normal": (lambda s: r.normal(0.3, 1, s), 0.3),
        "exponential": (lambda s: r.exponential(1, s), 1.0),
        "bernoulli": (lambda s: r.random(s) < 0.4, 0.4),
    }
    sample, truth = draw[name]
    values = sample((200, 1500)).astype(float)  # 1500 simulated studies of 200 users
    values[r.random(values.shape) < missing] = np.nan
    assert 0.925 <= share_covering(bootstrap_means(values), truth) <= 0.97


@pytest.mark.parametrize("n", [100, 101])
def test_median_interval_covers_what_it_claims(n):
    r = np.random.default_rng(2)
    studies = r.exponential(1, (1500, n))
    assert 0.925 <= share_covering(map(bootstrap_median, studies), np.log(2)) <= 0.97


def test_level_is_the_coverage():
    values = np.random.default_rng(3).normal(size=(200, 1500))
    assert share_covering(bootstrap_means(values, level=0.8), 0) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("n", [2, 3, 10, 41])
@pytest.mark.parametrize(
    ("function", "statistic"), [(bootstrap_mean, np.mean), (bootstrap_median, np.median)]
)
def test_resampled_distribution_is_scipys(function, statistic, n):
    values = np.random.default_rng(n).exponential(1, n)
    generator = np.random.default_rng(0)
    for level in (0.5, 0.9):
        found = function(values, n_resamples=40_000, level=level)
        assert found.estimate == pytest.approx(statistic(values), abs=1e-12)
        expected = bootstrap(
            (values,),
            statistic,
            n_resamples=40_000,
            confidence_level=level,
            method="percentile",
            rng=generator,
        ).confidence_interval
        assert found.low == pytest.approx(expected.low, abs=0.05)
        assert found.high == pytest.approx(expected.high, abs=0.05)


def test_median_of_two_by_hand():
    # Of the four samples of {0, 1}, one has the median 0, two have 1/2, one has 1.
    wider = bootstrap_median([0, 1], n_resamples=40_000, level=0.52)
    assert (wider.low, wider.high) == (0, 1)
    narrower = bootstrap_median([0, 1], n_resamples=40_000, level=0.48)
    assert (narrower.low, narrower.high) == (0.5, 0.5)


def test_every_column_gets_its_own_mean():
    r = np.random.default_rng(4)
    values = r.normal([0, 5, -3], [1, 2, 0.1], (300, 3))
    values[:40, 1] = np.nan
    values[:, 2] = np.where(np.arange(300) < 5, np.nan, values[:, 2])
    found = bootstrap_means(values, n_resamples=4000)
    for column, interval in enumerate(found):
        known = values[~np.isnan(values[:, column]), column]
        assert interval.estimate == pytest.approx(known.mean(), abs=1e-12)
        assert (interval.n, interval.dropped) == (len(known), 300 - len(known))
        half = 1.96 * known.std() / np.sqrt(len(known))
        assert interval.high - interval.low == pytest.approx(2 * half, rel=0.08)


def test_chunks_do_not_show(monkeypatch):
    values = np.random.default_rng(5).normal(size=(50, 2))
    whole = bootstrap_means(values)
    monkeypatch.setattr(intervals, "CHUNK_DRAWS", 1234)
    for a, b in zip(whole, bootstrap_means(values), strict=True):
        assert (a.low, a.high) == pytest.approx((b.low, b.high), abs=1e-12)


def test_seed_decides():
    values = np.random.default_rng(6).normal(size=100)
    for function in (bootstrap_mean, bootstrap_median):
        assert function(values, seed=1) == function(values, seed=1)
        assert function(values, seed=1) != function(values, seed=2)


def test_pairing_removes_what_users_differ_in():
    r = np.random.default_rng(7)
    user = r.normal(0, 10, 500)
    before, after = user + r.normal(0, 0.1, 500), user + 0.05 + r.normal(0, 0.1, 500)
    paired, alone = paired_bootstrap(after - before), bootstrap_mean(after)
    assert paired.low > 0
    assert paired.low < 0.05 < paired.high
    # Standard errors: 0.14 / sqrt(500) of the differences, 10 / sqrt(500) of either condition.
    assert (alone.high - alone.low) / (paired.high - paired.low) == pytest.approx(71, rel=0.15)


def test_constant_values_have_an_interval_of_no_width():
    for function in (bootstrap_mean, bootstrap_median, paired_bootstrap):
        found = function(np.full(37, 0.1))
        assert (found.estimate, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1), abs=1e-14)
    unchanged = bootstrap_mean(np.zeros(37))
    assert (unchanged.low, unchanged.high) == (0, 0)


def test_nans_are_dropped_and_counted():
    values = [1.0, np.nan, 3.0, np.nan, 8.0]
    for function, expected in ((bootstrap_mean, 4.0), (bootstrap_median, 3.0)):
        found = function(values)
        assert (found.estimate, found.n, found.dropped) == (expected, 3, 2)
        assert 1 <= found.low <= found.high <= 8


@pytest.mark.parametrize("function", [bootstrap_mean, bootstrap_median])
@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [2.0]])
def test_too_few_users_have_no_interval(function, values):
    found = function(values)
    assert np.isnan([found.low, found.high]).all()
    assert found.n == np.isfinite(values).sum()
    assert np.isnan(found.estimate) or found.estimate == 2.0


def test_text():
    assert str(Interval(0.01234, 0.0101, 0.0145, 943)) == "+0.0123 [0.0101, 0.0145], n = 943"
    shrunk = Interval(-0.5, -0.75, 0.25, 22363, 12)
    assert shrunk.text(2) == "-0.50 [-0.75, 0.25], n = 22,363 (12 dropped)"
    assert str(Interval(np.nan, np.nan, np.nan, 0, 5)) == "no value, n = 0 (5 dropped)"


def test_bad_input_is_refused():
    with pytest.raises(WorkbenchError, match=r"\[users\]"):
        bootstrap_mean(np.zeros((2, 3)))
    with pytest.raises(WorkbenchError, match="finite"):
        bootstrap_median([1.0, np.inf])
    for options in ({"n_resamples": 0}, {"level": 95}):
        with pytest.raises(WorkbenchError, match="n_resamples >= 1 and a level"):
            bootstrap_mean([1.0, 2.0], **options)
