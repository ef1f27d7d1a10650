"""Numbers are taken as tensors, arrays or lists, and what are none is told in a sentence."""

import numpy as np
import pytest
import torch

from workbench.errors import WorkbenchError
from workbench.statistics import (
    Interval,
    cause_scores,
    chance_scores,
    detectable,
    difference_over_seeds,
    entropy,
    entropy_bound,
    exact_share,
    holm,
    jensen_shannon_of_scores,
    kendall_p_value,
    kendall_tau_b,
    mean_interval,
    mean_intervals,
    median_interval,
    normalised_entropy,
    seed_spread,
    spearman,
)

X = torch.tensor([[0.1, 0.7, 0.2, 0.0], [0.4, 0.3, 0.2, 0.1]])
Y = torch.tensor([[0.3, 0.4, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
VALID = torch.tensor([[True, True, True, False], [True] * 4])
OF_TENSORS = {
    "kendall_tau_b": (kendall_tau_b, (X, Y, VALID)),
    "kendall_p_value": (kendall_p_value, (X, Y, VALID)),
    "spearman": (spearman, (X, Y, VALID)),
    "cause_scores": (lambda *given: cause_scores(*given).rank, (X, VALID, torch.tensor([1, 0]))),
    "several causes": (lambda *given: cause_scores(*given).top1, (X, VALID, X > 0.3)),
    "chance_scores": (lambda *given: chance_scores(*given).rank, (VALID, torch.tensor([1, 0]))),
    "jensen_shannon_of_scores": (jensen_shannon_of_scores, (X, Y)),
    "entropy": (entropy, (X, VALID)),
    "normalised_entropy": (normalised_entropy, (X, VALID)),
    "entropy_bound": (entropy_bound, (torch.tensor([3, 4]),)),
}
OF_ARRAYS = {
    "mean_interval": mean_interval,
    "median_interval": median_interval,
    "exact_share": exact_share,
    "holm": holm,
    "mean_intervals": lambda values: mean_intervals(values.reshape(-1, 1)),
    "difference_over_seeds": lambda values: difference_over_seeds(values.reshape(2, -1), None),
    "seed_spread": lambda values: seed_spread([values.reshape(2, -1)]),
}
ONES = np.tile([0.0, 1.0], 20)


@pytest.mark.parametrize("name", OF_TENSORS)
@pytest.mark.parametrize("form", [np.asarray, lambda tensor: tensor.tolist()])
def test_arrays_and_lists_count_as_tensors_do(name, form):
    measure, given = OF_TENSORS[name]
    found = measure(*map(form, given))
    torch.testing.assert_close(found, measure(*given), equal_nan=True, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", OF_ARRAYS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_tensors_count_as_arrays_do(name, dtype):
    tensor = torch.tensor(ONES, dtype=dtype, requires_grad=True)
    assert str(OF_ARRAYS[name](tensor)) == str(OF_ARRAYS[name](ONES))


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_masked_entries_are_told_and_the_remedy_leaves_them_out(name):
    masked = np.ma.MaskedArray(ONES.astype(int), ONES == 1)
    with pytest.raises(WorkbenchError, match=r"masked .* as .astype\(float\).filled\(numpy.nan\)"):
        OF_ARRAYS[name](masked)
    filled = masked.astype(float).filled(np.nan)
    assert np.isnan(filled).sum() == 20
    unmasked = np.ma.MaskedArray(ONES)
    assert str(OF_ARRAYS[name](unmasked)) == str(OF_ARRAYS[name](ONES))


@pytest.mark.parametrize(
    "wrong", ["text", ["1", "2"], [[1.0], [1.0, 2.0]], {"a": 1}, np.array([1j, 2j])]
)
def test_what_are_no_numbers_is_told(wrong):
    for measure in (mean_interval, median_interval, exact_share, holm):
        with pytest.raises(WorkbenchError, match="is no table of numbers; give a tensor"):
            measure(wrong)
    with pytest.raises(WorkbenchError, match=r"x: a .* is no table of numbers"):
        kendall_tau_b(wrong, Y, VALID)


def test_none_is_a_user_without_a_value():
    assert mean_interval([None, *ONES]).dropped == 1


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: entropy(X, VALID.long()), "allowed must be a bool tensor, and is torch.int64"),
        (lambda: jensen_shannon_of_scores(X[0], Y[0]), r"\(4,\) and \(4,\) must share"),
        (lambda: jensen_shannon_of_scores(X, Y[:1]), "must share one shape"),
        (lambda: cause_scores(X, VALID[0], torch.tensor([1, 0])), "valid must be bool"),
        (lambda: cause_scores(X, VALID, torch.tensor([1, 0, 0])), "valid must be bool"),
    ],
)
def test_shapes_and_kinds_that_do_not_fit_are_told(ask, told):
    with pytest.raises(WorkbenchError, match=told):
        ask()


@pytest.mark.parametrize("comparisons", [0, -2, 1.5])
def test_comparisons_are_counted_from_one(comparisons):
    interval = Interval(1.0, 0.5, 1.5, 30, nonzero=30, standard_error=0.2, freedom=29)
    assert detectable(interval, comparisons=1) > 0
    with pytest.raises(WorkbenchError, match=r"comparisons=.* give a whole number, 1 or more"):
        detectable(interval, comparisons=comparisons)


def test_the_divergence_of_distributions_is_that_of_their_logarithms():
    """Half of (0.5, 0.5, 0) moved to the last: the mean is (0.5, 0.25, 0.25)."""
    p, q = torch.tensor([[0.5, 0.5, 0.0]]), torch.tensor([[0.5, 0.0, 0.5]])
    found = jensen_shannon_of_scores(p.log(), q.log())
    assert found.item() == pytest.approx(0.5 * np.log(2), abs=1e-7)
