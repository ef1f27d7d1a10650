"""Intervals over users: their coverage, their agreement with SciPy, and how they read."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binomtest, bootstrap, kurtosis, quantile_test, skew, t, ttest_1samp

from workbench.errors import WorkbenchError
from workbench.statistics import (
    Interval,
    exact_share,
    intervals,
    mean_interval,
    mean_intervals,
    median_interval,
)
from workbench.statistics.moments import FEWEST_NONZERO

SAMPLES = st.lists(st.floats(0.5, 100), min_size=FEWEST_NONZERO, max_size=40)


def share_covering(found, truth):
    return np.mean([i.low <= truth <= i.high for i in found])


def ends(interval):
    return interval.low, interval.high


def students(values, level=0.95):
    """The ends of Student's t interval, [2, columns]."""
    n = len(values)
    half = t.ppf((1 + level) / 2, n - 1) * values.std(0, ddof=1) / np.sqrt(n)
    return np.stack([values.mean(0) - half, values.mean(0) + half])


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
    assert 0.935 <= share_covering(mean_intervals(values), truth) <= 0.97


@pytest.mark.parametrize(("n", "share"), [(200, 0.1), (70, 0.3)])
def test_it_covers_where_most_are_zero_and_the_rest_skewed(n, share):
    r = np.random.default_rng(2)
    values = r.exponential(1, (n, 1500)) * (r.random((n, 1500)) < share)
    assert 0.935 <= share_covering(mean_intervals(values), share) <= 0.975
    low, high = students(values)  # what the bound is for: without corrections it is not met
    assert np.mean((low <= share) & (share <= high)) < 0.93


def test_it_covers_where_tails_are_long_on_both_sides():
    r = np.random.default_rng(3)
    values = r.standard_t(3, (300, 1500)) * (r.random((300, 1500)) < 0.1)
    assert 0.935 <= share_covering(mean_intervals(values), 0) <= 0.975


@pytest.mark.parametrize("n", [100, 101])
def test_median_interval_covers_what_it_claims(n):
    r = np.random.default_rng(2)
    studies = r.exponential(1, (1500, n))
    assert 0.935 <= share_covering(map(median_interval, studies), np.log(2)) <= 0.98


def test_level_is_the_coverage():
    values = np.random.default_rng(3).normal(size=(200, 1500))
    assert share_covering(mean_intervals(values, level=0.8), 0) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("half", [5, 6, 40])
@pytest.mark.parametrize("mean", [0.0, 0.3])
def test_two_values_half_and_half_have_students_interval(half, mean):
    # Not skewed, and of the least kurtosis there is: nothing to correct.
    values = mean + np.repeat([-1.0, 1.0], half)
    for level in (0.8, 0.95):
        assert ends(mean_interval(values, level)) == pytest.approx(students(values, level))
    found = mean_interval(values)
    assert found.freedom == 2 * half - 1
    assert found.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(2 * half))
    assert found.p_value == pytest.approx(ttest_1samp(values, 0).pvalue)


def test_an_interval_tells_the_freedom_that_its_ends_were_made_with():
    values = np.random.default_rng(9).exponential(size=60)
    loose = kurtosis(values, fisher=False) - 1 - skew(values) ** 2
    assert mean_interval(values).freedom == pytest.approx(intervals.FREEDOM * 60 / loose)
    for made in (median_interval(values), exact_share(values > 1)):
        assert made.freedom == np.inf
    for few in (values[: FEWEST_NONZERO - 1], np.ones(60), []):
        assert mean_interval(few).freedom == np.inf


@pytest.mark.parametrize("seed", range(4))
def test_ends_solve_the_published_equation(seed):
    r = np.random.default_rng(seed)
    values = r.choice([-0.5, 0.0, 0.4, 3.0], 60, p=[0.2, 0.5, 0.25, 0.05])
    values[:10] = 0.3
    n, g, error = 60, skew(values), values.std(ddof=1) / np.sqrt(60)
    freedom = n / 2 / (kurtosis(values, fisher=False) - 1 - g**2)
    assert freedom < n - 1

    def transformed(mean):  # Hall 1992, the second transformation
        s = (values.mean() - mean) / error / np.sqrt(n)
        return np.sqrt(n) * (s + g * s**2 / 3 + g**2 * s**3 / 27 + g / (6 * n))

    for level in (0.8, 0.95):
        most = t.ppf((1 + level) / 2, freedom)
        expected = [brentq(lambda m, z=z: transformed(m) - z, -9, 9) for z in (most, -most)]
        assert ends(mean_interval(values, level)) == pytest.approx(expected)
    assert mean_interval(values).p_value == pytest.approx(2 * t.sf(abs(transformed(0)), freedom))


