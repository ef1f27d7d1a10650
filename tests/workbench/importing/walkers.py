"""RecBole's models with weights written by hand, which know where a walk over items goes next.

Half of a hidden state, signs, is the code of an item; the other half tells which way its user
walks, or where in the history it stands. The feed-forward block maps both to the code of the next
item.
"""

import torch
from torch import Tensor

HALF = 32
MAX_LENGTH = 8


def signs(n: int, seed: int) -> Tensor:
    """[n, HALF] of -1 and 1."""
    return torch.randn(n, HALF, generator=torch.Generator().manual_seed(seed)).sign()


WAYS = signs(2, 1)  # the code of each way to walk


def layer(encoder: str, x: Tensor, wanted: Tensor, dense: Tensor, **maps: Tensor) -> dict:
    """One layer and the norm before it: a state like a row of x gets that row of wanted.

    x, wanted: [n, 2 HALF]. dense: after attention. maps: of query, key and value, zeros if absent.
    """
    size, own = x.shape[1], f"{encoder}.layer.0."
    norms = x.square().sum(1)  # what a state and its own row multiply to
    state = {
        f"{own}feed_forward.dense_1.weight": x / norms[:, None] * 40,
        f"{own}feed_forward.dense_1.bias": torch.full((len(x),), -32.0),
        f"{own}feed_forward.dense_2.weight": wanted.T * 5,
        f"{own}feed_forward.dense_2.bias": torch.zeros(size),
    }
    for name in ("query", "key", "value", "dense"):
        weight = dense if name == "dense" else maps.get(name, torch.zeros(size, size))
        state[f"{own}multi_head_attention.{name}.weight"] = weight
        state[f"{own}multi_head_attention.{name}.bias"] = torch.zeros(size)
    for name in ("", f"{own}multi_head_attention.", f"{own}feed_forward."):
        state[f"{name}LayerNorm.weight"] = torch.ones(size)
        state[f"{name}LayerNorm.bias"] = torch.zeros(size)
    return state


def two_ways(codes: Tensor, successors: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Every item with every way to walk, and the code of the item it leads to."""
    x = torch.cat([torch.cat([codes, way.expand_as(codes)], 1) for way in WAYS])
    wanted = torch.cat([codes[successor] for successor in successors])
    return x, torch.cat([wanted, torch.zeros_like(wanted)], 1)


def ssept(successors: list[Tensor], ways: Tensor) -> dict[str, Tensor]:
    """SSE-PT, whose users walk one of two ways. ways: [n_users], 0 or 1."""
    codes = signs(len(successors[0]), 0)
    nothing = torch.zeros(2 * HALF, 2 * HALF)
    return {
        "item_embedding.weight": codes,
        "user_embedding.weight": torch.cat([torch.zeros(1, HALF), WAYS[ways]]),
        "user_test_embedding.weight": torch.zeros(len(ways) + 1, HALF),
        "position_embedding.weight": torch.zeros(MAX_LENGTH, 2 * HALF),
        **layer("trm_encoder", *two_ways(codes, successors), nothing),
    }


def tisasrec(successors: list[Tensor], time_span: int, slow: int) -> dict[str, Tensor]:
    """TiSASRec; who takes `slow` seconds or more between items walks the second way.

    Attention is even, and what is taken from it is the way that intervals stand for.
    """
    codes = signs(len(successors[0]), 0)
    way = (torch.arange(1, time_span + 1) >= slow).long()
    intervals = torch.zeros(time_span + 1, 2 * HALF)
    intervals[1:, HALF:] = WAYS[way]
    positions = torch.zeros(MAX_LENGTH, 2 * HALF)
    return {
        "item_embedding.weight": torch.cat([codes, torch.zeros_like(codes)], 1),
        "absolute_pos_K_embedding.weight": positions,
        "absolute_pos_V_embedding.weight": positions,
        "time_matrix_emb_K_embedding.weight": torch.zeros_like(intervals),
        "time_matrix_emb_V_embedding.weight": intervals,
        **layer("ti_trm_encoder", *two_ways(codes, successors), torch.eye(2 * HALF)),
    }


def bert4rec(successor: Tensor, *, output_head: bool) -> dict[str, Tensor]:
    """BERT4Rec of RecBole 1.0 or, with an output head, of 1.2: a row attends to the one before."""
    n_items = len(successor)
    codes = signs(n_items, 0)
    x = torch.cat([codes, torch.zeros_like(codes)], 1)
    length = MAX_LENGTH + (not output_head)
    positions = torch.zeros(length, 2 * HALF)
    positions[:, HALF : HALF + length] = 4 * torch.eye(length)
    eye = torch.eye(2 * HALF)
    items, places = eye.clone(), eye.clone()
    items[HALF:] = 0
    places[:HALF] = 0
    before = places.roll(-1, 0) * 30
    before[HALF - 1] = 0
    state = {
        "item_embedding.weight": torch.cat([x, torch.zeros(1, 2 * HALF)]),  # and the mask token
        "position_embedding.weight": positions,
        **layer("trm_encoder", x, x[successor], 20 * eye, query=before, key=places, value=items),
    }
    if output_head:
        state |= {"output_ffn.weight": 10 * eye, "output_ffn.bias": torch.zeros(2 * HALF)}
        state |= {"output_ln.weight": torch.ones(2 * HALF), "output_ln.bias": torch.zeros(2 * HALF)}
        state["output_bias"] = torch.linspace(-1, 1, n_items)
    return state
