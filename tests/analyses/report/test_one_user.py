import numpy as np
import pytest
import torch

from analyses.report.exports import _example
from analyses.report.one_user import Item, OneUser, one_user, usual_user
from tests.workbench.tiny import data_of
from workbench import build_model
from workbench.data.batches import held_out_batch


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
    batch, _ = held_out_batch(data, [0], 10)
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


def user_of(weights, effects):
    items = (
        Item(n, f"i{n}", *each) for n, each in enumerate(zip(weights, effects, strict=True), 1)
    )
    return OneUser("m", "u", "attention", "replacement", "next", tuple(items))


def places(items):
    return [item.place for item in items]


def test_both_sides_have_at_most_half_of_a_short_history():
    four = user_of([10.0, 20, 30, 40], [0.4, -0.1, 0.3, 0.2])
    assert (places(four.attended), places(four.moving)) == ([4, 3], [1, 3])
    assert four.told == (
        "Of the 2 items with most attention and the 2 without which the score falls most, "
        "1 is the same."
    )
    many = user_of(range(20), range(20))
    assert places(many.attended) == places(many.moving) == [20, 19, 18, 17, 16]
    assert many.told.startswith("Of the 5 items with most attention and the 5 without")


def test_only_items_without_which_the_score_falls_are_listed():
    assert places(user_of([10.0, 20, 30, 40], [-0.4, -0.1, 0.3, -0.2]).moving) == [3]
    none = user_of([10.0, 20, 30, 40], [-0.4, -0.1, 0.0, -0.2])
    assert none.moving == []
    assert none.told == "The score falls without no item."


def test_equal_weights_are_not_ranked():
    uniform = user_of([25.0, 25 + 1e-6, 25, 25 - 1e-6], [0.4, 0.1, 0.3, 0.2])
    assert uniform.attended == []
    assert uniform.told == "Attention gives all items the same weight, so that it names none."
    (table,) = [text for text in _example(uniform) if text.startswith("|")]
    assert [line.split(" | ")[0].strip("| ") for line in table.splitlines()[2:]] == [
        "no item more than another",
        "",
    ]


def test_who_has_had_every_item_is_recommended_nothing():
    data = data_of([*range(1, 13), 1], [2, 3, 1])
    model = build_model("SASRec", data, hidden_size=8, max_length=10).eval()
    assert one_user(model, "mine", data, 0, "attention") is None
