"""Differences over users and seeds, by hand and by simulation."""

import numpy as np
import pytest
from scipy import stats

from workbench import WorkbenchError
from workbench.statistics import (
    Part,
    SeedSpread,
    difference_over_seeds,
    mean_interval,
    seed_spread,
    sum_over_seeds,
)


def test_the_formula_worked_out_by_hand():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.1, 1, (3, 20)), rng.normal(0, 1, (2, 20))
    difference = np.mean([a[0], a[1], a[2]], axis=0) - (b[0] + b[1]) / 2
    parts = [
        np.var(difference, ddof=1) / 20,
        np.var([row.mean() for row in a], ddof=1) / 3,
        np.var([row.mean() for row in b], ddof=1) / 2,
    ]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 19 + parts[1] ** 2 / 2 + parts[2] ** 2 / 1)
    low, high = stats.t.interval(0.95, freedom, difference.mean(), np.sqrt(sum(parts)))
    interval = difference_over_seeds(a, b)
    assert interval.estimate == pytest.approx(difference.mean())
    assert (interval.low, interval.high) == pytest.approx((low, high))
    t = difference.mean() / np.sqrt(sum(parts))
    assert interval.p_value == pytest.approx(2 * stats.t.sf(abs(t), freedom))
    assert interval.freedom == pytest.approx(freedom)
    assert interval.n == interval.nonzero == 20


def test_seeds_that_do_not_matter_leave_the_interval_over_users():
    rng = np.random.default_rng(1)
    difference = rng.normal(0.02, 0.1, 500)
    base = rng.normal(0, 1, 500)
    interval = difference_over_seeds(np.tile(base + difference, (3, 1)), np.tile(base, (2, 1)))
    users = mean_interval(difference)
    assert interval.standard_error == pytest.approx(users.standard_error, rel=2e-3)
    assert (interval.low, interval.high) == pytest.approx((users.low, users.high), abs=1e-3)


@pytest.mark.parametrize(("trainings", "seed"), [(3, 0.003), (3, 0.006), (2, 0.006)])
def test_it_covers_users_and_seeds_where_users_alone_do_not(trainings, seed):
    rng = np.random.default_rng(2)
    covered, by_users = 0, 0
    for _ in range(300):
        base = rng.normal(0, 0.2, 900)
        a = base + rng.normal(0, 0.05, 900) + rng.normal(0, seed, (trainings, 1))
        b = base + rng.normal(0, seed, (trainings, 1))
        a, b = (x + rng.normal(0, 0.1, x.shape if x.ndim > 1 else (trainings, 900)) for x in (a, b))
        interval, users = difference_over_seeds(a, b), mean_interval(a[0] - b[0])
        covered += interval.low <= 0 <= interval.high
        by_users += users.low <= 0 <= users.high
    assert covered >= 0.915 * 300
    assert by_users < 0.92 * 300


def test_users_without_a_value_are_dropped_and_few_give_no_ends():
    values = np.zeros((2, 30))
    values[:, :9] = 1
    values[0, 29] = np.nan
    interval = difference_over_seeds(values, np.zeros((2, 30)))
    assert (interval.n, interval.dropped, interval.nonzero) == (29, 1, 9)
    assert not interval.has_ends
    assert interval.freedom == np.inf
    assert interval.estimate == pytest.approx(9 / 29)


def test_the_same_for_everybody_has_no_width():
    interval = difference_over_seeds(np.ones((2, 12)), np.zeros((3, 12)))
    assert (interval.low, interval.high) == (1, 1)
    assert interval.freedom == np.inf


def test_one_training_is_refused_and_so_are_other_users():
    with pytest.raises(WorkbenchError, match="two trainings"):
        difference_over_seeds(np.ones((1, 5)), np.ones((3, 5)))
    with pytest.raises(WorkbenchError, match="trainings, users"):
        difference_over_seeds(np.ones((2, 5)), np.ones((2, 6)))


def test_a_spread_is_pooled_over_models_that_were_trained_twice():
    means = [[0.0, 2.0], [1.0, 2.0, 6.0], [9.0]]
    models = [np.repeat(np.array(each)[:, None], 4, axis=1) for each in means]
    assert seed_spread(models) == SeedSpread(pytest.approx((2 + 14) / 3), 3)
    assert seed_spread(models[2:]) is None


def test_the_formula_with_a_pooled_spread_worked_out_by_hand():
    rng = np.random.default_rng(4)
    a, b = rng.normal(0.1, 1, (3, 20)), rng.normal(0, 1, (1, 20))
    pooled = SeedSpread(0.02, 8)
    parts = [np.var(a.mean(0) - b[0], ddof=1) / 20, 0.02 * (1 / 3 + 1)]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 19 + parts[1] ** 2 / 8)
    difference = a.mean() - b.mean()
    low, high = stats.t.interval(0.95, freedom, difference, np.sqrt(sum(parts)))
    interval = difference_over_seeds(a, b, pooled=pooled)
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert interval.freedom == pytest.approx(freedom)
    alone = difference_over_seeds(a, None, pooled=pooled)
    error = np.sqrt(np.var(a.mean(0), ddof=1) / 20 + 0.02 / 3)
    assert alone.estimate == pytest.approx(a.mean())
    assert alone.standard_error == pytest.approx(error)


def test_a_weighted_sum_with_two_spreads_worked_out_by_hand():
    """Two parts share a spread, and so its degrees of freedom; the third has its own trainings'."""
    rng = np.random.default_rng(5)
    a, b, c = (rng.normal(0.1 * k, 1, (k, 20)) for k in (1, 2, 3))
    spread = SeedSpread(0.03, 6)
    interval = sum_over_seeds([Part(1.0, a, spread), Part(-0.5, b, spread), Part(-0.5, c)])
    sums = a[0] - (b.mean(0) + c.mean(0)) / 2
    of_third = np.var(c.mean(1), ddof=1) / 4 / 3
    parts = [np.var(sums, ddof=1) / 20, 0.03 * (1 + 1 / 4 / 2), of_third]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 19 + parts[1] ** 2 / 6 + parts[2] ** 2 / 2)
    low, high = stats.t.interval(0.95, freedom, sums.mean(), np.sqrt(sum(parts)))
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert interval.freedom == pytest.approx(freedom)


@pytest.mark.parametrize("trainings", [1, 3])
def test_a_pooled_spread_covers_and_holds_far_out(trainings):
    """Nine trainings of three models say how far trainings of these two differ."""
    rng = np.random.default_rng(3)
    covered = far = 0
    for _ in range(1000):
        base = rng.normal(0, 0.2, 50)

        def made(n, base=base):
            return base + rng.normal(0, 0.05, (n, 1)) + rng.normal(0, 0.01, (n, 50))

        models = [made(trainings), made(trainings), *(made(3) for _ in range(3))]
        interval = difference_over_seeds(models[0], models[1], pooled=seed_spread(models))
        covered += interval.low <= 0 <= interval.high
        far += interval.p_value < 0.002
    assert 0.93 * 1000 <= covered <= 0.975 * 1000
    assert far <= 7  # 2 are expected
