"""A user's own module, as the documentation shows it, through everything that studies a model."""

import copy
import re
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analyses.diagnostic import discover
from analyses.running.measuring import measure_in_memory
from models import Batch
from tests.models.variants import batch_of
from workbench import (
    WorkbenchError,
    WorkbenchWarning,
    adapt,
    edit_attention,
    evaluate,
    explain,
    record_attention,
)
from workbench.attention.edits import uniform
from workbench.attention.open_attention import OpenMultiheadAttention
from workbench.data import from_interactions, planted
from workbench.explaining.gradients import above_zero
from workbench.metrics import best_items
from workbench.model import weights_hash

DOCS = Path(__file__).parents[3] / "docs" / "checkpoints.md"
BATCH = batch_of([3, 1, 4, 1, 5], [9, 2, 6], [7])


@pytest.fixture
def documented():
    """The names of the code blocks of the documentation, which are run as they stand."""
    names: dict = {}
    torch.manual_seed(0)
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(blocks) == 3
    for code in blocks:
        assert sum(bool(line.strip()) for line in code.splitlines()) < 25
        exec(code, names)
    return names


def test_the_documented_attention_of_ones_own_is_read_and_explained(documented):
    model = documented["own_model"]
    weights = record_attention(model, BATCH)["attention"]
    assert weights.shape == (3, 1, 1, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 1, 1))
    later = torch.arange(5)[None] >= BATCH.lengths[:, None]
    assert not weights[:, 0, 0][later].any()
    targets = torch.tensor([8, 8, 8])
    assert explain(model, BATCH, targets, "saliency")[0].all()


def test_the_documented_function_is_a_model_without_attention(documented):
    model, data = documented["markov"], planted().data
    wanted = documented["follows"][[5, 6, 7], 1:]
    torch.testing.assert_close(model.scores(BATCH)[:, 1:], wanted)
    assert 0 <= evaluate(model, data).metrics["hit@10"] <= 1
    with pytest.raises(WorkbenchError, match="Markov has no attention"):
        record_attention(model, BATCH)


