"""The bootstraps that ours are compared with are SciPy's, and the simulation knows its truth."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from benchmarks.bootstraps import bootstrap_ends, counts
from benchmarks.coverage import (
    OURS,
    Cell,
    draw,
    holds,
    measure,
    summary,
)
from benchmarks.populations import HIT, PARAMETRIC, Population, parametric

EXPONENTIAL = Population(PARAMETRIC, "exponential", np.random.default_rng(0).exponential(1, 9999))


def test_counts_are_of_users_drawn_with_replacement():
    found = counts(np.random.default_rng(0), 4000, 50, 20)
    assert found.shape == (4000, 20)
    assert found.sum(1).mean() == pytest.approx(20, abs=0.2)
    assert found.var(0).mean() == pytest.approx(1 - 1 / 50, rel=0.05)
    assert counts(np.random.default_rng(0), 3, 7, 7).sum(1).tolist() == [7, 7, 7]


@pytest.mark.parametrize("method", ["percentile", "basic", "BCa", "bootstrap-t"])
def test_bootstraps_are_scipys(method):
    r = np.random.default_rng(1)
    changes = r.exponential(1, 25)
    values = np.concatenate([changes, np.zeros(15)])
    drawn = counts(r, 20_000, 40, 25)
    found = bootstrap_ends(np.stack([changes, 2 * changes], 1), 40, drawn)[method]
    if method == "bootstrap-t":
        samples = r.choice(values, (20_000, 40))
        errors = samples.std(1, ddof=1)
        least, most = np.quantile((samples.mean(1) - values.mean()) / errors, [0.025, 0.975])
        deviation = values.std(ddof=1)
        expected = values.mean() - deviation * most, values.mean() - deviation * least
    else:
        expected = bootstrap(
            (values,), np.mean, n_resamples=20_000, method=method, rng=2
        ).confidence_interval
    for end, each in zip(found, expected, strict=True):
        assert end == pytest.approx([each, 2 * each], abs=0.03)


def test_studies_have_the_mean_they_state():
    population = Population(HIT, "down", np.array([-1.0, -1.0, 1.0]))
    studies = draw(np.random.default_rng(0), population, 0.2, 400, 3000)
    assert studies.changes.shape == (studies.changed.max(), 3000)
    assert ((studies.changes != 0).sum(0) == studies.changed).all()
    assert studies.changes.sum(0).mean() / 400 == pytest.approx(studies.truth.mean(), rel=0.05)
    assert studies.truth.min() >= -0.25 / 3
    assert studies.truth.max() <= -0.16 / 3
    whole = draw(np.random.default_rng(0), population, 1.0, 50, 10)
    assert (whole.changed == 50).all()
    assert whole.truth == pytest.approx(-1 / 3)


def test_ours_holds_where_the_percentile_bootstrap_does_not():
    cell = measure(np.random.default_rng(0), EXPONENTIAL, 0.2, 100, 1000)
    assert cell.studies > 950
    assert 0.93 <= cell.coverage[OURS] <= 0.98
    assert cell.coverage["percentile"] < 0.925
    assert cell.coverage["Student's t"] < 0.925


def test_fewer_than_ten_changed_get_no_ends_from_ours_and_poor_ones_elsewhere():
    cell = measure(np.random.default_rng(0), EXPONENTIAL, 0.03, 100, 400)
    assert cell.studies == 400
    assert np.isnan(cell.coverage[OURS])
    assert cell.coverage["percentile"] < 0.9


def test_summary_has_the_range_of_each_kind():
    population = parametric()[0]
    found = [
        Cell(population, 0.2, n, 100, {"a": coverage, OURS: coverage + 0.03})
        for n, coverage in ((100, 0.91), (120, 0.94), (1000, 0.95))
    ]
    assert summary(found) == [
        ["parametric", "10 to 30", "2", "91.0 to 94.0", "94.0 to 97.0"],
        ["parametric", "100 to 1,000", "1", "95.0 to 95.0", "98.0 to 98.0"],
        ["held 93.5 to 96.5 %", "10 and more", "3", "67%", "33%"],
    ]
    assert holds(0.95)
    assert not holds(0.93)
