"""Kendall's tau-b and its p values against SciPy, row by row."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import kendalltau, spearmanr

from workbench.errors import WorkbenchError
from workbench.statistics import kendall_p_value, kendall_tau_b, rank_correlation, spearman


def scipy_rows(x, y, valid):
    """[N, 2] statistic and p value by SciPy; NaN where it has none."""
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # too small a sample
        for a, b, there in zip(x, y, valid, strict=True):
            result = kendalltau(a[there], b[there])
            rows.append((result.statistic, result.pvalue) if there.sum() > 1 else (np.nan, np.nan))
    return np.array(rows)


def random_case(seed, length, levels, dtype, rows=150):
    """Random, equal and opposite vectors, from no to all positions valid."""
    r = np.random.default_rng(seed)
    x, y = r.integers(0, levels, (2, rows, length)).astype(dtype)
    y[:20] = x[:20]
    y[20:40] = -x[20:40]
    valid = r.random((rows, length)) < 1.5 * r.random((rows, 1))
    return x, y, valid


CASES = [
    (1, 5, np.float64),
    (2, 2, np.float64),
    (3, 2, np.float64),
    (7, 3, np.int64),
    (20, 1, np.float64),
    (33, 10**6, np.float64),
    (34, 10**6, np.float64),
    (50, 10**6, np.float32),
    (50, 4, np.float32),
    (128, 50, np.float64),
    (129, 10**6, np.float64),
    (300, 10**6, np.float64),
    (300, 5, np.float64),
]


@pytest.mark.parametrize(("length", "levels", "dtype"), CASES)
def test_tau_and_p_value_are_scipys(length, levels, dtype):
    x, y, valid = random_case(length, length, levels, dtype)
    expected = scipy_rows(x, y, valid)
    tensors = [torch.from_numpy(a) for a in (x, y, valid)]
    np.testing.assert_allclose(kendall_tau_b(*tensors), expected[:, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(kendall_p_value(*tensors), expected[:, 1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("numbers", [1, 100, 1000])
def test_chunks_do_not_show(monkeypatch, numbers):
    monkeypatch.setattr(rank_correlation, "CHUNK_NUMBERS", numbers)
    x, y, valid = random_case(5, 10, 6, np.float64)
    tau = kendall_tau_b(*(torch.from_numpy(a) for a in (x, y, valid)))
    np.testing.assert_allclose(tau, scipy_rows(x, y, valid)[:, 0], rtol=0, atol=1e-12)


def test_hand_computed():
    # Pairs of x: 01 02 12 03 13 23. Concordant 4, discordant 0; x ties in 12, y ties in 01.
    x = torch.tensor([[1.0, 2, 2, 3]])
    y = torch.tensor([[5.0, 5, 6, 7]])
    everywhere = torch.ones(1, 4, dtype=torch.bool)
    assert kendall_tau_b(x, y, everywhere).item() == pytest.approx(4 / 5, abs=1e-15)
    # Three positions in perfect agreement: 2 of the 6 orders are as extreme.
    first = torch.tensor([[True, False, True, True]])
    assert kendall_p_value(x, y, first).item() == pytest.approx(2 / 6, abs=1e-15)


def test_undefined_rows_are_nan():
    x = torch.tensor([[1.0, 2, 3], [1, 1, 1], [1, 2, 3], [1, 2, 3], [1, 2, torch.nan], [1, 2, 3]])
    y = torch.tensor([[1.0, 2, 3], [1, 2, 3], [4, 4, 4], [1, 2, 3], [1, 2, 3], [1, torch.nan, 3]])
    valid = torch.ones(6, 3, dtype=torch.bool)
    valid[3, 1:] = False
    undefined = torch.tensor([False, True, True, True, True, True])
    assert torch.equal(kendall_tau_b(x, y, valid).isnan(), undefined)
    assert torch.equal(kendall_p_value(x, y, valid).isnan(), undefined)


def test_nan_at_an_invalid_position_changes_nothing():
    x = torch.tensor([[1.0, 2, 3, torch.nan]])
    y = torch.tensor([[1.0, 3, 2, torch.nan]])
    assert kendall_tau_b(x, y, ~x.isnan()).item() == pytest.approx(1 / 3, abs=1e-15)


def test_infinities_are_the_extremes():
    x = torch.tensor([[-torch.inf, 0, torch.inf, torch.inf]])
    y = torch.tensor([[0.0, 1, 2, 3]])
    expected = kendalltau([0, 1, 2, 2], [0, 1, 2, 3]).statistic
    tau = kendall_tau_b(x, y, torch.ones(1, 4, dtype=torch.bool))
    assert tau.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(0, 50), (3, 0)])
def test_empty_input(shape):
    empty = torch.zeros(shape)
    for function in (kendall_tau_b, kendall_p_value):
        result = function(empty, empty, empty.bool())
        assert result.shape == (shape[0],)
        assert result.isnan().all()


def test_inputs_are_left_alone():
    x, y = torch.rand(2, 20, 5, generator=torch.Generator().manual_seed(0))
    valid = x > 0.3
    copies = x.clone(), y.clone(), valid.clone()
    kendall_p_value(x, y, valid)
    assert all(torch.equal(a, b) for a, b in zip((x, y, valid), copies, strict=True))


def test_wrong_shapes_are_refused():
    x = torch.zeros(2, 3)
    with pytest.raises(WorkbenchError, match="share one shape"):
        kendall_tau_b(x, x[:, :2], x.bool())
    with pytest.raises(WorkbenchError, match="bool tensor"):
        kendall_tau_b(x, x, x)


@st.composite
def rows(draw):
    """x, y [N, L] with many ties, and valid."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 8)))
    x, y = (draw(hnp.arrays(np.float64, shape, elements=st.integers(-3, 3))) for _ in range(2))
    valid = draw(hnp.arrays(bool, shape))
    return torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(valid)


