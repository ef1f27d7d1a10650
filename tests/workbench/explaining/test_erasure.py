"""Erasure against histories changed by hand, one by one, through the whole model."""

from dataclasses import replace

import pytest
import torch

from models import Batch
from tests.analyses.handmade import EFFECT, Handmade
from tests.models.variants import batch_of, build
from tests.workbench.explaining.without import scores_without
from workbench import adapt, explain
from workbench.attention.recording import record_attention
from workbench.explaining import erasure
from workbench.explaining.methods import default_erasure

HISTORIES = [3, 1, 4, 1, 5], [9, 2, 6], [7]
TARGETS = torch.tensor([2, 8, 4])
TIMES = torch.tensor([[0, 2, 3, 9, 11], [0, 5, 6, 0, 0], [1, 0, 0, 0, 0]])
# every backbone, plain and calibrated, and SASRec with padding that is attended to
CASES = {
    "SASRec": ("SASRec", {}),
    "AC": ("AC-gate-two-softmax-od", {}),
    "light": ("light-od", {}),
    "BERT4Rec": ("SASRec", {"backbone": "BERT4Rec"}),
    "TiSASRec": ("SASRec", {"backbone": "TiSASRec"}),
    "AC-TiSASRec": ("AC-gate-two-softmax-od", {"backbone": "TiSASRec"}),
    "SSE-PT": ("SASRec", {"backbone": "SSE-PT", "n_users": 3}),
    "padding": ("SASRec", {"left_padding": "zeros"}),
    "from the end": ("SASRec", {"position_from": "end"}),
}


@pytest.fixture(params=CASES)
def model(request):
    variant, options = CASES[request.param]
    return build(variant, **options)


def whole() -> Batch:
    batch = batch_of(*HISTORIES)
    return Batch(batch.items, batch.lengths, TIMES, torch.arange(3))


def single(history, times, user) -> Batch:
    items = torch.tensor([history])
    return Batch(items, torch.tensor([len(history)]), torch.tensor([times]), torch.tensor([user]))


def singles():
    """Every item of every history: row, position, history, times, score's target."""
    for row, (history, target) in enumerate(zip(HISTORIES, TARGETS.tolist(), strict=True)):
        times = TIMES[row, : len(history)].tolist()
        for at in range(len(history)):
            yield row, at, list(history), list(times), target


@torch.no_grad()
def test_each_item_is_really_deleted(model):
    effects = explain(model, whole(), TARGETS, "deletion")
    for row, at, history, times, target in singles():
        if len(history) == 1:
            assert effects[row, at].isnan()
            continue
        complete = model.scores(single(history, times, row))[0, target]
        del history[at], times[at]
        expected = complete - model.scores(single(history, times, row))[0, target]
        assert effects[row, at].item() == pytest.approx(expected.item(), abs=1e-12)
    assert (effects[1, 3:] == 0).all()


@torch.no_grad()
def test_each_item_is_really_replaced_by_the_mean_embedding(model):
    """By a model whose table holds the mean embedding at the place of an item of its own."""
    effects = explain(model, whole(), TARGETS)
    table = model.item_embedding.weight
    mean = table[1 : model.config.n_items + 1].mean(0)
    for row, at, history, times, target in singles():
        batch = single(history, times, row)
        complete = model.scores(batch)[0, target]
        embeddings = table[batch.items].clone()
        embeddings[0, at] = mean
        expected = complete - model.scores(batch, embeddings=embeddings)[0, target]
        assert effects[row, at].item() == pytest.approx(expected.item(), abs=1e-12)


@torch.no_grad()
def test_an_item_that_is_hidden_reaches_nothing_and_moves_nothing(model):
    """Whatever item stands at a hidden place, in whatever company, the scores are the same."""
    batch = whole()
    for place in range(5):
        removed = torch.zeros_like(batch.valid)
        removed[0, place] = True
        scores = scores_without(model, batch, removed, operator="deletion, positions kept")
        other = batch.items.clone()
        other[0, place] = 8
        changed = Batch(other, batch.lengths, batch.times, batch.users)
        again = scores_without(model, changed, removed, operator="deletion, positions kept")
        torch.testing.assert_close(scores, again, rtol=0, atol=1e-12)
        untouched = model.scores(batch)
        torch.testing.assert_close(scores[1:], untouched[1:], rtol=0, atol=1e-12)
        assert (scores[0, 1:] - untouched[0, 1:]).abs().max() > 1e-6


@torch.no_grad()
def test_hiding_the_last_items_is_deleting_them_where_rows_see_nothing_later():
    """Positions counted from the start stay anyway."""
    for variant in ("SASRec", "light-od", "AC-gate-two-softmax-od"):
        model, batch = build(variant), whole()
        removed = torch.zeros_like(batch.valid)
        removed[0, 3:] = removed[1, 2] = True
        hidden, deleted = (
            scores_without(model, batch, removed, operator=operator)
            for operator in ("deletion, positions kept", "deletion")
        )
        torch.testing.assert_close(hidden, deleted, rtol=0, atol=1e-12)


