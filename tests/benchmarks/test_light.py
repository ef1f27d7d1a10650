"""The pairs that are timed are those `build_model` makes, and a step is a step."""

import pytest
import torch

from benchmarks import light
from benchmarks.training_step import draw
from models import BACKBONES, Batch
from workbench import build_model
from workbench.data import from_interactions


@pytest.mark.parametrize("backbone", BACKBONES)
def test_pairs_are_those_of_the_registry(backbone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    users, items = [0, 0, 1, 1, 2, 2], [1, 2, 3, 4, 5, 1]
    data = from_interactions(users, items, items, name="tiny")
    monkeypatch.setattr(light, "N_ITEMS", data.n_items)
    monkeypatch.setattr(light, "N_USERS", data.n_users)
    found = light.pair(backbone)
    assert list(found) == [backbone, f"AC-{backbone}-light"]
    for name, model in found.items():
        assert model.config == build_model(name, data).config


def test_a_step_teaches_and_inference_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light, "N_ITEMS", 30)
    model = light.pair("TiSASRec")["AC-TiSASRec-light"]
    batch, targets = draw(model.config, 4, full=True)
    run = light.Run(model, Batch(batch.items, batch.lengths, batch.times), targets)
    before = {name: p.clone() for name, p in model.named_parameters()}
    assert run.inference() > 0
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())
    assert run.training() > 0
    spatial = [n for n in before if ".spatial." in n]
    assert spatial
    assert not any(torch.equal(before[n], dict(model.named_parameters())[n]) for n in spatial)
