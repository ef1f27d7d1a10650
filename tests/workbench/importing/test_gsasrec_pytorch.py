"""gSASRec-pytorch, with and without item embeddings of its own for what is scored."""

import pytest
import torch
from torch.nn import functional as F

from tests.models.variants import batch_of
from tests.workbench.importing import padded
from workbench import import_checkpoint
from workbench.data.sequences import from_interactions
from workbench.errors import WorkbenchError
from workbench.importing import recognize

N_ITEMS, SIZE, LENGTH, HEADS, LAYERS = 20, 8, 6, 2, 2
HISTORIES = [[7], [3, 1, 4], [9, 2, 6, 5, 3, 5]]


def state_of(separate):
    shapes = {
        "item_embedding.weight": (N_ITEMS + 2, SIZE),
        "position_embedding.weight": (LENGTH, SIZE),
        "seq_norm.weight": (SIZE,),
        "seq_norm.bias": (SIZE,),
    }
    if separate:
        shapes["output_embedding.weight"] = (N_ITEMS + 2, SIZE)
    for i in range(LAYERS):
        for name in ("query", "key", "val"):
            shapes[f"transformer_blocks.{i}.multihead_attention.{name}_proj.weight"] = (SIZE, SIZE)
            shapes[f"transformer_blocks.{i}.multihead_attention.{name}_proj.bias"] = (SIZE,)
        for name in ("dense1", "dense2"):
            shapes[f"transformer_blocks.{i}.{name}.weight"] = (SIZE, SIZE)
            shapes[f"transformer_blocks.{i}.{name}.bias"] = (SIZE,)
        for name in ("first_norm", "second_norm"):
            shapes[f"transformer_blocks.{i}.{name}.weight"] = (SIZE,)
            shapes[f"transformer_blocks.{i}.{name}.bias"] = (SIZE,)
    return padded.random_state(shapes)


def scores(state, history):
    """Of all rows, after one history padded on its left with the id n + 1; padding is masked."""
    items = padded.left_padded(history, LENGTH, N_ITEMS + 1)
    real = (items <= N_ITEMS)[:, None].float()
    x = (state["item_embedding.weight"][items] + state["position_embedding.weight"]) * real
    seen = torch.ones(LENGTH, LENGTH).tril() * real.T

    def affine(x, name):
        return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    for i in range(LAYERS):
        block = f"transformer_blocks.{i}"
        own = f"{block}.multihead_attention"
        x = real * padded.layer(
            x,
            "query",
            tuple(
                lambda y, n=n, block=block: padded.norm(y, state, f"{block}.{n}_norm", 1e-5)
                for n in ("first", "second")
            ),
            lambda q, kv, own=own: padded.attend(
                affine(q, f"{own}.query_proj"),
                affine(kv, f"{own}.key_proj"),
                affine(kv, f"{own}.val_proj"),
                HEADS,
                seen,
            ),
            lambda y, block=block: affine(affine(y, f"{block}.dense1").relu(), f"{block}.dense2"),
        )
    table = state.get("output_embedding.weight", state["item_embedding.weight"])
    return padded.norm(x[-1], state, "seq_norm", 1e-5) @ table.T


@pytest.mark.parametrize("separate", [False, True])
def test_scores_are_theirs(separate, tmp_path):
    state = state_of(separate)
    torch.save(state, tmp_path / "gsasrec.pt")
    found = recognize(tmp_path / "gsasrec.pt", n_heads=HEADS)
    assert (found.format, found.config.n_items) == ("gSASRec-pytorch", N_ITEMS)
    assert found.config.output_embedding == separate
    assert set(found.assumed) == {"n_heads", "hidden_dropout"}
    ours = import_checkpoint(tmp_path / "gsasrec.pt", n_heads=HEADS).scores(batch_of(*HISTORIES))
    for row, history in zip(ours, HISTORIES, strict=True):
        theirs = scores(state, history)[1 : N_ITEMS + 1]
        torch.testing.assert_close(row[1:], theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("separate", [False, True])
def test_both_tables_are_put_in_the_order_of_the_data(separate, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.importing.conversion.check_belonging", lambda *given: None)
    state = state_of(separate)
    torch.save(state, tmp_path / "gsasrec.pt")
    users = [0] * N_ITEMS + [1, 1, 1]
    items = [*range(N_ITEMS, 0, -1), 3, 1, 4]  # ours are numbered the other way round
    data = from_interactions(users, items, name="reversed")
    model = import_checkpoint(tmp_path / "gsasrec.pt", data=data, n_heads=HEADS)
    ours = model.scores(batch_of([N_ITEMS + 1 - item for item in (3, 1, 4)]))[0, 1:]
    theirs = scores(state, [3, 1, 4])[1 : N_ITEMS + 1]
    torch.testing.assert_close(ours, theirs.flip(0), rtol=1e-4, atol=1e-4)


def test_counts_that_differ_are_told_without_an_option_that_there_is_not(tmp_path):
    torch.save(state_of(False), tmp_path / "gsasrec.pt")
    data = from_interactions([0, 0, 0], [1, 2, N_ITEMS + 1], name="more")
    with pytest.raises(WorkbenchError, match=f"knows items 1 to {N_ITEMS}, and more has") as caught:
        import_checkpoint(tmp_path / "gsasrec.pt", data=data)
    assert "extra_rows" not in str(caught.value)
