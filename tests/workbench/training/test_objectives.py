"""What an epoch of masking holds: never padding, never what is held out, and how much of it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models import BACKBONES, Batch
from tests.models.variants import batch_of, build
from tests.workbench.tiny import data_of
from workbench.errors import WorkbenchError
from workbench.training.objectives import check_objective, mask_items, samples, shifted_windows

MASK = 13
HISTORIES = st.lists(
    st.lists(st.integers(1, 12), min_size=1, max_size=9), min_size=1, max_size=6
)  # fmt: skip
SHARES = st.floats(0, 1)


def masked(batch, ratio, last, seed=0):
    return mask_items(batch, MASK, np.random.default_rng(seed), ratio, last)


@given(HISTORIES, SHARES, SHARES, st.integers(0, 99))
def test_items_are_masked_and_padding_never(histories, ratio, last, seed):
    batch = batch_of(*histories, width=10)
    found, targets = masked(batch, ratio, last, seed)
    hidden = found.items == MASK
    assert torch.equal(targets > 0, hidden)
    assert torch.equal(found.items + targets - MASK * hidden, batch.items)
    assert not hidden[~batch.valid].any()
    assert hidden.any(1).all()  # every history teaches something
    assert torch.equal(found.lengths, batch.lengths)


@given(HISTORIES, SHARES)
def test_the_last_item_alone(histories, ratio):
    batch = batch_of(*histories, width=10)
    last = torch.zeros_like(batch.items)
    for row, history in enumerate(histories):
        last[row, len(history) - 1] = history[-1]
    assert torch.equal(masked(batch, ratio, 1)[1], last)
    assert torch.equal(masked(batch, 0, 0)[1], last)  # where chance chose none
    assert torch.equal(masked(batch, 1, 0)[1], batch.items)


def test_shares():
    batch = batch_of(*[[5] * 40] * 2000)
    _, targets = masked(batch, 0.3, 0)
    assert (targets > 0).double().mean() == pytest.approx(0.3, abs=0.01)
    _, targets = masked(batch, 1, 0.4)
    counts = (targets > 0).sum(1)
    assert set(counts.tolist()) == {1, 40}
    assert (counts == 1).double().mean() == pytest.approx(0.4, abs=0.05)
    assert (targets[:, -1] > 0).all()


def test_users_and_times_go_along():
    batch = batch_of([1, 2], [3])
    batch = Batch(batch.items, batch.lengths, batch.items * 10, torch.tensor([4, 7]))
    found, _ = masked(batch, 0.5, 0.5)
    assert found.times is batch.times
    assert found.users is batch.users


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 8), st.integers(0, 99))
def test_windows_hold_training_items_once_each_but_for_their_ends(lengths, length, seed):
    data = data_of(*([(k % 12) + 1 for k in range(n)] for n in lengths))
    some = shifted_windows(data, length, np.random.default_rng(seed))
    sizes = some.ends - some.starts
    assert ((sizes >= 2) & (sizes <= length + 1)).all()
    for user, n in enumerate(lengths):
        own = some.users == user
        first = data.offsets[user]
        if n < 4:  # two are held out, and one item alone teaches nothing
            assert not own.any()
            continue
        starts, ends = some.starts[own], some.ends[own]
        assert starts.min() == first
        assert ends.max() <= first + n - 2
        assert ends.max() > first + n - 2 - length  # no more is left out than a window holds
        seen = np.concatenate([np.arange(s, e) for s, e in zip(starts, ends, strict=True)])
        assert set(seen) == set(range(first, ends.max()))
        assert len(seen) == len(set(seen)) + own.sum() - 1  # a window begins with the last's end


def test_the_last_window_ends_anywhere():
    data = data_of(*[[1] * 12] * 400)
    some = shifted_windows(data, 5, np.random.default_rng(0))
    last = [some.ends[some.users == u].max() - data.offsets[u] for u in range(400)]
    found, counts = np.unique(last, return_counts=True)
    assert found.tolist() == [6, 7, 8, 9, 10]
    assert counts.min() > 50


def test_an_epoch_masks_as_many_items_as_the_other_objectives_have_targets():
    data = data_of(*[list(range(1, 13))] * 50)
    model = build("SASRec", backbone="BERT4Rec")
    about = {"mask_ratio": 0.25, "mask_last": 0.5}
    epoch = samples("masking", model, data, np.random.default_rng(0), **about)
    batch, targets = epoch.batch(epoch.cases)
    wanted = len(samples("prefixes", model, data, np.random.default_rng(0), **about).cases)
    assert wanted == 50 * 9
    assert int((targets > 0).sum()) == pytest.approx(wanted, rel=0.25)
    assert epoch.targets.sum() == pytest.approx(wanted, rel=0.25)
    assert batch.items.max() == model.mask_token
    assert batch.items.shape[1] <= model.n_tokens


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_first_objective_of_a_class_is_its_default(backbone):
    model = build("SASRec", backbone=backbone)
    wanted = "masking" if backbone == "BERT4Rec" else "positions"
    assert check_objective(model, None) == wanted
    assert check_objective(model, "prefixes") == "prefixes"


@pytest.mark.parametrize(
    ("backbone", "objective", "told"),
    [
        ("BERT4Rec", "positions", "looks both ways, .* answers; choose the objective masking or"),
        ("TiSASRec", "masking", "has no mask token; choose the objective positions or prefixes."),
        ("SASRec", "pairs", "objective='pairs' is not known; choose from prefixes, positions, "),
    ],
)
def test_an_objective_that_does_not_go_with_a_model_is_refused(backbone, objective, told):
    with pytest.raises(WorkbenchError, match=told):
        check_objective(build("SASRec", backbone=backbone), objective)


def test_a_class_says_what_it_learns_from():
    model = build("SASRec")
    model.objectives = ("prefixes",)
    assert check_objective(model, None) == "prefixes"
    with pytest.raises(WorkbenchError, match="does not learn from positions; choose the objective"):
        check_objective(model, "positions")
