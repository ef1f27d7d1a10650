"""The contract: what serves a model that only scores, and what says that it does not."""

import numpy as np
import pytest
import torch
from torch import Tensor

from models import Batch
from tests.models.variants import batch_of
from workbench import WorkbenchError, adapt, edit_attention, evaluate, explain, record_attention
from workbench.attention.edits import uniform
from workbench.data import planted
from workbench.explore.inspection import inspect_case
from workbench.explore.survey import survey
from workbench.model import AttentionModel, DifferentiableModel, Model
from workbench.registry import NAMES, build_model

DATA = planted(n_users=30, n_items=20, length=8, n_causes=4).data
BATCH = batch_of([3, 1, 4], [2, 7])


def followers(batch: Batch) -> Tensor:
    """Items score by how often they come, and the one after the last item scores most."""
    counts = torch.zeros(len(batch.items), DATA.n_items + 1)
    counts.scatter_add_(1, batch.items, torch.ones_like(batch.items, dtype=counts.dtype))
    last = batch.items.gather(1, batch.rows[:, None])
    return counts.scatter_add(1, last % DATA.n_items + 1, torch.full(last.shape, 10.0))


def scorer():
    return adapt(followers, n_items=DATA.n_items, max_length=8, name="followers")


def test_a_function_is_evaluated_and_explained_by_taking_items_away():
    model = scorer()
    result = evaluate(model, DATA)
    last, held_out = (DATA.items[DATA.offsets[1:] - k] for k in (2, 1))
    hits = last % DATA.n_items + 1 == held_out
    assert result.metrics["hit@1"] >= hits.mean()
    effects = explain(model, BATCH, torch.tensor([5, 8]), "deletion")
    # without its last item a history loses the ten points of the item after it
    assert effects.tolist() == [[0.0, 0.0, 10.0], [0.0, 10.0, 0.0]]


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: record_attention(model, BATCH),
        lambda model: edit_attention(model, uniform).__enter__(),
        lambda model: inspect_case(model, BATCH.take(torch.tensor([0])), 1),
        lambda model: survey(model, DATA, np.array([0, 1])),
    ],
)
def test_what_needs_attention_says_so(ask):
    with pytest.raises(WorkbenchError, match="followers has no attention that could be read"):
        ask(scorer())


def test_what_needs_gradients_says_so():
    with pytest.raises(WorkbenchError, match="followers gives no item embeddings"):
        explain(scorer(), BATCH, torch.tensor([1, 2]), "saliency")


def test_what_must_be_given_together_is_asked_for():
    with pytest.raises(WorkbenchError, match="embed and score go together"):
        adapt(followers, embed=lambda batch: batch.items, n_items=20, max_length=8)
    with pytest.raises(WorkbenchError, match="give embed and score too"):
        adapt(followers, attention=["softmax"], n_items=20, max_length=8)


@pytest.mark.parametrize("name", NAMES)
def test_every_model_of_the_repository_meets_the_contract(name):
    model = build_model(name, DATA, hidden_size=8, inner_size=8, max_length=8)
    members = {
        member
        for protocol in (Model, DifferentiableModel, AttentionModel)
        for member in (*vars(protocol), *protocol.__annotations__)
        if not member.startswith("_")
    }
    assert {"scores", "card", "embed", "taps"} < members
    assert not [member for member in members if not hasattr(model, member)]
    assert model.needs_times == ("TiSASRec" in name)
    assert model.device.type == "cpu"
