"""TiSASRec of RecBole's kind, its scores computed from its formulas."""

import math

import numpy as np
import pytest
import torch
from scipy.special import erf

from models import Batch
from tests.workbench.importing.files import golden
from workbench import import_checkpoint

TIMES = [0, 0, 3, 40, 41]
ITEMS = [3, 7, 9, 1, 5]
TABLES = ("absolute_pos_K", "absolute_pos_V", "time_matrix_emb_K", "time_matrix_emb_V")


def scores_by_hand(state, items, times, n_heads=2):
    """Scores of all items; every pair has an embedding of its own, and all rows of tables count."""
    p = {name: tensor.double().numpy() for name, tensor in state.items()}
    affine = lambda x, name: x @ p[f"{name}.weight"].T + p[f"{name}.bias"]  # noqa: E731

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)
        return x * p[f"{name}LayerNorm.weight"] + p[f"{name}LayerNorm.bias"]

    def heads(x):  # [..., d] -> [H, ..., dh]
        return np.moveaxis(x.reshape(*x.shape[:-1], n_heads, -1), -2, 0)

    length = len(items)
    gaps = np.abs(times[:, None] - times[None])
    intervals = np.minimum(gaps, len(p["time_matrix_emb_K_embedding.weight"]) - 1).astype(int)
    pos_k, pos_v, time_k, time_v = (p[f"{name}_embedding.weight"] for name in TABLES)
    x = norm(p["item_embedding.weight"][items], "")
    for layer in range(2):
        own = f"ti_trm_encoder.layer.{layer}."
        attend, feed = f"{own}multi_head_attention.", f"{own}feed_forward."
        q, k, v = (affine(x, f"{attend}{name}") for name in ("query", "key", "value"))
        keys = heads(k[None] + pos_k[None, :length] + time_k[intervals])  # [H, L, L, dh]
        values = heads(v[None] + pos_v[None, :length] + time_v[intervals])
        terms = np.einsum("hid,hijd->hij", heads(q), keys) / math.sqrt(keys.shape[-1])
        terms = np.where(np.tril(np.ones((length, length))), np.exp(terms), 0)
        weights = terms / terms.sum(-1, keepdims=True)
        mixed = np.einsum("hij,hijd->ihd", weights, values).reshape(length, -1)
        x = norm(affine(mixed, f"{attend}dense") + x, attend)
        inner = affine(x, f"{feed}dense_1")
        inner = inner * (1 + erf(inner / math.sqrt(2))) / 2
        x = norm(affine(inner, f"{feed}dense_2") + x, feed)
    return p["item_embedding.weight"] @ x[-1]


@pytest.fixture
def state():
    """As it is initialised there: normal values in row 0, too, which stays as it is."""
    state = {name: tensor.float() for name, tensor in golden("tisasrec")[0].items()}
    generator = torch.Generator().manual_seed(0)
    for name in TABLES:
        table = state[f"{name}_embedding.weight"]
        table[0] = torch.randn(table.shape[1], generator=generator)
    return state


def test_the_first_position_and_no_time_passed_add_what_the_file_has(state, tmp_path):
    torch.save(state, tmp_path / "model.pth")
    model = import_checkpoint(tmp_path / "model.pth")
    batch = Batch(torch.tensor([ITEMS]), torch.tensor([5]), torch.tensor([TIMES]))
    wanted = scores_by_hand(state, ITEMS, np.array(TIMES))
    found = model.scores(batch)[0].detach().numpy()
    np.testing.assert_allclose(found[1:], wanted[1:], rtol=1e-4, atol=1e-4)


def test_times_are_rounded_to_single_precision_before_their_differences(state, tmp_path):
    """In 1998 single precision tells times apart that lie 64 s apart."""
    torch.save(state, tmp_path / "model.pth")
    model = import_checkpoint(tmp_path / "model.pth")
    times = 893_286_638 + np.array([0, 3, 70, 71, 99])
    batch = Batch(torch.tensor([ITEMS]), torch.tensor([5]), torch.from_numpy(times)[None])
    found = model.scores(batch)[0].detach().numpy()
    wanted, exact = (scores_by_hand(state, ITEMS, t) for t in (times.astype(np.float32), times))
    np.testing.assert_allclose(found[1:], wanted[1:], rtol=1e-4, atol=1e-4)
    assert np.abs(found - exact)[1:].max() > 0.01
