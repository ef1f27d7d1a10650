"""Predictions in a scenario, against weights and scores computed by hand."""

import numpy as np
import pytest
import torch

from tests.analyses.handmade import EFFECT, SALIENCE, Handmade, data_of, rank_by_hand
from workbench import build_model, edit_attention, evaluate
from workbench.attention.edits import remove_largest, uniform
from workbench.data import planted
from workbench.errors import WorkbenchError
from workbench.explore.prediction import divergence, moves, predict
from workbench.explore.scenario import Change, Scenario, apply_all

DATA = data_of([1, 2, 3, 5])
TARGET = 5


def handmade(*changes: Change):
    return predict(Handmade(SALIENCE), apply_all(Scenario.of(DATA, 0), changes))


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ([], {1: 8.0, 2: 4.0, 3: 2.0}),
        ([Change("remove", 1)], {2: 4.0, 3: 2.0}),
        ([Change("replace", 1, 5)], {5: 16.0, 2: 4.0, 3: 2.0}),
        ([Change("insert", 4, 4)], {1: 8.0, 2: 4.0, 3: 2.0, 4: 1.0}),
        ([Change("largest")], {2: 4.0, 3: 2.0}),
        ([Change("largest")] * 2, {3: 2.0}),
        ([Change("largest")] * 9, {3: 2.0}),
        ([Change("mute", 2)], {1: 8.0, 3: 2.0}),
        ([Change("mute", 1), Change("largest")], {3: 2.0}),
        ([Change("mute", n) for n in (1, 2, 3)], {1: 8.0, 2: 4.0, 3: 2.0}),
        ([Change("uniform")], {1: 1.0, 2: 1.0, 3: 1.0}),
        ([Change("mute", 3), Change("uniform")], {1: 1.0, 2: 1.0}),
    ],
)
def test_scores_and_ranks_by_hand(changes, left):
    found = handmade(*changes)
    total = sum(left.values())
    shown = dict(zip(found.items.tolist(), found.weights[0, 0].tolist(), strict=True))
    assert shown == pytest.approx({item: left.get(item, 0) / total for item in shown})
    scores = sum(w / total * EFFECT[item] for item, w in left.items())
    assert found.scores[1:].numpy() == pytest.approx(scores[1:])
    assert found.rank(TARGET) == rank_by_hand(left, TARGET)


def test_what_moved_and_how_far():
    before, after = handmade(), handmade(Change("remove", 1))
    table = moves(before, after, k=2)
    old = (8 * EFFECT[1] + 4 * EFFECT[2] + 2 * EFFECT[3]) / 14
    new = (4 * EFFECT[2] + 2 * EFFECT[3]) / 6
    best = {*np.argsort(-old[1:])[:2] + 1, *np.argsort(-new[1:])[:2] + 1}
    assert set(table["item"]) == best
    assert table["rank_after"].is_monotonic_increasing
    for row in table.itertuples():
        assert row.score_before == pytest.approx(old[row.item])
        assert row.score_after == pytest.approx(new[row.item])
        assert row.rank_after == rank_by_hand({2: 4.0, 3: 2.0}, row.item)
    p, q = (np.exp(s[1:]) / np.exp(s[1:]).sum() for s in (old, new))
    mean = (p + q) / 2
    expected = (p * np.log(p / mean) + q * np.log(q / mean)).sum() / 2
    assert set(moves(before, after, [2], k=1)["item"]) == {before.top(1)[0], after.top(1)[0], 2}
    assert divergence(before, after) == pytest.approx(expected)
    assert divergence(before, before) == 0


def test_a_model_of_layers_and_heads():
    """The same ranks as evaluation gives unedited, and the same scores as editing its attention."""
    data = planted(n_users=4, n_items=40, length=12, n_causes=4).data
    torch.manual_seed(1)
    model = build_model("AC-SASRec", data, hidden_size=8, inner_size=8, max_length=9).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    ranks = evaluate(model, data).ranks
    for user in range(data.n_users):
        scenario = Scenario.of(data, user)
        found = predict(model, scenario)
        assert found.items.tolist() == data.history(user)[-10:-1].tolist()
        assert found.rank(int(data.history(user)[-1])) == ranks[user]
        lone = predict(model, scenario.apply(Change("largest")), layers=[1], heads=[0])
        touched = (lone.weights != found.weights).any(-1)
        assert touched.tolist() == [[False, False], [True, False]]
        assert (lone.weights[1, 0] == 0).nonzero().tolist() == [[found.weights[1, 0].argmax()]]
        both = predict(model, scenario.apply(Change("largest")).apply(Change("uniform")))
        with edit_attention(model, uniform), edit_attention(model, remove_largest):
            # an older item, cut off before, is not seen either
            rest = predict(model, scenario).scores
        assert torch.equal(both.scores, rest)
    with pytest.raises(WorkbenchError, match="AC-SASRec has no layer 2"):
        predict(model, scenario.apply(Change("uniform")), layers=[2])


def test_an_item_is_muted_beside_a_mask_token():
    data = planted(n_users=1, n_items=20, length=8, n_causes=4).data
    torch.manual_seed(0)
    model = build_model("BERT4Rec", data, hidden_size=8, inner_size=8, max_length=10)
    scenario = Scenario.of(data, 0)
    before, after = predict(model, scenario), predict(model, scenario.apply(Change("mute", 3)))
    expected = before.weights.clone()
    expected[:, :, 2] = 0
    # the first layer is given the same; the share of the mask token stays
    expected *= (before.weights.sum(-1) / expected.sum(-1))[..., None]
    torch.testing.assert_close(after.weights[0], expected[0])
    assert (after.weights[:, :, 2] == 0).all()


def test_a_removed_item_lets_an_older_one_in():
    model = Handmade(SALIENCE)
    object.__setattr__(model.config, "max_length", 2)
    scenario = Scenario.of(DATA, 0)
    assert predict(model, scenario).items.tolist() == [2, 3]
    assert predict(model, scenario.apply(Change("remove", 3))).items.tolist() == [1, 2]


def test_items_the_model_does_not_know():
    with pytest.raises(WorkbenchError, match="SASRec knows no item 6; choose from 1 to 5"):
        predict(Handmade(SALIENCE), Scenario.of(DATA, 0).apply(Change("replace", 1, 6)))


def test_what_the_edited_history_holds_is_not_ranked():
    """Also items too old for the model; one that is removed may be recommended again."""
    model, start = Handmade(SALIENCE), Scenario.of(DATA, 0)
    seen = {entry.item for entry in start.entries}
    found = predict(model, start, hide_seen=True)
    assert set(found.top(100)) == set(range(1, model.config.n_items + 1)) - seen
    without = predict(model, start.apply(Change("remove", 1)), hide_seen=True)
    assert without.hidden == seen - {start.entries[0].item}