def test_the_documented_module_scores_as_it_does_untouched(documented):
    torch.manual_seed(0)
    untouched = documented["Mine"](n_items=200).eval()
    untouched.load_state_dict(documented["mine"].state_dict())  # the names are as they were
    x = untouched.items(BATCH.items)
    with torch.no_grad():  # the untouched one takes PyTorch's fused path here
        wanted = untouched.scores(x, BATCH.valid, BATCH.rows)
        found = documented["model"].scores(BATCH)
    torch.testing.assert_close(found[:, 1:], wanted[:, 1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", [{}, {"kdim": 6, "vdim": 10}])
def test_open_attention_is_pytorchs(batch_first, bias, sizes):
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(8, 2, bias=bias, batch_first=batch_first, **sizes).double()
    ours = OpenMultiheadAttention(copy.deepcopy(theirs))
    shapes = (5, 8), (5, sizes.get("kdim", 8)), (5, sizes.get("vdim", 8))
    inputs = [torch.randn(3, *shape).double() for shape in shapes]
    if not batch_first:
        inputs = [x.transpose(0, 1) for x in inputs]
    later = torch.ones(5, 5, dtype=torch.bool).triu(1)
    padded = torch.tensor([[0, 0, 0, 0, 0], [0, 0, 0, 1, 1], [0, 1, 1, 1, 1]]).bool()
    for options in (
        {},
        {"attn_mask": later, "key_padding_mask": padded, "average_attn_weights": False},
        {"attn_mask": torch.randn(6, 5, 5).double()},
    ):
        for one, other in zip(theirs(*inputs, **options), ours(*inputs, **options), strict=True):
            torch.testing.assert_close(one, other)


def test_weights_are_recorded_edited_and_attributed(documented):
    model = documented["model"]
    assert (model.config.n_layers, model.config.n_heads) == (2, 2)
    weights = record_attention(model, BATCH)["attention"]
    assert weights.shape == (3, 2, 2, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, 2))
    assert not weights.masked_select(~BATCH.valid[:, None, None]).any()
    before = model.scores(BATCH)
    with edit_attention(model, uniform):
        after = model.scores(BATCH)
        flat = record_attention(model, BATCH)["attention"][0]
    torch.testing.assert_close(flat, torch.full_like(flat, 1 / 5))
    assert (before[0, 1:] - after[0, 1:]).abs().max() > 1e-4
    torch.testing.assert_close(before[2, 1:], after[2, 1:])  # a single key keeps its weight
    assert torch.equal(model.scores(BATCH), before)
    targets = torch.tensor([8, 8, 8])
    integrated = explain(model, BATCH, targets, "integrated gradients").sum(-1)
    assert (integrated - above_zero(model, BATCH, targets)).abs().max() < 0.05
    assert explain(model, BATCH, targets, "saliency, attention held")[0].all()


def test_every_diagnostic_takes_it(documented):
    data = planted().data
    model = documented["model"]
    users = np.arange(12)
    assert 0 <= evaluate(model, data).metrics["hit@10"] <= 1
    found = discover()
    assert len(found) >= 4
    for name, diagnostic in found.items():
        results = measure_in_memory(diagnostic, {"Mine": model}, data, users)
        assert set(results.frame["user"]) == set(users)
        assert diagnostic.findings(results)
        assert diagnostic.tables(results)
        assert diagnostic.summaries(results) or name in ("attention_worth", "seeds")  # of several


class Softmaxed(nn.Module):
    """Attention whose weights pass a dropout, as in most code."""

    def __init__(self, mask: bool = True) -> None:
        super().__init__()
        self.items = nn.Embedding(13, 8)
        self.dropout, self.norm, self.mask = nn.Dropout(0.5), nn.LayerNorm(8), mask

    def scores(self, batch: Batch, x):
        scores = (x @ x.transpose(1, 2))[:, None]
        if self.mask:
            causal = torch.ones(x.shape[1], x.shape[1]).tril().bool()
            scores = scores.masked_fill(~(causal & batch.valid[:, None])[:, None], -1e9)
        hidden = self.norm((self.dropout(scores.softmax(-1)) @ x[:, None])[:, 0])
        return hidden[torch.arange(len(x)), batch.rows] @ self.items.weight.T


def taken(module, attention=("dropout",), n_items=12, max_length=8, causal=True):
    return adapt(
        module,
        embed=lambda batch: module.items(batch.items),
        score=module.scores,
        attention=attention,
        n_items=n_items,
        max_length=max_length,
        causal=causal,
    )


def test_weights_that_pass_a_dropout():
    model = taken(Softmaxed())
    assert model.config.n_heads == 1
    torch.testing.assert_close(
        record_attention(model, BATCH)["attention"].sum(-1), torch.ones(3, 1, 1)
    )
    assert list(model.module.state_dict()) == list(Softmaxed().state_dict())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"attention": ("softmax",)}, "Softmaxed has no submodule 'softmax'; it has items"),
        ({"attention": ("norm",)}, "norm is not where attention weights"),
        ({"n_items": 11}, r"score gives \[2, 13\] for two histories, where \[2, 12\]"),
        ({"module": Softmaxed(mask=False)}, "what passes dropout are no attention weights"),
        ({"attention": ("dropout", "dropout")}, "names a submodule twice; name one a layer"),
        ({"attention": "dropout"}, r"attention='dropout' is a word, where a list .* \['dropout'\]"),
        ({"max_length": 0}, "max_length=0; give a whole number, 1 or more"),
        ({"max_length": "50"}, "max_length='50'; give a whole number"),
        ({"n_items": 1.5}, "n_items=1.5; give a whole number"),
        ({"causal": "no"}, "causal='no' is neither True nor False"),
    ],
)
def test_what_is_not_as_promised_is_told(arguments, told):
    with pytest.raises(WorkbenchError, match=told):
        taken(**{"module": Softmaxed(), **arguments})


