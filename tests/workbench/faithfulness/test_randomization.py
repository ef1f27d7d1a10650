"""Controls of a model, against its own tensors and a computation of attention by hand."""

import copy
from dataclasses import replace
from itertools import permutations

import pytest
import torch
from scipy.stats import chisquare
from torch import nn
from torch.nn import functional as F

from models import BACKBONES, Batch
from tests.models.variants import build, stamped
from workbench import WorkbenchError, adapt, explain, record_attention
from workbench.attention.base_pass import BasePass
from workbench.explaining.erasure import OPERATORS, scores_without
from workbench.faithfulness.randomization import (
    PERMUTED,
    POINTERS,
    SHUFFLED,
    controls,
    reinitialized,
    shuffled,
)

BATCH = stamped([3, 1, 4, 1, 5], [9, 2, 6], [7])
TARGETS = torch.tensor([8, 8, 8])
SOME = (
    "SASRec",
    "SASRec-uniform",
    "light-od",
    "AC-gate-two-softmax-od",
    "AC-annealing-one-learned-renormalize-od",
)
NAMES = [SHUFFLED, POINTERS, "top layer re-initialised", "top 2 layers re-initialised", PERMUTED]


def state_of(model):
    return copy.deepcopy(dict(model.named_parameters()))


def changed(before, model) -> set[str]:
    return {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("variant", SOME)
def test_shuffled_tensors_hold_what_they_held_and_the_model_is_untouched(backbone, variant):
    model = build(variant, backbone=backbone)
    before, scores = state_of(model), model.scores(BATCH)
    other = shuffled(model, 1)
    assert changed(before, model) == set()
    torch.testing.assert_close(model.scores(BATCH), scores)
    for name, parameter in other.named_parameters():
        torch.testing.assert_close(parameter.flatten().sort()[0], before[name].flatten().sort()[0])
    many = {name for name, p in model.named_parameters() if p.numel() > 5}
    assert many <= changed(before, other)
    assert not any(module.training for module in other.modules())
    assert not other.item_embedding.weight[0].any()
    assert (other.scores(BATCH)[:, 1:] - scores[:, 1:]).abs().max() > 1e-3
    again, third = (shuffled(model, seed).scores(BATCH) for seed in (1, 2))
    assert torch.equal(again, other.scores(BATCH))
    assert not torch.equal(again, third)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("variant", SOME)
def test_queries_and_keys_alone_are_shuffled(backbone, variant):
    model = build(variant, backbone=backbone)
    names = changed(state_of(model), shuffled(model, 1, only="queries and keys"))
    parts = {name.split(".")[-2] for name in names}
    assert parts == {"query", "key"}
    assert any("adversarial" in name for name in names) == model.is_adversarial
    assert {name.split(".")[2] for name in names} == {"0", "1"}  # of both layers


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("variant", SOME)
def test_layers_are_drawn_as_a_new_models_from_the_top(backbone, variant):
    model = build(variant, backbone=backbone)
    before = state_of(model)
    torch.manual_seed(5)
    new = dict(type(model)(model.config).double().named_parameters())
    torch.manual_seed(1)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    for layers, untouched in ((1, "encoder.layers.0"), (2, "no such layer")):
        other = reinitialized(model, layers, 5)
        for name, parameter in other.named_parameters():
            anew = name.startswith("encoder.layers") and not name.startswith(untouched)
            expected = new[name] if anew else before[name]
            assert torch.equal(parameter, expected.to(parameter)), name
    assert changed(before, model) == set()
    assert torch.equal(torch.rand(1), drawn)  # nobody else's chance is touched
    with pytest.raises(WorkbenchError, match="choose from 1 to 2"):
        reinitialized(model, 3, 0)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("variant", SOME)
def test_every_model_has_all_controls_and_is_itself_afterwards(variant, backbone):
    model = build(variant, backbone=backbone)
    before, scores = state_of(model), model.scores(BATCH)
    assert list(controls(model, 0)) == NAMES
    for control in controls(model, 0).values():
        with control() as other:
            weights = record_attention(other, BATCH)["attention"]
            saliency = explain(other, BATCH, TARGETS, "saliency, attention held")
        assert weights.shape == (3, 2, 2, 5)  # items alone
        assert saliency.isfinite().all()
    assert changed(before, model) == set()
    assert torch.equal(model.scores(BATCH), scores)


def test_permuted_attention_is_recorded_and_used_and_holds_the_same_weights():
    model = build("SASRec", n_layers=1)
    before, scores = record_attention(model, BATCH, rows="all")["attention"], model.scores(BATCH)
    with controls(model, 3)[PERMUTED]() as other:
        after = record_attention(other, BATCH, rows="all")["attention"]
        assert not torch.allclose(other.scores(BATCH), scores)
        # by hand: values mixed by the recorded weights
        layer, x = model.encoder.layers[0], model.prepare(BATCH)[0]
        value = layer.value(x).unflatten(-1, (2, -1)).transpose(1, 2)
        mixed = (after[:, 0] @ value).transpose(1, 2).flatten(2)
        hidden = layer.feed_forward(layer.norm(x + layer.dense(mixed)))
        expected = model.score(hidden[torch.arange(3), BATCH.rows])
        torch.testing.assert_close(other.scores(BATCH), expected)
    allowed = model.allowed(BATCH)[:, None]
    assert not after.masked_select(~allowed).any()
    torch.testing.assert_close(after.sort(-1)[0], before.sort(-1)[0])
    assert not torch.equal(after, before)


@pytest.mark.parametrize("users", [None, torch.tensor([4, 2, 9])])
def test_a_history_is_permuted_in_one_way_in_whatever_batch(users):
    model, batch = build("SASRec"), replace(BATCH, users=users)
    alone = [batch.take(torch.tensor([n])) for n in range(3)]
    trimmed = [replace(one, items=one.items[:, : int(one.lengths)]) for one in alone]
    wider = replace(batch, items=F.pad(batch.items, (0, 2)), times=None)
    with controls(model, 3)[PERMUTED]() as other:
        scores = other.scores(batch)
        for each in (alone, trimmed):
            found = torch.cat([other.scores(one) for one in each])
            torch.testing.assert_close(found, scores)
        torch.testing.assert_close(other.scores(wider), scores)
        base = BasePass(other, batch)
        which, nothing = torch.arange(3).repeat(3), torch.zeros(9, 5, dtype=torch.bool)
        for operator in OPERATORS:  # nothing is taken away, and so nothing changes
            for numbers, found in scores_without(base, which, nothing, operator=operator):
                torch.testing.assert_close(found, scores[which[numbers]])


def test_permutations_differ_between_seeds_users_rows_and_heads_and_each_comes_as_often():
    model, n = build("SASRec", n_layers=1), 900
    batch = Batch(BATCH.items[:1, :3].repeat(n, 1), torch.full((n,), 3), users=torch.arange(n))
    plain = record_attention(model, batch, rows="all")["attention"][:, 0]
    drawn = []
    for seed in (0, 1):
        with controls(model, seed)[PERMUTED]() as other:
            drawn.append(record_attention(other, batch, rows="all")["attention"][:, 0])
    assert 0.8 < (drawn[0] != drawn[1])[:, :, 2].any(-1).float().mean() < 0.87  # 5 of 6
    for head in range(2):
        weights = drawn[0][:, head, 2]
        places = (weights[:, :, None] == plain[0, head, 2]).long().argmax(-1).tolist()
        counts = [places.count([*order]) for order in permutations(range(3))]
        assert sum(counts) == n
        assert chisquare(counts).pvalue > 1e-4


class Own(nn.Module):
    """A module that says nothing of its layers; its embeddings are also its outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.Embedding(13, 8, padding_idx=0)
        layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.5, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def scores(self, batch, x):
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        hidden = self.encoder(x, mask=later, src_key_padding_mask=~batch.valid)
        return hidden[torch.arange(len(x)), batch.rows] @ self.items.weight.T


@pytest.fixture
def own():
    torch.manual_seed(0)
    module = Own()
    model = adapt(
        module,
        embed=lambda batch: module.items(batch.items),  # reaches this module, and no copy
        score=module.scores,
        attention=[f"encoder.layers.{n}.self_attn" for n in range(2)],
        n_items=12,
        max_length=8,
    )
    return model, module


@pytest.mark.parametrize("only", ["everything", "queries and keys"])
def test_an_adapted_model_runs_with_the_shuffled_parameters(own, only):
    model, module = own
    before, scores = state_of(module), model.scores(BATCH)
    other = shuffled(model, 1, only=only)
    values = copy.deepcopy(other.values.state_dict())
    recorded = record_attention(other, BATCH)["attention"]
    explained = explain(other, BATCH, TARGETS, "saliency")
    assert torch.equal(model.scores(BATCH), scores)
    assert changed(before, module) == set()
    in_place = {"encoder.layers.0.self_attn.in_proj_weight"}
    assert in_place <= {name for name, p in before.items() if not torch.equal(p, values[name])}
    assert torch.equal(values["items.weight"], before["items.weight"]) == (only != "everything")
    assert not values["items.weight"][0].any()
    module.load_state_dict(values)  # the same, with the module itself changed
    torch.testing.assert_close(other.scores(BATCH), model.scores(BATCH))
    torch.testing.assert_close(recorded, record_attention(model, BATCH)["attention"])
    torch.testing.assert_close(explained, explain(model, BATCH, TARGETS, "saliency"))
    third = before["encoder.layers.0.self_attn.in_proj_weight"][16:]
    kept = torch.equal(third, values["encoder.layers.0.self_attn.in_proj_weight"][16:])
    assert kept == (only != "everything")  # values stay where queries and keys move


def test_a_submodule_of_two_names_is_as_it_was(own):
    """As in models that call one embedding `shared` and `encoder.embed_tokens`."""
    model, module = own
    module.table = module.items
    module.more = nn.ModuleList([module.encoder.layers[0]])
    before, scores = state_of(module), model.scores(BATCH)
    other = shuffled(model, 1)
    moved = other.scores(BATCH)
    assert changed(before, module) == set()
    assert torch.equal(model.scores(BATCH), scores)
    assert not torch.equal(moved, scores)
    assert torch.equal(other.scores(BATCH), moved)


def test_an_adapted_model_has_the_controls_that_it_can_have(own):
    model, _ = own
    assert list(controls(model, 0)) == [SHUFFLED, POINTERS, PERMUTED]
    with pytest.raises(WorkbenchError, match="layers are not known; shuffle its weights"):
        reinitialized(model, 1, 0)
    bare = adapt(lambda batch: torch.ones(len(batch.items), 13), n_items=12, max_length=8)
    assert controls(bare, 0) == {}
    with pytest.raises(WorkbenchError, match="has no parameters to shuffle"):
        shuffled(bare, 0)
