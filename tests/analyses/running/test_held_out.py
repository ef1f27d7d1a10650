"""The test cases of planted data bring what caused each held-out item."""

from dataclasses import replace

import numpy as np
import torch

from analyses.running.held_out import held_out_batches, recommended, sampled, seen_items
from analyses.running.store import piece_key
from tests.workbench.null_data import permute_sequences
from tests.workbench.tiny import data_of
from workbench import build_model, planted, recommend
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


def test_of_equal_scores_the_first_item_is_recommended():
    scores = torch.full((2, 41), 2.0)
    scores[:, 0] = -torch.inf
    assert recommended(scores, torch.tensor([[0, 0], [1, 2]])).tolist() == [1, 3]


def test_what_is_recommended_is_what_recommend_does():
    """To who has had something long before what the model reads, too, and everything."""
    histories = [[1, 2, 3, 4, 5, 6], [6, 5, 4, 3], [2], [3, 1, 3, 6, 3, 1, 2, 5]]
    held_out = data_of(*([*history, 4] for history in histories), n_items=7)
    torch.manual_seed(3)
    model = build_model("SASRec", held_out, hidden_size=8, inner_size=8, max_length=3)
    first = recommend(model, data_of(*histories, n_items=7), k=1)
    found = {}
    with torch.no_grad():
        for cases in held_out_batches(model, held_out, np.arange(4), batch_size=3):
            scores = model.scores(cases.batch)
            seen = seen_items(held_out, cases.users)
            best = recommended(scores, seen)
            found |= dict(zip(cases.users.tolist(), best.tolist(), strict=True))
            every = torch.arange(8).expand(len(best), 8)
            assert (recommended(scores, every) == scores.argmax(1)).all()
    assert [f"i{found[user]}" for user in range(4)] == first["item"].tolist()


def test_where_everybody_was_measured_no_draw_is_claimed():
    assert sampled(120) == (
        "120 users, at most 128 of those measured together, drawn at random where these are more"
    )