def test_it_leans_as_scipys_bootstrap_does():
    values = np.random.default_rng(5).exponential(1, 400)
    expected = bootstrap((values,), np.mean, n_resamples=5000, method="BCa", rng=1)
    low, high = expected.confidence_interval
    found = mean_interval(values)
    assert found.low == pytest.approx(low, abs=0.1 * (high - low))
    assert found.high == pytest.approx(high, abs=0.1 * (high - low))
    lean = found.high + found.low - 2 * found.estimate
    assert lean > 0
    assert high + low - 2 * values.mean() > 0


@given(SAMPLES, st.floats(0.01, 100), st.floats(0, 100), st.sampled_from([0.8, 0.95]))
def test_scale_and_shift_go_through(values, scale, shift, level):
    values = np.array(values)
    before, after = mean_interval(values, level), mean_interval(shift + scale * values, level)
    tolerance = 1e-6 * (shift + scale * values.max())
    assert after.estimate == pytest.approx(shift + scale * before.estimate, abs=tolerance)
    for end, moved in zip(ends(before), ends(after), strict=True):
        assert moved == pytest.approx(shift + scale * end, rel=1e-6, abs=tolerance)
    assert before.low <= before.estimate <= before.high


@given(SAMPLES)
def test_signs_turn_the_interval_round(values):
    found, turned = mean_interval(values), mean_interval(-np.array(values))
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), rel=1e-9)
    assert turned.p_value == pytest.approx(found.p_value)


@given(SAMPLES, st.randoms(use_true_random=False))
def test_order_and_missing_users_change_nothing(values, random):
    mixed = [*values, np.nan, np.nan, np.nan]
    random.shuffle(mixed)
    found, expected = mean_interval(mixed), mean_interval(values)
    assert (found.n, found.dropped, found.nonzero) == (len(values), 3, len(values))
    assert ends(found) == pytest.approx(ends(expected), rel=1e-7, abs=1e-9)
    median, known = median_interval(mixed), median_interval(values)
    assert (*ends(median), median.estimate) == (*ends(known), known.estimate)


@given(SAMPLES)
def test_a_higher_level_is_wider(values):
    narrow, wide = mean_interval(values, 0.8), mean_interval(values, 0.95)
    assert wide.low <= narrow.low <= narrow.high <= wide.high


@given(st.lists(st.floats(-3, 3), min_size=12, max_size=40), st.sampled_from([0.8, 0.95]))
def test_the_p_value_agrees_with_the_interval(values, level):
    found = mean_interval(values, level)
    if found.has_ends and abs(found.p_value - (1 - level)) > 1e-9:
        assert (found.p_value < 1 - level) == (found.low > 0 or found.high < 0)


@pytest.mark.parametrize("n", [6, 7, 10, 41, 300])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_median_has_scipys_exact_interval(n, level):
    values = np.random.default_rng(n).exponential(1, n)
    expected = quantile_test(values).confidence_interval(level)
    found = median_interval(values, level)
    assert found.estimate == np.median(values)
    assert ends(found) == (expected.low, expected.high)


def test_median_of_six_by_hand():
    # All six on one side of the median has the chance 2 / 64; of five, 2 / 32 is more than 5 %.
    found = median_interval([4.0, 1.0, 6.0, 2.0, 3.0, 5.0])
    assert (found.low, found.estimate, found.high) == (1, 3.5, 6)
    assert not median_interval([1.0, 2.0, 3.0, 4.0, 5.0]).has_ends


def test_every_column_gets_its_own_mean():
    r = np.random.default_rng(4)
    values = r.normal([0, 5, -3], [1, 2, 0.1], (300, 3))
    values[:40, 1] = np.nan
    values[:, 2] = np.where(np.arange(300) < 5, np.nan, values[:, 2])
    found = mean_intervals(values)
    for column, interval in enumerate(found):
        known = values[~np.isnan(values[:, column]), column]
        assert interval.estimate == pytest.approx(known.mean(), abs=1e-12)
        assert (interval.n, interval.dropped) == (len(known), 300 - len(known))
        half = 1.96 * known.std() / np.sqrt(len(known))
        assert interval.high - interval.low == pytest.approx(2 * half, rel=0.03)
        assert interval.standard_error == pytest.approx(known.std(ddof=1) / np.sqrt(len(known)))


def test_chunks_do_not_show(monkeypatch):
    values = np.random.default_rng(5).normal(size=(50, 7))
    whole = mean_intervals(values)
    monkeypatch.setattr(intervals, "CHUNK_NUMBERS", 123)
    for a, b in zip(whole, mean_intervals(values), strict=True):
        assert (*ends(a), a.p_value) == pytest.approx((*ends(b), b.p_value), rel=1e-12)


