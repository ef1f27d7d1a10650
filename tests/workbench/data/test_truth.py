"""The truth of planted data, through what is done to the data."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workbench import WorkbenchError, build_model
from workbench.data import from_interactions, planted
from workbench.data.batches import cause_mask, make_batch
from workbench.data.splits import held_out_cases
from workbench.data.truth import Truth
from workbench.matching import matched
from workbench.statistics import cause_scores

SMALL = {"n_users": 60, "n_items": 30, "length": 12, "n_causes": 6, "noise": 0.1}


def test_kept_by_hand():
    # two users of four and three items; the second item of the first one is left out
    truth = Truth(np.array([-1, 0, 1, 0, -1, 0, 1]), np.array([-1, -1, -1, 2, -1, -1, 0]))
    keep = np.array([True, False, True, True, True, True, True])
    kept = truth.kept(keep, np.array([0, 4, 7]))
    assert kept.causes.tolist() == [-1, -1, 0, -1, 0, 1]
    assert kept.second_causes.tolist() == [-1, -1, 1, -1, -1, 0]


@given(st.lists(st.booleans(), min_size=30, max_size=30), st.integers(0, 5))
def test_what_is_kept_has_the_cause_it_had(keep, seed):
    data = planted("conjunction", **{**SMALL, "n_users": 3, "length": 10}, seed=seed).data
    numbers = np.arange(30)  # a name for every interaction
    kept = data.truth.kept(np.array(keep), data.offsets)
    offsets = np.append(0, np.cumsum(np.add.reduceat(keep, data.offsets[:-1])))
    left = numbers[keep]
    for before, after in (
        (data.truth.causes, kept.causes),
        (data.truth.second_causes, kept.second_causes),
    ):
        assert len(after) == len(left)
        for place, number in enumerate(left):
            user = number // 10
            cause = 10 * user + before[number] if before[number] >= 0 else None
            if cause is None or not keep[cause]:
                assert after[place] == -1
            else:
                assert left[offsets[user] + after[place]] == cause


@pytest.mark.parametrize("rule", ["content", "distance", "content-and-distance", "conjunction"])
@pytest.mark.parametrize("max_length", [3, 50])
def test_the_mask_marks_the_items_whose_effect_was_held_out(rule, max_length):
    made = planted(rule, **SMALL)
    data = made.data
    part = held_out_cases(data, max_length)
    batch = make_batch(data, part)
    mask = cause_mask(data, part, batch.items.shape[1])
    assert mask.shape == batch.items.shape
    assert not (mask & ~batch.valid).any()
    several = 2 if rule == "conjunction" else 1
    found = 0
    for row, (user, target) in enumerate(zip(part.users, part.targets, strict=True)):
        end = data.offsets[user + 1] - 1
        causes = [data.truth.causes[end], data.truth.second_causes[end]][:several]
        history = data.history(user)[:-1]
        cut = max(0, len(history) - max_length)
        assert mask[row].nonzero().flatten().tolist() == sorted(c - cut for c in causes if c >= cut)
        if mask[row].sum() == several:
            shown = batch.items[row]
            assert made.effects[tuple(shown[c - cut] for c in causes)] == target
            found += 1
    assert found > 5 or max_length < 4  # the lag
    assert (cause_scores(mask.double(), batch.valid, mask).top1[mask.any(1)] == 1).all()


def test_the_truth_survives_being_matched_to_a_model():
    data = planted("distance", **SMALL, lag=2).data
    rng = np.random.default_rng(0)
    lost = {"7", "11"}
    known = rng.permutation([token for token in data.item_ids[1:] if token not in lost])
    other = from_interactions(np.zeros(len(known)), known, min_user=1)
    model = build_model("SASRec", other, hidden_size=8, inner_size=8)
    moved, said = matched(model, data)
    assert "does not know 2 of the 30 items" in said
    assert len(moved.truth.causes) == moved.n_interactions < data.n_interactions
    tokens = dict(zip(*_by_effect(data), strict=True))
    effects, causes = _by_effect(moved)
    assert len(effects) > 100
    assert all(tokens[effect] == cause for effect, cause in zip(effects, causes, strict=True))
    part = held_out_cases(moved, 50)
    mask = cause_mask(moved, part, 12)
    assert 0 < mask.any(1).sum() < cause_mask(data, held_out_cases(data, 50), 12).any(1).sum()


def _by_effect(data):
    """Tokens of what a rule produced, and of its causes."""
    places = np.flatnonzero(data.truth.causes >= 0)
    owners = np.searchsorted(data.offsets, places, side="right") - 1
    causes = data.offsets[owners] + data.truth.causes[places]
    return data.item_ids[data.items[places]], data.item_ids[data.items[causes]]


def test_other_data_say_nothing_of_causes():
    data = from_interactions([1, 1, 1], [1, 2, 3], name="mine")
    with pytest.raises(WorkbenchError, match="what caused the items of mine is not known"):
        cause_mask(data, held_out_cases(data, 50), 2)


def test_a_user_without_a_cause_has_an_empty_row():
    data = planted(n_users=30, signal=0).data
    assert torch.equal(
        cause_mask(data, held_out_cases(data, 50), 30), torch.zeros(30, 30, dtype=torch.bool)
    )