class Gated(Softmaxed):
    """Its weights pass the dropout, and are then changed."""

    def __init__(self, change) -> None:
        super().__init__()
        self.after, self.change = nn.Identity(), change

    def scores(self, batch: Batch, x):
        scores = (x @ x.transpose(1, 2))[:, None]
        causal = torch.ones(x.shape[1], x.shape[1]).tril().bool()
        allowed = (causal & batch.valid[:, None])[:, None]
        weights = self.dropout(scores.masked_fill(~allowed, -1e9).softmax(-1))
        weights = self.after(self.change(weights, scores, batch))
        mixed = torch.einsum("bhij,bjd->bid", weights, x)
        return mixed[torch.arange(len(x)), batch.rows] @ self.items.weight.T


def gate(weights, scores, batch):
    return weights * scores.sigmoid()


def divided_gate(weights, scores, batch):
    gated = gate(weights, scores, batch)
    return gated / gated.sum(-1, keepdim=True)


def in_place(weights, scores, batch):
    return weights.clone().mul_(scores.sigmoid())


@pytest.mark.parametrize("change", [gate, divided_gate, in_place])
def test_weights_that_are_changed_behind_the_named_module_are_told(change):
    torch.manual_seed(0)
    with pytest.warns(WorkbenchWarning, match="what passes dropout is changed before it meets"):
        taken(Gated(change))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "change",
    [
        lambda weights, scores, batch: weights.transpose(2, 3).contiguous().transpose(2, 3),
        lambda weights, scores, batch: weights * batch.valid[:, None, :, None],  # rows of padding
        lambda weights, scores, batch: weights.bfloat16().float(),
        lambda weights, scores, batch: (
            weights + 0 * torch.sparse.mm(torch.eye(3).to_sparse(), torch.eye(3)).sum()
        ),
    ],
)
def test_weights_that_act_as_they_pass_are_not_warned_of(change):
    taken(Gated(change))


def test_the_remedies_for_gated_weights_work():
    torch.manual_seed(0)
    with pytest.raises(WorkbenchError, match=r"after are no attention .* or the dropout after it"):
        taken(Gated(gate), attention=("after",))
    model = taken(Gated(divided_gate), attention=("after",))
    sums = record_attention(model, BATCH)["attention"].sum(-1)
    torch.testing.assert_close(sums, torch.ones(3, 1, 1))
    with pytest.raises(WorkbenchError, match="causal=False where rows may see later items"):
        taken(Padless())
    taken(Padless(), causal=False)


class Padless(Softmaxed):
    """Rows see every item, later ones too."""

    def scores(self, batch: Batch, x):
        scores = (x @ x.transpose(1, 2))[:, None].masked_fill(~batch.valid[:, None, None], -1e9)
        hidden = self.norm((self.dropout(scores.softmax(-1)) @ x[:, None])[:, 0])
        return hidden[torch.arange(len(x)), batch.rows] @ self.items.weight.T


class ForShow(Softmaxed):
    """Its dropout passes weights that nothing is made of."""

    def scores(self, batch: Batch, x):
        super().scores(batch, x)
        return x[torch.arange(len(x)), batch.rows] @ self.items.weight.T


def test_weights_of_which_nothing_is_made_are_told():
    with pytest.raises(WorkbenchError, match="no score depends on what passes dropout"):
        taken(ForShow())


@pytest.mark.parametrize("attention", [(), ("dropout",)])
@pytest.mark.parametrize("lost", [Tensor.detach, lambda x: torch.ones_like(x)])
def test_scores_that_are_not_made_of_the_embeddings_are_told(lost, attention):
    module = Softmaxed()
    module.scores = lambda batch, x: Softmaxed.scores(module, batch, lost(x))
    with pytest.raises(WorkbenchError, match="score does not depend on the embeddings"):
        taken(module, attention=attention)


