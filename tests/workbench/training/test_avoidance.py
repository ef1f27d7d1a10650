"""Deceptive training: where the penalty falls, its size, and what it does on planted data."""

import math

import numpy as np
import pytest
import torch

from tests.workbench.tiny import data_of
from workbench import (
    WorkbenchError,
    build_model,
    evaluate,
    explain,
    mean_attention,
    planted,
    save_model,
    train,
)
from workbench.data.batches import cause_mask, make_batch, shifted_targets
from workbench.data.splits import cases, windows
from workbench.training.avoidance import Avoidance, causes, important, penalty

SIZES = {"hidden_size": 16, "inner_size": 16, "max_length": 12}


@pytest.fixture(scope="module")
def data():
    return planted("content", n_users=500, n_items=40, length=12, noise=0.2).data


def test_the_penalty_worked_out_by_hand():
    rows = torch.tensor([[0.5, 0.0, 0.0], [0.2, 0.6, 0.0], [0.1, 0.3, 1.6]])  # after dropout
    weights = torch.stack([rows, rows.flip(0)])[None]  # [1, 2, 3, 3]
    places = torch.tensor([[[-1, -1], [0, -1], [1, 2]]])
    expected = [
        [0, 0],
        [-math.log(1 - 0.2 / 0.8), -math.log(1 - 0.2 / 0.8)],
        [-math.log(1 - 1.9 / 2.0), -math.log(1 - 0.0 / 0.5)],
    ]
    assert penalty(weights, places)[0].tolist() == pytest.approx(np.array(expected), abs=1e-6)
    last = penalty(weights, places[:, 2:], torch.tensor([2]))
    assert last[0, 0].tolist() == pytest.approx(expected[2], abs=1e-6)


def test_a_row_that_gives_all_to_what_is_avoided_still_learns():
    weights = torch.tensor([[[[1.0, 1e-6]]]], requires_grad=True)
    penalty(weights, torch.tensor([[[0]]])).sum().backward()
    assert torch.isfinite(weights.grad).all()
    assert weights.grad[0, 0, 0, 1] < 0  # more to others costs less


def test_places_are_those_of_the_planted_causes(data):
    avoided = Avoidance(causes(data), 1.0)
    prefixes = cases(data, "train", 5)
    mask = cause_mask(data, prefixes, 5)
    places = avoided.places(prefixes, torch.from_numpy(prefixes.targets))[:, 0]  # [B, 2]
    for row, place in zip(mask, places, strict=True):
        assert row.nonzero().flatten().tolist() == sorted(p for p in place.tolist() if p >= 0)
    assert mask.any(1).float().mean() > 0.3
    training = windows(data, 7)
    targets = shifted_targets(data, training, 7)
    places = avoided.places(training, targets)  # [B, L, 2]
    for k in range(0, len(training), 50):
        for j in range(7):
            at = training.starts[k] + j + 1
            cause = data.truth.causes[at] + data.offsets[training.users[k]] - training.starts[k]
            there = targets[k, j] > 0 and data.truth.causes[at] >= 0 and cause >= 0
            assert places[k, j].tolist() == [cause if there else -1, -1]
            assert cause <= j


def test_what_is_important_is_what_the_replacement_changes_most():
    data = data_of([1, 2, 3, 4, 5, 6], [2, 4, 6, 8, 9, 1], [3, 1, 2])
    torch.manual_seed(0)
    plain = build_model("SASRec", data, **SIZES).eval()
    items = important(plain, data, seed=0)
    training = cases(data, "train", 12)
    assert np.flatnonzero(items[:, 0] >= 0).tolist() == training.ends.tolist()
    for k in range(len(training)):
        part = training.take(np.array([k]))
        effects = explain(plain, make_batch(data, part), torch.from_numpy(part.targets))[0]
        assert items[part.ends[0], 0] == part.starts[0] + int(effects.argmax())


def test_a_plain_model_of_other_items_cannot_say_what_is_important():
    known, asked = (data_of([1, 2, 3, 4, 5, 6], [2, 4, 6, 1, 3], n_items=n) for n in (6, 6))
    plain = build_model("SASRec", known, **SIZES).eval()
    plain.item_ids = np.where(known.item_ids == "i6", "another", known.item_ids)
    with pytest.raises(WorkbenchError, match="does not know all items"):
        important(plain, asked, seed=0)


def shares(model, data) -> tuple[float, float]:
    """What the prediction row gives to the cause on average, and Hit@1, on test cases."""
    test = cases(data, "test", 12)
    batch = make_batch(data, test)
    mask = cause_mask(data, test, batch.items.shape[1])
    given = (mean_attention(model, batch) * mask).sum(1)[mask.any(1)]
    return float(given.mean()), evaluate(model, data, "test").metrics["hit@1"]


def test_attention_is_kept_off_the_cause_at_equal_quality(data):
    made = {}
    for avoid in (None, "cause"):
        torch.manual_seed(0)
        sizes = {"hidden_size": 24, "inner_size": 24, "max_length": 12}
        model = build_model("SASRec", data, hidden_dropout=0.1, attention_dropout=0.1, **sizes)
        how = {"epochs": 22, "patience": 22, "batch_size": 128, "learning_rate": 5e-3}
        train(model, data, progress=False, avoid=avoid, **how)
        made[avoid] = shares(model, data)
        assert model.card["training"]["avoid"] == avoid
    (plain, hits), (kept_off, hits_without) = made.values()
    assert plain > 0.3
    assert kept_off < plain / 4
    assert hits > 0.4
    assert hits_without > hits - 0.06


@pytest.mark.parametrize("name", ["SASRec", "AC-SASRec", "AC-SASRec-light", "SSE-PT", "TiSASRec"])
@pytest.mark.parametrize("objective", ["positions", "prefixes"])
def test_every_model_can_be_kept_off(name, objective, data):
    torch.manual_seed(0)
    model = build_model(name, data, hidden_size=8, inner_size=8, max_length=12)
    how = {"objective": objective, "epochs": 1, "batch_size": 1024, "progress": False}
    train(model, data, avoid="cause", avoid_weight=1.0, **how)
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_what_cannot_be_kept_off_is_told(data, tmp_path):
    model = build_model("SASRec", data, **SIZES)
    unknown = data_of([1, 2, 3, 4, 5])
    for how, said, wrong in (
        ({"avoid": "cause"}, "not known; train on planted data", unknown),
        ({"avoid": "important"}, "--avoid-by", data),
        ({"avoid": "nothing"}, "choose from cause, important", data),
    ):
        fitting = model if wrong is data else build_model("SASRec", wrong, **SIZES)
        with pytest.raises(WorkbenchError, match=said):
            train(fitting, wrong, progress=False, epochs=1, **how)
    uniform = build_model("SASRec-uniform", data, **SIZES)
    with pytest.raises(WorkbenchError, match="learns its attention"):
        train(uniform, data, progress=False, epochs=1, avoid="cause")
    masked = build_model("BERT4Rec", data, **SIZES)
    with pytest.raises(WorkbenchError, match="objective prefixes"):
        train(masked, data, progress=False, epochs=1, avoid="cause")
    save_model(model, tmp_path / "plain")
    by = str(tmp_path / "plain")
    train(model, data, progress=False, epochs=1, avoid="important", avoid_by=by)
