"""Moments of parts put together: the same as those of all users at once."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kurtosis, skew

from workbench.statistics import mean_interval, mean_intervals, moments
from workbench.statistics.intervals import intervals_of, shares_of
from workbench.statistics.moments import FEWEST_NONZERO, Moments

VALUES = st.one_of(
    st.just(np.nan),
    st.sampled_from([0.0, 1.0]),  # often, so that whole columns are shares or mostly zero
    st.floats(-100, 100).map(lambda value: round(value, 3)),
)


def in_parts(table, cuts):
    """Moments of a table cut at some rows, some parts perhaps empty."""
    parts = np.split(table, sorted(cuts))
    whole = Moments.of(parts[0])
    for part in parts[1:]:
        whole = whole + Moments.of(part)
    return whole


@given(
    arrays(np.float64, st.tuples(st.integers(1, 60), st.integers(1, 4)), elements=VALUES),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_any_parts_lead_to_the_same_intervals(table, cuts):
    once, summed = Moments.of(table), in_parts(table, cuts)
    for of in (intervals_of, shares_of):
        for one, other in zip(of(once), of(summed), strict=True):
            assert (other.n, other.dropped) == (one.n, one.dropped)
            assert other.has_ends == one.has_ends
            if one.nonzero < FEWEST_NONZERO:
                assert other.nonzero == one.nonzero
            for field in ("estimate", "low", "high", "standard_error", "p_value"):
                assert getattr(other, field) == pytest.approx(
                    getattr(one, field), rel=1e-6, abs=1e-9, nan_ok=True
                )


def test_skewness_and_kurtosis_of_parts_are_those_of_scipy():
    values = np.random.default_rng(0).exponential(size=(500, 2)) + np.array([0, 1e4])
    found = in_parts(values, [3, 3, 170, 499])
    variance, cubes, fourths = found.sums / found.n
    np.testing.assert_allclose(variance, values.var(0))
    np.testing.assert_allclose(cubes / variance**1.5, skew(values), rtol=1e-6)
    np.testing.assert_allclose(fourths / variance**2 - 3, kurtosis(values), rtol=1e-6)


def test_what_rounding_left_in_one_part_is_nothing_beside_another():
    values = np.concatenate([np.full(20, 1e-17), np.arange(9.0) + 1])
    (found,) = intervals_of(in_parts(values[:, None], [20]))
    assert found.nonzero == mean_interval(values).nonzero == 9
    assert not found.has_ends


def test_equal_values_have_no_width_in_parts_either():
    (found,) = intervals_of(in_parts(np.full((30, 1), 0.1), [7, 19]))
    (once,) = mean_intervals(np.full((30, 1), 0.1))
    assert found.low == found.high == found.estimate == pytest.approx(0.1)
    assert found.p_value == once.p_value == 2.0**-29


def test_many_users_are_put_together_from_parts(monkeypatch):
    table = np.random.default_rng(0).standard_normal((50, 3))
    monkeypatch.setattr(moments, "CHUNK_NUMBERS", 30)
    summed, once = moments.moments_of(table), Moments.of(table)
    for each in fields(Moments):
        np.testing.assert_allclose(getattr(summed, each.name), getattr(once, each.name))
    assert moments.moments_of(table[:0]).n.tolist() == [0, 0, 0]