def test_what_is_changed_in_place_is_told_or_harmless():
    """The items of a batch are everybody's; embeddings are handed out as a copy."""
    module = Softmaxed()

    def embed(batch):
        items = batch.items
        items[items == 0] = 12
        return module.items(items)

    def score(batch, x):
        x *= 3
        return module.scores(batch, x)

    options = {"attention": ["dropout"], "n_items": 12, "max_length": 8}
    with pytest.raises(WorkbenchError, match=r"batch\.items is changed in place"):
        adapt(module, embed=embed, score=score, **options)
    model = adapt(module, embed=lambda batch: module.items(batch.items), score=score, **options)
    given = model.embed(BATCH).detach()
    before = given.clone()
    targets = torch.tensor([8, 8, 8])
    assert torch.equal(model.scores(BATCH, embeddings=given), model.scores(BATCH))
    assert torch.equal(given, before)
    assert explain(model, BATCH, targets, "saliency")[0].any()


def test_an_adapted_model_is_not_copied():
    """Its functions would still reach the first module."""
    with pytest.raises(WorkbenchError, match="copy that module, and adapt the copy"):
        copy.deepcopy(taken(Softmaxed()))


class TwoLayers(Softmaxed):
    """The mean of what came before, in two heads that are alike, and then one head more."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Dropout(0.5)

    def scores(self, batch: Batch, x):
        causal = torch.ones(x.shape[1], x.shape[1]).tril()
        weights = self.first((causal / causal.sum(-1, keepdim=True)).expand(len(x), 2, -1, -1))
        return super().scores(batch, x + (weights @ x[:, None]).mean(1))


def test_layers_of_different_numbers_of_heads_are_told():
    with pytest.raises(WorkbenchError, match="first passes 2 heads, and dropout 1; layers of"):
        taken(TwoLayers(), attention=("first", "dropout"))


def test_a_module_without_attention_has_gradients():
    model = taken(Softmaxed(), attention=())
    assert model.stages == ()
    targets = torch.tensor([8, 8, 8])
    with torch.no_grad():
        scores = model.scores(BATCH, targets[:, None])
    torch.testing.assert_close(scores, model.scores(BATCH)[:, 8:9])
    assert explain(model, BATCH, targets, "saliency")[0].all()
    with pytest.raises(WorkbenchError, match="Adapted has no attention"):
        record_attention(model, BATCH)


class Padded(nn.Module):
    """Masked attention of two layers, told by how it is made to predict."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.items, self.places = way, nn.Embedding(13, 8), nn.Embedding(8, 8)
        self.first, self.second = (nn.MultiheadAttention(8, 2, batch_first=True) for _ in range(2))

    def scores(self, batch: Batch, x):
        n = x.shape[1]
        at = torch.arange(n).expand(len(x), n)
        moved = at - (n - batch.lengths)[:, None] if self.way == "left" else at
        x = x.gather(1, moved.clamp(min=0)[..., None].expand_as(x))
        real = (moved >= 0) & (moved < batch.lengths[:, None])
        place = at + n - batch.lengths[:, None] if self.way == "from the width" else at
        x = x + self.places(n - 1 - at if self.way == "left" else place.clamp(max=n - 1))
        seen = torch.ones(n, n, dtype=torch.bool).tril() & real[:, None] | torch.eye(n).bool()
        for layer in (self.first, self.second):
            x = x + layer(x, x, x, attn_mask=~seen.repeat_interleave(2, 0))[0]
        if self.way == "mean":
            hidden = (x * real[..., None]).sum(1) / batch.lengths[:, None]
        else:
            last = {"left": -1, "last column": -1}.get(self.way, batch.rows)
            hidden = x[torch.arange(len(x)), last]
        return hidden @ self.items.weight.T


