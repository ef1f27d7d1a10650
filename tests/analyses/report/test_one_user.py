import numpy as np
import pytest
import torch

from analyses.report.one_user import one_user, usual_user
from tests.workbench.tiny import data_of
from workbench import build_model
from workbench.data.batches import held_out


def test_the_user_is_the_one_of_the_middle_length():
    data = data_of([1] * 9, [1] * 3, [1] * 5, [1] * 20, [1] * 2)
    users = np.arange(5)
    # histories of 8, 2, 4, 19 and 1 items: too short are two
    assert usual_user(data, users) == 0
    assert usual_user(data, np.array([1, 4])) is None
    assert usual_user(data, np.array([3, 2])) == 3


def test_attention_and_effect_are_those_of_the_item_ranked_first():
    data = data_of([1, 2, 3, 4, 5, 6], [2, 3, 4, 5])
    torch.manual_seed(3)
    model = build_model("SASRec", data, hidden_size=8, max_length=10).double().eval()
    seen = one_user(model, "mine", data, 0, "attention layer 1")
    batch, _ = held_out(data, [0], 10)
    with torch.no_grad():
        scores = model.scores(batch)[0]
        new = sorted(set(range(1, data.n_items + 1)) - set(data.history(0)[:-1].tolist()))
        top = max(new, key=lambda item: float(scores[item]))
        table = model.item_embedding.weight
        table[2] = table[1 : data.n_items + 1].mean(0)
        without = model.scores(batch)[0]
    expected = float(scores[top] - without[top])
    assert seen.items[1].effect == pytest.approx(expected, rel=1e-6, abs=0)
    assert [item.place for item in seen.items] == [1, 2, 3, 4, 5]
    assert sum(item.attention for item in seen.items) == pytest.approx(100)
    assert seen.recommended == data.title(top)
    attention = [item.attention for item in seen.attended]
    assert attention == sorted(attention, reverse=True)
    assert seen.shared == len({i.place for i in seen.attended} & {i.place for i in seen.moving})


def test_who_has_had_every_item_is_recommended_nothing():
    data = data_of([*range(1, 13), 1], [2, 3, 1])
    model = build_model("SASRec", data, hidden_size=8, max_length=10).eval()
    assert one_user(model, "mine", data, 0, "attention") is None
