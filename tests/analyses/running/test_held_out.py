"""The test cases of planted data bring what caused each held-out item."""

from dataclasses import replace

import numpy as np
import torch

from analyses.running.held_out import held_out_batches
from analyses.running.store import piece_key
from workbench import build_model, planted
from workbench.data import permute_sequences
from workbench.data.truth import Truth
from workbench.statistics import cause_scores

MADE = planted("content", n_users=30, n_items=20, n_causes=4, length=12, noise=0.2)


def test_the_cause_is_the_last_item_that_is_one():
    model = build_model("SASRec", MADE.data, hidden_size=8, inner_size=8, max_length=10)
    seen = 0
    for cases in held_out_batches(model, MADE.data, np.arange(30), batch_size=8):
        known = cases.causes.any(1)
        items = cases.batch.items
        place = torch.arange(items.shape[1]) * ((items > 0) & (items <= 4))
        scores = cause_scores(place, cases.batch.valid, cases.causes)
        assert (scores.top1[known] == 1).all()
        assert scores.top1[~known].isnan().all()
        effect = MADE.effects[items.gather(1, place.argmax(1)[:, None])[:, 0]]
        assert (torch.from_numpy(effect)[known] == cases.targets[known]).all()
        seen += int(known.sum())
    assert 5 < seen < 30


def test_other_data_bring_none():
    model = build_model("SASRec", MADE.data, hidden_size=8, inner_size=8)
    (cases,) = held_out_batches(model, permute_sequences(MADE.data), np.arange(30))
    assert cases.causes is None


def test_what_was_measured_without_the_truth_is_another_piece():
    def key(data):
        return piece_key("a", {}, data, np.arange(3), 0, "code")

    data = MADE.data
    copied = Truth(data.truth.causes.copy(), data.truth.second_causes.copy())
    assert key(data) == key(replace(data, truth=copied)) != key(replace(data, truth=None))