@pytest.mark.parametrize(
    ("way", "attention", "told"),
    [
        ("left", ("first", "second"), "second passes weights of other rows than the last item's"),
        ("mean", ("first", "second"), "second passes weights of other rows than the last item's"),
        ("right", ("first",), "first passes weights of other rows .* Name all layers"),
        ("right", ("second", "first"), "first passes weights of other rows .* from the input up"),
        ("last column", ("first", "second"), "other scores once padding follows it"),
        ("last column", (), "other scores once padding follows it"),
        ("from the width", (), "other scores once padding follows it"),
    ],
)
def test_a_prediction_that_is_not_made_at_the_last_item_is_told(way, attention, told):
    torch.manual_seed(0)
    unnamed = pytest.warns(WorkbenchWarning, match="leaves out (first|second), so that")
    warned = unnamed if len(attention) == 1 else nullcontext()
    with warned, pytest.raises(WorkbenchError, match=told):
        taken(Padded(way), attention=attention)


class Hiding(Padded):
    """What was seen is masked by a huge number, as where it must not be recommended."""

    def scores(self, batch: Batch, x):
        return super().scores(batch, x).scatter(1, batch.items, -6e4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", [Padded, Hiding])
def test_neither_half_precision_nor_a_mask_hides_a_wrong_prediction(kind, dtype):
    for way, told in {"mean": "other rows", "last column": "once padding follows"}.items():
        torch.manual_seed(0)
        with pytest.raises(WorkbenchError, match=told):
            taken(kind(way).to(dtype), attention=("first", "second"))
    model = taken(kind("right").to(dtype), attention=("first", "second"))
    assert model.scores(BATCH).dtype == (dtype if dtype == torch.float64 else torch.float32)
    weights_hash(model)
    assert best_items(model.scores(BATCH)).shape == (3,)


def test_a_prediction_at_the_last_item_is_taken():
    model = taken(Padded("right"), attention=("first", "second"))
    alone = batch_of([9, 2, 6])
    torch.testing.assert_close(model.scores(BATCH)[1:2], model.scores(alone))
    assert (model.config.n_layers, model.config.n_heads) == (2, 2)
    one = adapt(lambda batch: torch.ones(len(batch.items), 13), n_items=12, max_length=1)
    assert one.scores(batch_of([3], [4])).shape == (2, 13)


def test_a_module_that_padded_on_the_left_scores_the_same_padded_on_the_right(documented):
    """With the positions that docs/checkpoints.md names."""
    torch.manual_seed(0)
    mine, length = documented["Mine"](n_items=12).eval(), 50

    def score(batch, x):
        at = (49 - batch.rows[:, None] + torch.arange(x.shape[1])).clamp(max=49)
        moved = x + mine.places(at) - mine.places.weight[: x.shape[1]]  # which Mine adds
        return mine.scores(moved, batch.valid, batch.rows)

    model = adapt(
        mine,
        embed=lambda batch: mine.items(batch.items),
        score=score,
        attention=[f"encoder.layers.{n}.self_attn" for n in range(2)],
        n_items=12,
        max_length=length,
    )
    found = model.scores(BATCH)
    for row, n in enumerate(BATCH.lengths.tolist()):
        left = torch.zeros(1, length, dtype=torch.long)
        left[0, length - n :] = BATCH.items[row, :n]
        seen = torch.ones(length, length, dtype=torch.bool).tril() & (left > 0)
        mask = ~(seen | torch.eye(length).bool())
        x = mine.items(left) + mine.places.weight
        wanted = mine.encoder(x, mask=mask)[0, -1] @ mine.items.weight.T
        torch.testing.assert_close(found[row, 1:], wanted[1:], rtol=1e-4, atol=1e-5)


def test_more_items_than_it_has_positions_for_are_told():
    taken(Padded("right"), attention=("first", "second"), max_length=8)
    with pytest.raises(WorkbenchError, match="fails on a history of max_length=9 items"):
        taken(Padded("right"), attention=("first", "second"), max_length=9)


def test_a_function_that_takes_padding_for_the_last_item_is_told():
    follows = torch.rand(13, 13, generator=torch.Generator().manual_seed(0))
    with pytest.raises(WorkbenchError, match=r"Take the last item at batch\.rows"):
        adapt(lambda batch: follows[batch.items[:, -1]], n_items=12, max_length=8)


class Shared(Softmaxed):
    """Two layers whose weights pass one dropout."""

    def scores(self, batch: Batch, x):
        causal = torch.ones(x.shape[1], x.shape[1]).tril()
        weights = self.dropout((causal / causal.sum(-1, keepdim=True)).expand(len(x), 1, -1, -1))
        return super().scores(batch, x + weights[:, 0] @ x)


class Masked(Softmaxed):
    """A mask token after the history, at which the prediction is made."""

    def scores(self, batch: Batch, x):
        x = torch.cat([x, self.items.weight[:1].expand(len(x), 1, -1)], 1)
        weights = self.dropout((x @ x.transpose(1, 2))[:, None].softmax(-1))
        return (weights[:, 0] @ x)[:, -1] @ self.items.weight.T


@pytest.mark.parametrize(
    ("module", "attention", "told"),
    [
        (Shared, ("dropout",), "dropout is called 2 times in a pass"),
        (Shared, ("dropout", "dropout"), "names a submodule twice; name one a layer"),
        (Masked, ("dropout",), r"up to 3 items, what passes is \[2, 1, 4, 4\]"),
    ],
)
def test_weights_that_are_no_layers_are_told(module, attention, told):
    with pytest.raises(WorkbenchError, match=told):
        taken(module(), attention=attention)


def test_scores_that_are_no_numbers_are_told():
    for score, told in ((torch.nan, "score gives NaN"), (1, "score gives torch.int64")):
        scores = torch.full((1, 13), score)
        with pytest.raises(WorkbenchError, match=told):
            adapt(lambda batch, row=scores: row.expand(2, -1), n_items=12, max_length=8)


def test_attention_to_what_is_no_item_is_told():
    with pytest.raises(WorkbenchError, match="add_zero_attn"):
        OpenMultiheadAttention(nn.MultiheadAttention(8, 2, add_zero_attn=True))


class Halved(nn.MultiheadAttention):
    """Attention of another formula."""

    def forward(self, *args, **named):
        mixed, weights = super().forward(*args, **named)
        return mixed / 2, weights


def test_attention_that_extends_pytorchs_is_not_exchanged_for_it():
    module = Padded("right")
    module.second = Halved(8, 2, batch_first=True)
    with pytest.raises(WorkbenchError, match="second is a Halved, which computes otherwise"):
        taken(module, attention=("first", "second"))
    module.second = type("Named", (nn.MultiheadAttention,), {})(8, 2, batch_first=True)
    assert taken(module, attention=("first", "second")).config.n_layers == 2


def test_what_tells_models_apart_is_a_word():
    with pytest.raises(WorkbenchError, match=r"family is \['a'\], where a word is expected"):
        adapt(lambda batch: None, n_items=9, max_length=5, family=["a"])


def test_what_is_no_scorer_is_told():
    with pytest.raises(WorkbenchError, match="the scorer is None; give a module, or a function"):
        adapt(None, n_items=9, max_length=5)
    with pytest.raises(WorkbenchError, match="score gives a ndarray; give a tensor"):
        adapt(lambda batch: np.zeros((len(batch.items), 10)), n_items=9, max_length=5)


def test_ids_that_two_items_share_are_told():
    model = adapt(lambda batch: torch.ones(len(batch.items), 4), n_items=3, max_length=5)
    model.item_ids = np.array(["[pad]", "a", "b", "a"], dtype=object)
    data = from_interactions([*"uuuvvv"], [*"abcabc"], range(6))
    with pytest.raises(WorkbenchError, match="Adapted has the item 'a' twice"):
        evaluate(model, data)
