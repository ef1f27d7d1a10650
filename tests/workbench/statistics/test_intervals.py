"""Bootstrap intervals: their coverage, their agreement with SciPy, and how they read."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from workbench.errors import WorkbenchError
from workbench.statistics import (
    Interval,
    bootstrap_mean,
    bootstrap_means,
    bootstrap_median,
    exact_share,
    intervals,
    paired_bootstrap,
)
from workbench.statistics.intervals import FEWEST_NONZERO


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


@pytest.mark.parametrize(
    ("function", "statistic", "n"),
    [(bootstrap_mean, np.mean, n) for n in (10, 11, 41)]
    + [(bootstrap_median, np.median, n) for n in (2, 3, 10, 41)],
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


@pytest.mark.parametrize("changed", [0, 2, FEWEST_NONZERO - 1, FEWEST_NONZERO])
def test_a_mean_of_zeros_but_for_a_few_has_no_ends(changed):
    values = np.zeros(200)
    values[:changed] = np.linspace(0.5, 1, changed)
    for function in (bootstrap_mean, paired_bootstrap):
        found = function(values)
        assert found.estimate == pytest.approx(values.mean())
        assert (found.n, found.nonzero) == (200, changed)
        assert found.has_ends == (changed == FEWEST_NONZERO)
        assert np.isnan([found.low, found.high]).all() == (not found.has_ends)


def test_the_fewest_users_are_what_coverage_needs():
    # 943 users, each changed with the same small chance: the interval of the mean, where there is
    # one, holds the true mean about as often as it claims
    r = np.random.default_rng(8)
    values = (r.random((943, 600)) < 20 / 943) * r.choice([1.0, 0.63, 0.5, 0.3], (943, 600))
    given = [i for i in bootstrap_means(values) if i.has_ends]
    assert len(given) > 580
    assert share_covering(given, 20 / 943 * 0.6075) > 0.92


def test_what_cancels_is_zero_in_spite_of_rounding():
    # summed in floating point, 0.1 + 0.2 - 0.3 is not 0 but 5.6e-17, which is no rise
    found = bootstrap_mean(np.tile([0.1, 0.2, -0.3], 20), level=0.02)
    assert found.low == 0
    assert found.high == pytest.approx(1 / 600)


def test_nans_are_dropped_and_counted():
    values = np.array([1.0, np.nan, 3.0, np.nan, 8.0])
    for function, expected in ((bootstrap_mean, 4.0), (bootstrap_median, 3.0)):
        found = function(np.tile(values, 4))
        assert (found.estimate, found.n, found.dropped) == (expected, 12, 8)
        assert 1 <= found.low <= found.high <= 8


@pytest.mark.parametrize(("k", "n"), [(0, 200), (1, 200), (13, 200), (200, 200), (0, 1), (3, 7)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_share_has_scipys_exact_interval(k, n, level):
    values = np.full(n + 2, np.nan)
    values[1 : n + 1] = np.arange(n) < k
    found = exact_share(values, level)
    expected = binomtest(k, n).proportion_ci(level, method="exact")
    assert found.estimate == pytest.approx(k / n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert (found.n, found.dropped, found.nonzero) == (n, 2, k)


def test_nobody_out_of_two_hundred_may_be_1_8_percent():
    assert exact_share(np.zeros(200)).high == pytest.approx(0.018, abs=5e-4)
    assert not exact_share([np.nan]).has_ends
    with pytest.raises(WorkbenchError, match="0 or 1"):
        exact_share([0.0, 0.5])


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
    few = bootstrap_mean([0.0] * 198 + [0.5, 0.5])
    assert str(few) == "+0.0050 [too few users: 2 not zero], n = 200"


def test_bad_input_is_refused():
    with pytest.raises(WorkbenchError, match=r"\[users\]"):
        bootstrap_mean(np.zeros((2, 3)))
    with pytest.raises(WorkbenchError, match="finite"):
        bootstrap_median([1.0, np.inf])
    for options in ({"n_resamples": 0}, {"level": 95}):
        with pytest.raises(WorkbenchError, match="n_resamples >= 1 and a level"):
            bootstrap_mean([1.0, 2.0], **options)