@torch.no_grad()
def test_a_masked_item_has_no_weight_and_others_share_it_in_proportion():
    model, batch = build("SASRec"), whole()
    removed = torch.zeros_like(batch.valid)
    removed[0, 1] = True
    before = record_attention(model, batch, rows="all")["attention"][0]
    with erasure._unattended(model, batch, removed):
        after = record_attention(model, batch, rows="all")["attention"][0]
    assert (after[..., 1] == 0).all()
    # in the first layer queries and keys are as before, so that the shares of others are too
    expected = before[0, :, 4].clone()
    expected[:, 1] = 0
    expected /= expected.sum(-1, keepdim=True)
    torch.testing.assert_close(after[0, :, 4], expected)


def test_effects_known_by_hand():
    """Attention 1/4, 1/4, 2/4 over items 1, 2, 3; without one of them it is shared anew."""
    model = Handmade([1.0, 1.0, 2.0, 1.0, 1.0])
    effects = explain(model, batch_of([1, 2, 3]), torch.tensor([5]), "deletion")
    complete = (EFFECT[1, 5] + EFFECT[2, 5] + 2 * EFFECT[3, 5]) / 4
    without = (
        (EFFECT[2, 5] + 2 * EFFECT[3, 5]) / 3,
        (EFFECT[1, 5] + 2 * EFFECT[3, 5]) / 3,
        (EFFECT[1, 5] + EFFECT[2, 5]) / 2,
    )
    assert effects[0].tolist() == pytest.approx([complete - each for each in without])


def test_times_leave_with_their_items():
    """A model that scores by the sum of the times it is given, and has no embeddings."""

    def clock(batch):
        return (batch.times * batch.valid).sum(1, keepdim=True).double().expand(-1, 6)

    model = adapt(clock, n_items=5, max_length=3, needs_times=True)
    times = torch.tensor([[1, 10, 100], [7, 70, 0]])
    batch = Batch(torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([3, 2]), times)
    assert default_erasure(model) == "deletion"
    effects = explain(model, batch, torch.tensor([1, 1]), "deletion")
    assert effects.tolist() == [[1, 10, 100], [7, 70, 0]]


def test_chunks_change_nothing(model, monkeypatch):
    for operator in erasure.OPERATORS:
        monkeypatch.setattr(erasure, "CHUNK", 512)
        expected = explain(model, whole(), TARGETS, operator)
        monkeypatch.setattr(erasure, "CHUNK", 2)
        found = explain(model, whole(), TARGETS, operator)
        torch.testing.assert_close(found, expected, equal_nan=True, rtol=0, atol=1e-12)


@torch.no_grad()
def test_several_items_at_once_are_one_after_the_other():
    """Deleting positions 1 and 3 is deleting one, and then the one that moved to its place."""
    model, batch = build("SASRec"), whole()
    removed = torch.zeros_like(batch.valid)
    removed[0, [1, 3]] = True
    once = scores_without(model, batch, removed, operator="deletion")
    again = model.scores(single([3, 4, 5], [0, 3, 11], 0))
    torch.testing.assert_close(once[:1], again, rtol=0, atol=1e-12)
    all_of_them = scores_without(model, batch, batch.valid, operator="deletion")
    assert all_of_them.isnan().all()


@torch.no_grad()
def test_an_item_is_replaced_by_what_items_are_in_the_mean_for_its_user_time_and_place():
    """Where a model that was adapted embeds them so; by hand, and in whatever company."""
    torch.manual_seed(0)
    n, items, users = 20, torch.nn.Embedding(21, 4), torch.nn.Embedding(3, 4)
    places = torch.randn(3, 4)

    def embed(batch):
        by_time = (batch.times % 7)[..., None] / 7
        return (
            items(batch.items) * by_time
            + users(batch.users)[:, None]
            + places[: batch.items.shape[1]]
        )

    def score(batch, embedded):
        return (embedded * batch.valid[..., None]).sum(1).tanh() @ items.weight.T

    module = torch.nn.ModuleList([items, users])
    model = adapt(
        module,
        embed=embed,
        score=score,
        n_items=n,
        max_length=3,
        needs_users=True,
        needs_times=True,
    )
    batch = Batch(
        torch.tensor([[1, 2, 3], [4, 5, 0], [2, 7, 9]]),
        torch.tensor([3, 2, 3]),
        torch.tensor([[1, 2, 4], [3, 5, 0], [6, 8, 9]]),
        torch.tensor([0, 1, 2]),
    )
    targets = torch.tensor([7, 8, 9])
    effects = explain(model, batch, targets, "replacement")
    embedded, whole = embed(batch), model.scores(batch)
    for row, length in enumerate(batch.lengths.tolist()):
        for at in range(length):
            every = torch.stack(
                [
                    embed(replace(batch, items=torch.full_like(batch.items, i)))
                    for i in range(1, n + 1)
                ]
            )
            changed = embedded.clone()
            changed[row, at] = every.mean(0)[row, at]
            without = score(batch, changed)[row, targets[row]]
            expected = float(whole[row, targets[row]] - without)
            assert effects[row, at].item() == pytest.approx(expected, abs=1e-5)
    order = torch.tensor([2, 0, 1])
    again = explain(model, batch.take(order), targets[order], "replacement")
    torch.testing.assert_close(again, effects[order], rtol=0, atol=1e-6)
