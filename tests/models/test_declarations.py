"""What a backbone declares of itself is so."""

from dataclasses import fields, replace
from typing import get_args

import pytest
import torch

from models import BACKBONES, SSEPT, Batch, ModelConfig, make_model
from tests.models.variants import build, stamped
from workbench import load_model, save_model
from workbench.training.settings import Objective

HISTORIES = [3, 1, 4, 1, 5], [9, 2, 6], [7]


@pytest.fixture(params=BACKBONES)
def model(request):
    return build("SASRec", backbone=request.param)


def test_options_and_objectives_are_known_ones(model):
    assert BACKBONES[model.name] is type(model)
    assert set(model.options) <= {field.name for field in fields(ModelConfig)}
    assert model.objectives
    assert set(model.objectives) <= set(get_args(Objective))


def test_nobody_learns_from_what_would_show_the_answers(model):
    assert model.causal or "positions" not in model.objectives
    assert ("masking" in model.objectives) == (model.mask_token is not None)


@torch.no_grad()
def test_only_a_backbone_that_needs_times_refuses_a_batch_without_them(model):
    batch = stamped(*HISTORIES)
    timeless = replace(batch, times=None)
    if not model.needs_times:
        assert model.scores(timeless)[:, 1:].isfinite().all()
        return
    later = replace(batch, times=batch.times * torch.arange(1, 6))
    assert not torch.equal(model.scores(batch), model.scores(later))
    with pytest.raises(ValueError, match=f"{model.name} needs the time of every item"):
        model.scores(timeless)


@torch.no_grad()
def test_users_make_a_difference_where_they_are_needed(model):
    batch = stamped(*HISTORIES)
    others = replace(batch, users=batch.users.flip(0))
    if model.needs_users:
        assert not torch.equal(model.scores(batch), model.scores(others))
    assert model.scores(replace(batch, users=None))[:, 1:].isfinite().all()


def test_extra_tokens_have_room(model):
    batch = stamped(*HISTORIES)
    assert model.tokens(batch).items.shape[1] == 5 + model.extra_tokens
    assert model.n_tokens == model.config.max_length + model.extra_tokens
    assert len(model.item_embedding.weight) == 1 + model.config.n_items + model.extra_tokens


def test_a_model_writes_its_backbone_into_its_configuration(tmp_path):
    model = SSEPT(ModelConfig("Mine", 5, hidden_size=8, n_users=3)).eval()
    found = load_model(save_model(model, tmp_path / "mine"))
    assert type(found) is SSEPT
    batch = Batch(torch.tensor([[2, 4]]), torch.tensor([2]), users=torch.tensor([1]))
    assert torch.equal(found.scores(batch), model.scores(batch))


def test_a_backbone_that_is_not_registered_is_named():
    with pytest.raises(
        ValueError, match=r"no backbone 'GRU4Rec' in models\.BACKBONES, which has S"
    ):
        make_model(ModelConfig("GRU4Rec", 5, backbone="GRU4Rec"))
