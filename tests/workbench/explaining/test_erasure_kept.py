"""Erasure that goes on from a kept pass against whole passes, over all that a model may be."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models import ModelConfig, SASRec
from tests.models.variants import MAX_LENGTH, build, lively, stamped
from tests.workbench.attention.test_base_pass import HISTORIES, NEAR, models
from tests.workbench.explaining.without import scores_without as whole_scores_without
from workbench.attention.base_pass import BasePass
from workbench.explaining.erasure import OPERATORS, effects_of_each, scores_without


@torch.no_grad()
@settings(max_examples=100)
@given(st.data())
def test_scores_are_those_of_whole_passes(data):
    model, batch = data.draw(models()), stamped(*data.draw(HISTORIES))
    operator = data.draw(st.sampled_from(sorted(OPERATORS)))
    which = torch.tensor(data.draw(st.lists(st.integers(0, 1), min_size=1, max_size=4)))
    width = batch.items.shape[1]
    gone = st.lists(st.booleans(), min_size=width, max_size=width)
    removed = torch.tensor([data.draw(gone) for _ in which])
    expected = whole_scores_without(model, batch.take(which), removed, operator)
    for numbers, scores in scores_without(BasePass(model, batch), which, removed, None, operator):
        torch.testing.assert_close(scores, expected[numbers], equal_nan=True, **NEAR)


def test_what_stands_before_an_item_is_not_run_again():
    model = build("SASRec")
    base = BasePass(model, stamped([3, 1, 4, 1, 5], [2, 9, 6, 8, 7]))
    counts: list[int] = []
    handle = model.encoder.layers[0].feed_forward.register_forward_hook(
        lambda _, __, x: counts.append(x.shape[1])
    )
    for operator, rows in (("replacement", 2), ("deletion", 1), ("masking", 2)):
        removed = (torch.arange(5) == 3).expand(2, -1)
        list(scores_without(base, torch.arange(2), removed, None, operator))
        assert counts.pop() == rows
    handle.remove()


def test_keys_that_a_mask_leaves_as_they_are_are_not_projected_again():
    model = build("SASRec")
    base = BasePass(model, stamped([3, 1, 4, 1, 5], [2, 9, 6, 8, 7]))
    projected: list[int] = []
    first, last = (layer.key for layer in model.encoder.layers)
    handles = [
        layer.register_forward_hook(lambda _, __, keys, n=n: projected.append(n))
        for n, layer in enumerate((first, last))
    ]
    removed = (torch.arange(5) == 3).expand(2, -1)
    list(scores_without(base, torch.arange(2), removed, None, "masking"))
    for handle in handles:
        handle.remove()
    assert projected == [1]


def test_what_stands_before_the_first_item_left_is_not_run_for_each():
    model = build("SASRec")
    base = BasePass(model, stamped([3, 1, 4, 1, 5], [2, 9, 6, 8, 7]))
    removed = (torch.arange(5) != 3).expand(2, -1)
    list(scores_without(base, torch.arange(2), removed))  # with every item replaced, kept as well
    counts: list[int] = []
    handle = model.encoder.layers[0].feed_forward.register_forward_hook(
        lambda _, __, x: counts.append(x.shape[1])
    )
    list(scores_without(base, torch.arange(2), removed))
    handle.remove()
    assert counts == [2]


def test_items_of_the_catalogue_that_nobody_asks_for_are_not_scored(monkeypatch):
    model = build("SASRec")
    base = BasePass(model, stamped([3, 1, 4], [2, 9, 6]))
    asked: list[int] = []
    score = type(model).score

    def counted(self, hidden, items=None):
        asked.append(self.config.n_items if items is None else items.shape[1])
        return score(self, hidden, items)

    monkeypatch.setattr(type(model), "score", counted)
    effects_of_each(base, torch.tensor([[1, 2], [3, 4]]))
    assert set(asked) == {2}


class OfItsPlace(SASRec):
    """A class that embeds an item otherwise for another user and place."""

    def embed(self, batch):
        at = torch.arange(batch.items.shape[1]) + batch.users[:, None]
        return super().embed(batch) + self.position_embedding(at % MAX_LENGTH)


class OfTheOneBefore(SASRec):
    """A class in which an item comes in with the one before it."""

    def inputs(self, tokens, x):
        return super().inputs(tokens, x + torch.nn.functional.pad(x, (0, 0, 1, -1)))


@torch.no_grad()
@pytest.mark.parametrize("own", [OfItsPlace, OfTheOneBefore])
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_class_that_embeds_in_its_own_way_is_asked_as_in_whole_passes(own, operator):
    class Whole(own):
        """The same, of which nothing is kept."""

        def scores(self, batch, items=None, embeddings=None):
            return super().scores(batch, items, embeddings)

    config = ModelConfig("Own", 12, hidden_size=8, inner_size=8, max_length=MAX_LENGTH)
    model = lively(own(config))
    whole = Whole(config).double().eval()
    whole.load_state_dict(model.state_dict())
    batch, targets = stamped([3, 1, 4, 1, 5], [2, 9, 6]), torch.tensor([[1], [2]])
    bases = BasePass(model, batch), BasePass(whole, batch)
    assert [base.kept is None for base in bases] == [False, True]
    found, expected = (effects_of_each(base, targets, operator) for base in bases)
    torch.testing.assert_close(found, expected, equal_nan=True, **NEAR)