def same(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("function", [kendall_tau_b, kendall_p_value])
@settings(deadline=None)
@given(case=rows(), data=st.data())
def test_invariances(function, case, data):
    x, y, valid = case
    expected = function(x, y, valid)
    same(function(y, x, valid), expected)
    order = torch.tensor(data.draw(st.permutations(range(x.shape[1]))))
    same(function(x[:, order], y[:, order], valid[:, order]), expected)
    same(function(x.exp(), y**3 + y, valid), expected)
    flipped = function(-x, y, valid)
    same(flipped, -expected if function is kendall_tau_b else expected)
    columns = data.draw(st.integers(1, 5))
    padding = torch.full((x.shape[0], columns), data.draw(st.sampled_from([0.0, 9.0, torch.nan])))
    padded = [torch.cat([a, padding], 1) for a in (x, y)]
    same(function(*padded, torch.cat([valid, torch.zeros_like(padding).bool()], 1)), expected)


@settings(deadline=None)
@given(case=rows())
def test_tau_lies_between_minus_one_and_one_and_is_one_with_itself(case):
    x, y, valid = case
    tau = kendall_tau_b(x, y, valid)
    assert (tau.isnan() | (tau.abs() <= 1)).all()
    own = kendall_tau_b(x, x, valid)
    constant = torch.tensor([len(set(r[v].tolist())) < 2 for r, v in zip(x, valid, strict=True)])
    same(own, torch.where(constant, torch.nan, 1.0).double())


def test_p_values_of_independent_vectors_are_uniform():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 4000, 40, generator=generator)
    p = kendall_p_value(x, y, torch.ones_like(x, dtype=torch.bool))
    assert (p < 0.05).double().mean().item() == pytest.approx(0.05, abs=0.012)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=9))
def test_spearman_is_scipys(pairs):
    x, y = (torch.tensor([[*values, 7]]).double() for values in zip(*pairs, strict=True))
    valid = torch.ones_like(x, dtype=torch.bool)
    valid[0, -1] = False
    found = spearman(x, y, valid)[0].item()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = spearmanr(*zip(*pairs, strict=True)).statistic
    assert np.isnan(found) == np.isnan(expected)
    if not np.isnan(found):
        assert found == pytest.approx(expected, abs=1e-12)
