"""Holm's method against the closed tests it stands for, and power against simulation."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.statistics import (
    Interval,
    detectable,
    exact_share,
    holm,
    mean_interval,
    mean_intervals,
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
    assert np.mean([detectable(i) for i in studies]) == pytest.approx(effect, rel=0.01)