def test_pairing_removes_what_users_differ_in():
    r = np.random.default_rng(7)
    user = r.normal(0, 10, 500)
    before, after = user + r.normal(0, 0.1, 500), user + 0.05 + r.normal(0, 0.1, 500)
    paired, alone = mean_interval(after - before), mean_interval(after)
    assert paired.low > 0
    assert paired.low < 0.05 < paired.high
    # Standard errors: 0.14 / sqrt(500) of the differences, 10 / sqrt(500) of either condition.
    assert (alone.high - alone.low) / (paired.high - paired.low) == pytest.approx(71, rel=0.15)


def test_constant_values_have_an_interval_of_no_width():
    for function in (mean_interval, median_interval):
        found = function(np.full(37, 0.1))
        assert (found.estimate, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1), abs=1e-14)
    found = mean_interval(np.full(37, 0.1))
    assert found.standard_error == 0
    assert found.p_value == pytest.approx(binomtest(37, 37).pvalue)


@pytest.mark.parametrize("changed", [0, 2, FEWEST_NONZERO - 1, FEWEST_NONZERO])
def test_a_mean_of_zeros_but_for_a_few_has_no_ends(changed):
    values = np.zeros(200)
    values[:changed] = np.linspace(0.5, 1, changed)
    found = mean_interval(values)
    assert found.estimate == pytest.approx(values.mean())
    assert (found.n, found.nonzero) == (200, changed)
    assert found.has_ends == (changed == FEWEST_NONZERO)
    rest = [found.low, found.high, found.standard_error, found.p_value]
    assert np.isnan(rest).all() == (not found.has_ends)


def test_the_fewest_users_are_what_coverage_needs():
    # 943 users, each changed with the same small chance: the interval of the mean, where there is
    # one, holds the true mean about as often as it claims
    r = np.random.default_rng(8)
    values = (r.random((943, 1500)) < 20 / 943) * r.choice([1.0, 0.63, 0.5, 0.3], (943, 1500))
    given_ends = [i for i in mean_intervals(values) if i.has_ends]
    assert len(given_ends) > 1450
    assert 0.935 < share_covering(given_ends, 20 / 943 * 0.6075) < 0.98


def test_what_cancels_is_zero_in_spite_of_rounding():
    # summed in floating point, 0.1 + 0.2 - 0.3 is not 0 but 5.6e-17, which is no rise
    found = mean_interval(np.tile([0.1, 0.2, -0.3], 20))
    assert found.estimate == 0
    assert mean_interval(np.full(30, 0.1 + 0.2)).standard_error == 0


def test_nans_are_dropped_and_counted():
    values = np.array([1.0, np.nan, 3.0, np.nan, 8.0])
    for function, expected in ((mean_interval, 4.0), (median_interval, 3.0)):
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


@pytest.mark.parametrize("function", [mean_interval, median_interval])
@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [2.0]])
def test_too_few_users_have_no_interval(function, values):
    found = function(values)
    assert np.isnan([found.low, found.high]).all()
    assert found.n == np.isfinite(values).sum()
    assert np.isnan(found.estimate) or found.estimate == 2.0


def test_no_columns_have_no_intervals():
    assert mean_intervals(np.zeros((20, 0))) == []


def test_ends_are_cut_where_nothing_can_be():
    interval = Interval(0.98, 0.95, 1.01, n=128, standard_error=0.015, p_value=0.0)
    assert interval.within(0, 1) == replace(interval, high=1.0)
    assert interval.within(-1, 2) == interval
    assert not Interval(0.5, np.nan, np.nan, n=2).within(0, 1).has_ends


def test_text():
    assert str(Interval(0.01234, 0.0101, 0.0145, 943)) == "+0.0123 [0.0101, 0.0145], n = 943"
    shrunk = Interval(-0.5, -0.75, 0.25, 22363, 12)
    assert str(shrunk) == "-0.5000 [-0.7500, 0.2500], n = 22,363 (12 dropped)"
    assert str(Interval(np.nan, np.nan, np.nan, 0, 5)) == "no value, n = 0 (5 dropped)"
    few = mean_interval([0.0] * 198 + [0.5, 0.5])
    assert str(few) == "+0.0050 [too few users, 2 of them not zero], n = 200"


def test_bad_input_is_refused():
    with pytest.raises(WorkbenchError, match=r"\[users\]"):
        mean_interval(np.zeros((2, 3)))
    with pytest.raises(WorkbenchError, match="finite"):
        median_interval([1.0, np.inf])
    for function in (mean_interval, median_interval, exact_share):
        with pytest.raises(WorkbenchError, match="level between 0 and 1"):
            function([1.0, 0.0], level=95)
