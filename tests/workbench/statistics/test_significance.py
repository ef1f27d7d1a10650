"""Holm's method against the closed tests it stands for, and power against simulation."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.errors import WorkbenchError
from workbench.statistics import (
    Interval,
    detectable,
    difference_over_seeds,
    exact_share,
    holm,
    mean_interval,
    mean_intervals,
    seed_spread,
)


def test_holm_by_hand():
    # 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 x 1, which may not fall below the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.2, np.nan, 0.01]) == pytest.approx([0.2, np.nan, 0.02], nan_ok=True)
    assert holm([0.4, 0.9]).tolist() == [0.8, 0.9]
    assert holm([0.7, 0.8]).tolist() == [1, 1]
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_by_bonferroni(p_values):
    # A hypothesis is rejected when every set of hypotheses that holds it is, by Bonferroni.
    def adjusted(one):
        others = [p for i, p in enumerate(p_values) if i != one]
        sets = [
            (p_values[one], *rest) for k in range(len(p_values)) for rest in combinations(others, k)
        ]
        return max(min(1, len(each) * min(each)) for each in sets)

    assert holm(p_values) == pytest.approx([adjusted(i) for i in range(len(p_values))])


def test_holm_holds_the_rate_of_a_whole_family():
    r = np.random.default_rng(0)
    families = r.normal(size=(100, 400, 18))  # 400 reports of 18 means that are all 0
    found = [mean_intervals(family) for family in families.transpose(1, 0, 2)]
    p_values = np.array([[i.p_value for i in each] for each in found])
    assert (p_values < 0.05).any(1).mean() > 0.4
    assert np.mean([(holm(p) < 0.05).any() for p in p_values]) < 0.08


def test_holm_refuses_what_is_no_p_value():
    with pytest.raises(WorkbenchError, match="between 0 and 1"):
        holm([0.5, 1.2])
    with pytest.raises(WorkbenchError, match=r"shape \(1, 2\)"):
        holm([[0.5, 0.2]])


def test_detectable_by_hand():
    # z of 0.975 is 1.959964, of 0.8 it is 0.841621, of 0.9 it is 1.281552
    found = Interval(0.1, 0.0, 0.2, 943, standard_error=0.05)
    assert detectable(found) == pytest.approx(2.801585 * 0.05, rel=1e-6)
    assert detectable(found, 0.9) == pytest.approx(3.241516 * 0.05, rel=1e-6)
    # z of 1 - 0.05 / 8 is 2.497705
    assert detectable(found, comparisons=4) == pytest.approx(3.339327 * 0.05, rel=1e-6)
    assert np.isnan(detectable(mean_interval(np.zeros(100))))
    assert np.isnan(detectable(exact_share(np.ones(100))))
    with pytest.raises(WorkbenchError, match="power"):
        detectable(found, 80)


def test_what_is_detectable_is_detected_four_times_in_five():
    r = np.random.default_rng(1)
    effect = 2.801585 * 2 / np.sqrt(900)
    studies = mean_intervals(r.normal(effect, 2, (900, 1500)))
    assert np.mean([i.low > 0 for i in studies]) == pytest.approx(0.8, abs=0.03)
    assert np.mean([detectable(i) for i in studies[:100]]) == pytest.approx(effect, rel=0.01)


def with_freedom(freedom: float) -> Interval:
    return Interval(0.0, -1.0, 1.0, 943, standard_error=1.0, freedom=freedom)


@pytest.mark.parametrize("freedom", [1, 2, 3.5, 7, 17, 942, 1e6])
@pytest.mark.parametrize(("power", "comparisons"), [(0.5, 1), (0.8, 1), (0.8, 60), (0.95, 4)])
def test_detectable_is_where_the_noncentral_t_has_that_power(freedom, power, comparisons):
    reach = detectable(with_freedom(freedom), power, comparisons)
    critical = stats.t.isf(0.025 / comparisons, freedom)
    assert stats.nct.sf(critical, freedom, reach) == pytest.approx(power, abs=2e-5)


def test_detectable_of_many_degrees_of_freedom_is_that_of_a_known_standard_error():
    known = detectable(with_freedom(np.inf), 0.8, 60)
    assert known == pytest.approx(stats.norm.isf(0.025 / 60) + stats.norm.ppf(0.8), rel=1e-8)
    assert detectable(with_freedom(1e8), 0.8, 60) == pytest.approx(known, rel=1e-6)


def test_detectable_at_the_edges_of_freedom():
    # t of one degree is z / |z'|: far out, c |z'| < d decides, and |z'| < 1.281552 in 80 %
    critical = stats.t.isf(0.025 / 1e5, 1)
    assert detectable(with_freedom(1), 0.8, 10**5) == pytest.approx(1.281552 * critical, rel=2e-3)
    assert detectable(with_freedom(0.01)) == np.inf
    assert np.isnan(detectable(with_freedom(np.nan)))
    assert detectable(mean_interval(np.ones(20))) == 0


@given(st.floats(1, 1e9), st.floats(1, 1e9), st.sampled_from([0.5, 0.8, 0.9]), st.integers(1, 1000))
def test_detectable_falls_as_freedom_rises(one, other, power, comparisons):
    fewer, more = sorted([one, other])
    reaches = [detectable(with_freedom(f), power, comparisons) for f in (fewer, more, np.inf)]
    assert reaches[0] >= reaches[1] * (1 - 2e-3)
    assert reaches[1] >= reaches[2] * (1 - 1e-8)


@pytest.mark.parametrize(("pools", "least", "most"), [(True, 0.77, 0.83), (False, 0.66, 0.74)])
def test_what_is_detectable_is_detected_where_few_trainings_decide(pools, least, most):
    """Three trainings against three, whose mean differs by nothing but seeds.

    With a pooled spread they have four degrees of freedom. With one spread each these are estimated
    too, between 2 and 4, and it is detected a little less often.
    """
    r = np.random.default_rng(2)
    error = (2 / 3) ** 0.5
    effect = detectable(Interval(0, -1, 1, 12, standard_error=error, freedom=4))
    assert effect == pytest.approx(3.761060 * error, rel=1e-6)

    def found(effect):
        def study():
            a, b = effect + r.normal(size=(3, 1)), r.normal(size=(3, 1))
            a, b = np.tile(a, 12), np.tile(b, 12)
            interval = difference_over_seeds(a, b, pooled=seed_spread([a, b]) if pools else None)
            if pools:
                assert interval.freedom == pytest.approx(4)
            return interval.low > 0

        return np.mean([study() for _ in range(3000)])

    assert least < found(effect) < most
    assert found(2.801585 * error) < least - 0.15  # what a known standard error would need


def test_what_is_detectable_is_detected_where_few_users_are_not_zero():
    """One user in ten differs, and the test is one of sixty."""
    r = np.random.default_rng(3)
    values = np.where(r.random((900, 2000)) < 0.1, r.normal(size=(900, 2000)), 0)
    error = np.sqrt(0.1 / 900)
    freedom = float(np.median([i.freedom for i in mean_intervals(values)]))
    study = Interval(0, -1, 1, 900, standard_error=error, freedom=freedom)

    def found(effect):
        studies = mean_intervals(values + effect)
        return np.mean([i.p_value < 0.05 / 60 and i.estimate > 0 for i in studies])

    assert found(detectable(study, comparisons=60)) == pytest.approx(0.8, abs=0.06)
    assert found(4.183100 * error) < 0.65  # what a known standard error would need
