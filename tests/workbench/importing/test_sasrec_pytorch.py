"""SASRec.pytorch in its three forwards, told apart, and scoring as they do."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from typer.testing import CliRunner

from tests.models.variants import batch_of
from tests.workbench.importing import padded
from workbench import import_checkpoint, load_model, record_attention
from workbench.__main__ import app
from workbench.data.sequences import from_interactions
from workbench.errors import WorkbenchError
from workbench.importing import Undecided, recognize

N_ITEMS, SIZE, LENGTH, HEADS, LAYERS = 60, 8, 6, 2, 2
HISTORIES = [[7], [3, 1, 4], [9, 2, 6, 5, 3, 5]]
ARGUMENTS = {"num_heads": HEADS, "maxlen": LENGTH, "num_epochs": 201, "dropout_rate": 0.2}


def state_of(rows, seed=0):
    """Their parameters; with a row for padding, it is zero as their training has it."""
    shapes = {"item_emb.weight": (N_ITEMS + 1, SIZE), "pos_emb.weight": (rows, SIZE)}
    for i in range(LAYERS):
        shapes[f"attention_layers.{i}.in_proj_weight"] = (3 * SIZE, SIZE)
        shapes[f"attention_layers.{i}.in_proj_bias"] = (3 * SIZE,)
        shapes[f"attention_layers.{i}.out_proj.weight"] = (SIZE, SIZE)
        shapes[f"attention_layers.{i}.out_proj.bias"] = (SIZE,)
        for n in (1, 2):
            shapes[f"forward_layers.{i}.conv{n}.weight"] = (SIZE, SIZE, 1)
            shapes[f"forward_layers.{i}.conv{n}.bias"] = (SIZE,)
        for name in ("attention", "forward"):
            shapes[f"{name}_layernorms.{i}.weight"] = shapes[f"{name}_layernorms.{i}.bias"] = (
                SIZE,
            )
    shapes["last_layernorm.weight"] = shapes["last_layernorm.bias"] = (SIZE,)
    state = padded.random_state(shapes, seed)
    if rows > LENGTH:
        state["pos_emb.weight"][0] = 0
        state["item_emb.weight"][0] = 0
    return state


def scores(state, history, order):
    """Of all items, after one history padded on its left; the padding is attended to."""
    items = padded.left_padded(history, LENGTH)
    zeroed = len(state["pos_emb.weight"]) == LENGTH  # the first forward
    positions = torch.arange(LENGTH) if zeroed else torch.arange(1, LENGTH + 1) * (items > 0)
    x = state["item_emb.weight"][items] * SIZE**0.5 + state["pos_emb.weight"][positions]
    seen = torch.ones(LENGTH, LENGTH).tril()
    for i in range(LAYERS):
        if zeroed:
            x = x * (items > 0)[:, None]
        x = padded.layer(
            x,
            order,
            tuple(
                lambda y, n=n, i=i: padded.norm(y, state, f"{n}_layernorms.{i}", 1e-8)
                for n in ("attention", "forward")
            ),
            lambda q, kv, i=i: padded.multihead(q, kv, state, f"attention_layers.{i}", HEADS, seen),
            lambda y, i=i: point_wise(y, state, f"forward_layers.{i}"),
        )
    return padded.norm(x[-1], state, "last_layernorm", 1e-8) @ state["item_emb.weight"].T


def point_wise(x, state, name):
    for n in (1, 2):
        x = F.linear(x, state[f"{name}.conv{n}.weight"][:, :, 0], state[f"{name}.conv{n}.bias"])
        x = x.relu() if n == 1 else x
    return x


def write_arguments(folder, **more):
    lines = [f"{name},{value}" for name, value in (ARGUMENTS | more).items()]
    (folder / "args.txt").write_text("\n".join(lines))


FORWARDS = {  # rows of pos_emb, what else args.txt says, and the forward
    "until 2024-06": (LENGTH, {}, "query"),
    "until 2025-05": (LENGTH + 1, {}, "query"),
    "since": (LENGTH + 1, {"norm_first": False}, "post"),
    "since, norm_first": (LENGTH + 1, {"norm_first": True}, "pre"),
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "SASRec.pth"


@pytest.mark.parametrize("forward", FORWARDS)
def test_each_forward_is_told_by_its_arguments_and_scores_as_theirs(forward, file):
    rows, more, order = FORWARDS[forward]
    state = state_of(rows)
    torch.save(state, file)
    write_arguments(file.parent, **more)
    found = recognize(file)
    assert (found.format, found.model) == ("SASRec.pytorch", "SASRec")
    assert not found.assumed
    assert found.config.norm == order
    assert found.config.left_padding == ("zeros" if rows == LENGTH else "token")
    assert found.config.hidden_dropout == 0.2
    model = import_checkpoint(file, file.parent / "model")
    ours = load_model(file.parent / "model").scores(batch_of(*HISTORIES))
    for row, history in zip(ours, HISTORIES, strict=True):
        theirs = scores(state, history, order)
        torch.testing.assert_close(row[1:], theirs[1:], rtol=1e-4, atol=1e-4)
    alone = model.scores(batch_of(HISTORIES[1]))  # whatever the width of the batch
    torch.testing.assert_close(alone[0, 1:], ours[1, 1:])


def test_the_share_of_the_padding_is_that_of_all_its_rows(file):
    """Two of three keys of the only item of a history of three are padding."""
    state = state_of(LENGTH)
    for name in state:
        if "in_proj" in name:
            state[name][: 2 * SIZE] = 0  # queries and keys: every key weighs the same
    torch.save(state, file)
    write_arguments(file.parent)
    weights = record_attention(import_checkpoint(file), batch_of(*HISTORIES))["attention"]
    for row, history in enumerate(HISTORIES):
        share = weights[row, ..., : len(history)]
        torch.testing.assert_close(share, torch.full_like(share, 1 / LENGTH))


def test_without_arguments_the_file_name_and_the_row_of_padding_tell(file):
    torch.save(state_of(LENGTH), file)
    found = recognize(file)
    assert (found.config.norm, found.config.max_length) == ("query", LENGTH)
    assert found.assumed["n_heads"] == 1
    named = file.with_name(f"SASRec.epoch=20.head={HEADS}.hidden={SIZE}.maxlen={LENGTH}.pth")
    torch.save(state_of(LENGTH), named)
    assert recognize(named).config.n_heads == HEADS
    assert "n_heads" not in recognize(named).assumed
    torch.save(state_of(LENGTH + 1), named)
    with pytest.raises(
        Undecided, match=r"norm=query, norm=post or norm=pre, or the data"
    ) as caught:
        recognize(named)
    assert str(named) in str(caught.value)
    assert (caught.value.option, caught.value.choices) == ("norm", ("query", "post", "pre"))
    for norm in caught.value.choices:
        found = recognize(named, norm=norm)
        assert (found.config.norm, found.assumed["norm"]) == (norm, norm)
        assert found.config.max_length == LENGTH
    with pytest.raises(WorkbenchError, match="norm is 'last'; choose from query, post, pre"):
        recognize(named, norm="last")


def test_a_forward_that_was_guessed_can_be_said(file):
    """Row 0 of a later pos_emb is zero only where its training made it so."""
    state = state_of(LENGTH + 1)
    state["pos_emb.weight"][0] = 0.1
    torch.save(state, file)
    for norm, since in (("query", "before"), ("post", "since"), ("pre", "since")):
        found = recognize(file, norm=norm)
        assert (found.config.norm, found.assumed["norm"]) == (norm, norm)
        assert found.config.max_length == LENGTH + (norm == "query")
        assert any(f"taken to count as {since} 2024-06" in note for note in found.notes)
    with pytest.raises(WorkbenchError, match="norm is 'last'; choose from"):
        recognize(file, norm="last")


def test_arguments_of_another_model_are_told(file):
    torch.save(state_of(LENGTH + 1), file)
    for more, reason in (
        ({"hidden_units": 50}, "say hidden_units 50, and its weights have 8"),
        ({"num_blocks": 3}, "say num_blocks 3, and its weights have 2"),
        ({"maxlen": 200}, "its pos_emb has 7 rows, and maxlen is 200"),
    ):
        write_arguments(file.parent, **more)
        with pytest.raises(WorkbenchError, match=reason):
            recognize(file)
    torch.save(state_of(LENGTH), file)
    write_arguments(file.parent, norm_first=True)
    with pytest.raises(WorkbenchError, match="which is neither; adapt"):
        recognize(file)
    write_arguments(file.parent)
    with pytest.raises(WorkbenchError, match="norm is no option here or is told by"):
        recognize(file, norm="post")


def test_the_list_of_llm_recommenders_is_taken_without_anything_beside_it(file):
    state = state_of(LENGTH)
    arguments = SimpleNamespace(**ARGUMENTS, device="cpu")
    kwargs = {"user_num": 3, "item_num": N_ITEMS, "args": arguments}
    torch.save([kwargs, state], file)
    found = recognize(file)
    assert found.config.n_heads == HEADS
    assert not found.assumed
    assert any("types.SimpleNamespace" in note for note in found.notes)
    ours = import_checkpoint(file).scores(batch_of(*HISTORIES))
    for row, history in zip(ours, HISTORIES, strict=True):
        theirs = scores(state, history, "query")
        torch.testing.assert_close(row[1:], theirs[1:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("order", ["query", "post", "pre"])
def test_data_decide_between_the_three_and_the_figures_are_kept(order, tmp_path):
    """Every user's last items are what one of the three forwards ranks first of all unseen."""
    file = tmp_path / f"SASRec.head={HEADS}.maxlen={LENGTH}.pth"
    state = state_of(LENGTH + 1)
    state["item_emb.weight"] *= 4  # what is ranked first is for the history to say
    for name, tensor in state.items():
        if "layernorm" in name or name.endswith("bias"):
            tensor.fill_(name.endswith("weight"))
    torch.save(state, file)
    rng, users, items = np.random.default_rng(0), [], []
    for user in range(60):
        history = rng.choice(np.arange(1, N_ITEMS + 1), 2, replace=False).tolist()
        for _ in range(3):
            ranked = scores(state, history, order).argsort(descending=True).tolist()
            history.append(next(item for item in ranked if item and item not in history))
        users += [user] * len(history)
        items += history
    data = from_interactions(
        [*users, *[60] * N_ITEMS], [*items, *range(1, N_ITEMS + 1)], name="led"
    )
    out = tmp_path / "model"
    model = import_checkpoint(file, out, data=data)
    assert model.config.norm == order
    (note,) = [note for note in load_model(out).card["origin"]["notes"] if "was chosen" in note]
    assert f"norm={order} was chosen" in note
    assert all(
        f"norm={choice} 0." in note or f"norm={choice} 1." in note for choice in ("post", "pre")
    )
    assert model.card["numbering"] == "ids"


def test_the_command_names_the_option_and_takes_it(tmp_path):
    file, out = tmp_path / f"maxlen={LENGTH}.pth", str(tmp_path / "model")
    torch.save(state_of(LENGTH + 1), file)
    refused = CliRunner().invoke(app, ["import", str(file), "--out", out])
    assert refused.exit_code != 0
    assert "norm=query" in str(refused.exception) + refused.output
    done = CliRunner().invoke(app, ["import", str(file), "--out", out, "--option", "norm=post"])
    assert done.exit_code == 0, done.output
    assert load_model(out).config.norm == "post"
