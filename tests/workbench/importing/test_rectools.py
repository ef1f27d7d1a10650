"""RecTools' SASRec and BERT4Rec: all that is needed is in the file, and nothing of it is run."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.models.variants import batch_of
from tests.workbench.importing import padded
from workbench import import_checkpoint, load_model
from workbench.data.sequences import from_interactions
from workbench.errors import WorkbenchError
from workbench.importing import recognize

NAMES = [f"film {n}" for n in range(20, 0, -1)]
N_ITEMS, SIZE, LENGTH, HEADS, LAYERS = len(NAMES), 8, 6, 2, 2
HISTORIES = [[7], [3, 1, 4], [9, 2, 6, 5, 3]]
P = "torch_model."
LAYER_TYPES = {
    "SASRec": "rectools.models.nn.transformers.sasrec.SASRecTransformerLayers",
    "BERT4Rec": "rectools.models.nn.transformers.net_blocks.PreLNTransformerLayers",
}


def settings_of(model, **more):
    return {
        "cls": f"{model}Model",
        "n_heads": HEADS,
        "session_max_len": LENGTH,
        "dropout_rate": 0.1,
        "use_causal_attn": model == "SASRec",
        "use_key_padding_mask": model == "BERT4Rec",
        "transformer_layers_type": LAYER_TYPES[model],
        "pos_encoding_kwargs": None,
    } | more


def state_of(model, categories=False):
    extra = 2 if model == "BERT4Rec" else 1
    inner = 4 * SIZE if model == "BERT4Rec" else SIZE
    names = ("layer_norm_1", "layer_norm_2")
    if model == "SASRec":
        names = ("q_layer_norm", "ff_layer_norm")
    shapes = {
        f"{P}item_model.item_net_blocks.0.ids_emb.weight": (N_ITEMS + extra, SIZE),
        f"{P}pos_encoding_layer.pos_emb.weight": (LENGTH, SIZE),
    }
    for i in range(LAYERS):
        block = f"{P}transformer_layers.transformer_blocks.{i}."
        shapes[f"{block}multi_head_attn.in_proj_weight"] = (3 * SIZE, SIZE)
        shapes[f"{block}multi_head_attn.in_proj_bias"] = (3 * SIZE,)
        shapes[f"{block}multi_head_attn.out_proj.weight"] = (SIZE, SIZE)
        shapes[f"{block}multi_head_attn.out_proj.bias"] = (SIZE,)
        shapes[f"{block}feed_forward.ff_linear_1.weight"] = (inner, SIZE)
        shapes[f"{block}feed_forward.ff_linear_1.bias"] = (inner,)
        shapes[f"{block}feed_forward.ff_linear_2.weight"] = (SIZE, inner)
        shapes[f"{block}feed_forward.ff_linear_2.bias"] = (SIZE,)
        for name in names:
            shapes[f"{block}{name}.weight"] = shapes[f"{block}{name}.bias"] = (SIZE,)
    if model == "SASRec":
        last = f"{P}transformer_layers.last_layernorm"
        shapes[f"{last}.weight"] = shapes[f"{last}.bias"] = (SIZE,)
    state = padded.random_state(shapes)
    state[f"{P}item_model.item_net_blocks.0.ids_emb.weight"][0] = 0
    if categories:  # item k belongs to k % 3 of three categories, the extra tokens to none
        counts = torch.tensor([0] * extra + [k % 3 for k in range(N_ITEMS)])
        bag = f"{P}item_model.item_net_blocks.1."
        state[f"{bag}embedding_bag.weight"] = padded.random_state({"bag": (3, SIZE)}, 1)["bag"]
        state[f"{bag}emb_bag_inputs"] = torch.cat([torch.arange(n) for n in counts.tolist()])
        state[f"{bag}offsets"] = F.pad(counts.cumsum(0)[:-1], (1, 0))
        state[f"{bag}input_lengths"] = counts
    return state


def save(file, model, state, names=NAMES, kind=object, **more):
    extra = ["PAD", "MASK"] if model == "BERT4Rec" else ["PAD"]
    parameters = {
        "model_config": settings_of(model, **more),
        "item_external_ids": np.array([*extra, *names], dtype=kind),
        "dataset_schema": {"n_interactions": 3},
    }
    torch.save({"epoch": 1, "state_dict": state, "hyper_parameters": parameters}, file)


def embeddings(state):
    table = state[f"{P}item_model.item_net_blocks.0.ids_emb.weight"]
    bag = f"{P}item_model.item_net_blocks.1."
    if f"{bag}embedding_bag.weight" in state:
        table = table + F.embedding_bag(
            state[f"{bag}emb_bag_inputs"],
            state[f"{bag}embedding_bag.weight"],
            state[f"{bag}offsets"],
            mode="sum",
        )
    return table


def scores(state, model, history, *, masked, scale=1.0):
    """Of all rows of the item table; history: rows of it."""
    masks = model == "BERT4Rec"
    items = padded.left_padded([*history, 1] if masks else history, LENGTH)
    table, real = embeddings(state), (items > 0).float()
    x = table[items] * scale + state[f"{P}pos_encoding_layer.pos_emb.weight"].flip(0)
    seen = torch.ones(LENGTH, LENGTH)
    seen = seen if masks else seen.tril()
    if masked:
        seen = seen * real
    names = ("layer_norm_1", "layer_norm_2") if masks else ("q_layer_norm", "ff_layer_norm")

    def inner(x, block):
        x = F.linear(
            x,
            state[f"{block}feed_forward.ff_linear_1.weight"],
            state[f"{block}feed_forward.ff_linear_1.bias"],
        )
        return F.linear(
            F.gelu(x) if masks else x.relu(),
            state[f"{block}feed_forward.ff_linear_2.weight"],
            state[f"{block}feed_forward.ff_linear_2.bias"],
        )

    for i in range(LAYERS):
        block = f"{P}transformer_layers.transformer_blocks.{i}."
        x = padded.layer(
            x if masks else x * real[:, None],
            "pre" if masks else "query",
            tuple(
                lambda y, n=n, block=block: padded.norm(y, state, f"{block}{n}", 1e-5)
                for n in names
            ),
            lambda q, kv, block=block: padded.multihead(
                q, kv, state, f"{block}multi_head_attn", HEADS, seen
            ),
            lambda y, block=block: inner(y, block),
        )
    last = x[-1]
    if not masks:
        last = padded.norm(last, state, f"{P}transformer_layers.last_layernorm", 1e-8)
    return last @ table.T


CASES = {
    "SASRec": ("SASRec", {}, False),
    "SASRec with a mask of padding": ("SASRec", {"use_key_padding_mask": True}, True),
    "SASRec scaled": ("SASRec", {"pos_encoding_kwargs": {"use_scale_factor": True}}, False),
    "BERT4Rec": ("BERT4Rec", {}, True),
}


@pytest.mark.parametrize("categories", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_scores_are_theirs_and_items_keep_their_names(case, categories, tmp_path):
    model, more, masked = CASES[case]
    state = state_of(model, categories)
    save(tmp_path / "model.ckpt", model, state, **more)
    found = recognize(tmp_path / "model.ckpt")
    assert (found.format, found.model) == ("RecTools", model)
    assert not found.assumed
    assert found.config.left_padding == ("masked" if masked else "zeros")
    extra = 2 if model == "BERT4Rec" else 1
    assert found.config.max_length == LENGTH - extra + 1
    import_checkpoint(tmp_path / "model.ckpt", tmp_path / "ours")
    ours = load_model(tmp_path / "ours")
    assert ours.card["item_ids"] == NAMES
    scale = SIZE**0.5 if "scaled" in case else 1.0
    rows = ours.scores(batch_of(*HISTORIES))
    for row, history in zip(rows, HISTORIES, strict=True):
        theirs = [item + extra - 1 for item in history]
        wanted = scores(state, model, theirs, masked=masked, scale=scale)[extra:]
        torch.testing.assert_close(row[1:], wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("names", "kind"),
    [(NAMES, object), (NAMES, str), (range(100, 120), object)],
    ids=["objects", "text", "numbers"],
)
def test_items_are_found_in_data_by_name(names, kind, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.importing.conversion.check_belonging", lambda *given: None)
    state, names = state_of("SASRec"), list(map(str, names))
    save(tmp_path / "model.ckpt", "SASRec", state, names, kind)
    kept = names[::-1][3:]  # three of its items do not occur
    data = from_interactions([0] * len(kept), kept, name="named")
    model = import_checkpoint(tmp_path / "model.ckpt", data=data)
    assert model.card["item_ids"] == list(data.item_ids[1:]) == kept
    assert model.card["numbering"] == "tokens"
    history = [names.index(kept[n]) + 1 for n in (2, 0, 5)]
    wanted = scores(state, "SASRec", history, masked=False)
    wanted = wanted[[names.index(name) + 1 for name in kept]]
    ours = model.scores(batch_of([3, 1, 6]))[0, 1:]
    torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-4)
    other = from_interactions([0, 0], ["a", kept[0]], name="other")
    with pytest.raises(
        WorkbenchError, match="does not know 1 of the 2 items of other, such as 'a'"
    ):
        import_checkpoint(tmp_path / "model.ckpt", data=other)


@pytest.mark.parametrize(
    ("model", "more", "reason"),
    [
        ("SASRec", {"transformer_layers_type": "x.LiGRLayers"}, "layers_type is LiGRLayers"),
        ("SASRec", {"similarity_module_kwargs": {"distance": "cosine"}}, "are a cosine distance"),
        ("BERT4Rec", {"use_key_padding_mask": False}, "attends to padding whose rows differ"),
        ("SASRec", {"use_causal_attn": False}, "a mask token and causal attention, or neither"),
        ("SASRec", {"item_net_constructor_type": "mine.Own"}, "item_net_constructor_type is Own"),
        ("SASRec", {"n_blocks": 3}, "say n_blocks 3, and its weights have 2"),
        ("BERT4Rec", {"use_pos_emb": False}, "say use_pos_emb False, and its weights have True"),
    ],
)
def test_what_the_models_here_have_not_is_told(model, more, reason, tmp_path):
    save(tmp_path / "model.ckpt", model, state_of(model), **more)
    with pytest.raises(WorkbenchError, match=reason) as caught:
        recognize(tmp_path / "model.ckpt")
    assert "\n" not in str(caught.value)


def test_a_file_without_its_settings_or_with_other_names_is_told(tmp_path):
    torch.save(state_of("SASRec"), tmp_path / "bare.ckpt")
    with pytest.raises(WorkbenchError, match="no hyper_parameters in it; save it by"):
        recognize(tmp_path / "bare.ckpt")
    save(tmp_path / "few.ckpt", "SASRec", state_of("SASRec"), NAMES[1:])
    with pytest.raises(WorkbenchError, match="its 21 rows of items have 20 names"):
        recognize(tmp_path / "few.ckpt")
    save(tmp_path / "twice.ckpt", "SASRec", state_of("SASRec"), [*NAMES[:-1], NAMES[3]])
    with pytest.raises(WorkbenchError, match=f"several of its items are called '{NAMES[3]}'; give"):
        recognize(tmp_path / "twice.ckpt")
