"""RePlay's SASRec, of now and of before; items from 0, padding last."""

import pytest
import torch
from torch.nn import functional as F

from tests.models.variants import batch_of
from tests.workbench.importing import padded
from workbench import import_checkpoint
from workbench.data.sequences import from_interactions
from workbench.errors import WorkbenchError
from workbench.importing import recognize
from workbench.importing.numbering import item_rows

N_ITEMS, SIZE, LENGTH, HEADS, LAYERS = 20, 8, 6, 2, 2
HISTORIES = [[7], [3, 0, 4], [9, 2, 6, 5, 3, 5]]
NOW = {
    "items": "model.body.embedder.feature_embedders.item_id.emb",
    "positions": "model.body.embedding_aggregator.pe",
    "encoder": "model.body.encoder",
    "norm": "model.body.output_normalization",
}
BEFORE = {
    "items": "_model.item_embedder.item_emb",
    "positions": "_model.item_embedder.pos_emb.pe",
    "encoder": "_model.sasrec_layers",
    "norm": "_model.output_normalization.last_layernorm",
}


def state_of(names):
    shapes = {
        f"{names['items']}.weight": (N_ITEMS + 1, SIZE),
        f"{names['positions']}.weight": (LENGTH, SIZE),
        f"{names['norm']}.weight": (SIZE,),
        f"{names['norm']}.bias": (SIZE,),
    }
    for i in range(LAYERS):
        encoder = names["encoder"]
        shapes[f"{encoder}.attention_layers.{i}.in_proj_weight"] = (3 * SIZE, SIZE)
        shapes[f"{encoder}.attention_layers.{i}.in_proj_bias"] = (3 * SIZE,)
        shapes[f"{encoder}.attention_layers.{i}.out_proj.weight"] = (SIZE, SIZE)
        shapes[f"{encoder}.attention_layers.{i}.out_proj.bias"] = (SIZE,)
        for kind in ("attention", "forward"):
            shapes[f"{encoder}.{kind}_layernorms.{i}.weight"] = (SIZE,)
            shapes[f"{encoder}.{kind}_layernorms.{i}.bias"] = (SIZE,)
        for n in (1, 2):
            shapes[f"{encoder}.forward_layers.{i}.conv{n}.weight"] = (SIZE, SIZE, 1)
            shapes[f"{encoder}.forward_layers.{i}.conv{n}.bias"] = (SIZE,)
    return padded.random_state(shapes)


def scores(state, names, history, activation):
    """Of all items, which are numbered from 0; rows of padding are masked, or before zero."""
    items = padded.left_padded(history, LENGTH, N_ITEMS)
    real = (items < N_ITEMS).float()
    table, encoder = state[f"{names['items']}.weight"], names["encoder"]
    x = table[items] * SIZE**0.5 + state[f"{names['positions']}.weight"]
    seen = torch.ones(LENGTH, LENGTH).tril()
    if names is NOW:
        seen = seen * real

    def inner(x, i):
        name = f"{encoder}.forward_layers.{i}.conv"
        x = activation(F.linear(x, state[f"{name}1.weight"][:, :, 0], state[f"{name}1.bias"]))
        return F.linear(x, state[f"{name}2.weight"][:, :, 0], state[f"{name}2.bias"])

    for i in range(LAYERS):
        x = padded.layer(
            x * real[:, None] if names is BEFORE else x,
            "query",
            tuple(
                lambda y, k=k, i=i: padded.norm(y, state, f"{encoder}.{k}_layernorms.{i}", 1e-8)
                for k in ("attention", "forward")
            ),
            lambda q, kv, i=i: padded.multihead(
                q, kv, state, f"{encoder}.attention_layers.{i}", HEADS, seen
            ),
            lambda y, i=i: inner(y, i),
        )
    eps = 1e-5 if names is NOW else 1e-8
    return padded.norm(x[-1], state, names["norm"], eps) @ table[:N_ITEMS].T


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_scores_of_the_present_one_are_theirs(activation, tmp_path):
    state = state_of(NOW)
    torch.save({"state_dict": state, "hyper_parameters": {}}, tmp_path / "now.ckpt")
    found = recognize(tmp_path / "now.ckpt", n_heads=HEADS)
    assert (found.format, found.config.n_items) == ("RePlay", N_ITEMS)
    assert found.assumed["activation"] == "relu"
    ours = import_checkpoint(tmp_path / "now.ckpt", n_heads=HEADS, activation=activation)
    compare(ours, state, NOW, F.relu if activation == "relu" else F.gelu)


def test_scores_of_the_one_before_are_theirs(tmp_path):
    state = state_of(BEFORE)
    again = {
        "_model._head._item_embedder.item_emb.weight": state["_model.item_embedder.item_emb.weight"]
    }
    saved = {"head_count": HEADS, "dropout_rate": 0.1}
    torch.save({"state_dict": state | again, "hyper_parameters": saved}, tmp_path / "before.ckpt")
    found = recognize(tmp_path / "before.ckpt")
    assert not found.assumed
    assert found.config.left_padding == "zeros"
    assert any("attend to the padding" in note for note in found.notes)
    compare(import_checkpoint(tmp_path / "before.ckpt"), state, BEFORE, F.relu)


def compare(model, state, names, activation):
    ours = model.scores(batch_of(*([item + 1 for item in history] for history in HISTORIES)))
    for row, history in zip(ours, HISTORIES, strict=True):
        theirs = scores(state, names, history, activation)
        torch.testing.assert_close(row[1:], theirs, rtol=1e-4, atol=1e-4)


def test_other_features_of_items_are_told(tmp_path):
    more = {"model.body.embedder.feature_embedders.genre.emb.weight": torch.ones(3, SIZE)}
    torch.save(state_of(NOW) | more, tmp_path / "now.ckpt")
    with pytest.raises(WorkbenchError, match=r"feature_embedders\.genre\.emb\.weight, which none"):
        recognize(tmp_path / "now.ckpt")


@pytest.mark.parametrize(
    ("items", "rows"), [([30, 4, 100], [0, 2, 1, 3]), (["b", "a", "10"], [0, 3, 2, 1])]
)
def test_items_are_numbered_in_the_order_of_their_ids(items, rows):
    data = from_interactions([0, 0, 0], items, name="hand")
    assert [each.tolist() for each in item_rows("m", 3, "sorted", data)] == [rows]
