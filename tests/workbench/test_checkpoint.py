"""Models written and read back; broken files end in one sentence, and leave nothing behind."""

import json
import math
import os
import pickle
import re
import resource
import struct
import warnings
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models import BACKBONES, ModelConfig, SASRec
from models.calibration import AnnealingCorrection
from tests.models.variants import batch_of, build
from tests.workbench.tiny import data_of
from workbench import adapt, build_model, checkpoint, load_data, model_folders, train
from workbench.checkpoint import load_model, save_model
from workbench.data import DataUnavailable
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.files import check_writable
from workbench.model_folders import CARD, TOKENS, WEIGHTS

BATCH = batch_of([3, 1, 4], [9, 2])


def model_of(variant="SASRec", seed=0):
    return build(variant, seed).float()


@pytest.fixture
def saved(tmp_path):
    return save_model(model_of(), tmp_path / "model")


def told(folder):
    with pytest.raises(WorkbenchError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def same(one, other):
    states = one.state_dict(), other.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][name], states[1][name]) for name in states[0]
    )


@pytest.mark.parametrize(
    "variant",
    ["SASRec", "SASRec-uniform", "light-d", "AC-annealing-one-learned-renormalize-o"],
)
def test_a_model_comes_back_as_it_was(variant, tmp_path):
    model = model_of(variant)
    card = {"seed": 3, "metrics": {"test": {"hit@10": 0.5}}, "command": "é"}
    folder = save_model(model.train(), tmp_path / "new" / "model", card)
    assert folder == tmp_path / "new" / "model"
    assert sorted(p.name for p in folder.iterdir()) == [CARD, WEIGHTS]
    found = load_model(str(folder))
    assert not found.training
    assert found.config == model.config
    assert same(found, model)
    assert torch.equal(found.scores(BATCH), model.eval().scores(BATCH))
    assert {k: found.card[k] for k in card} == card
    written = json.loads((folder / CARD).read_text(encoding="utf-8"))
    assert written.pop("files") == {WEIGHTS: sha256((folder / WEIGHTS).read_bytes()).hexdigest()}
    assert written == found.card
    steps = [m.step.item() for m in found.modules() if isinstance(m, AnnealingCorrection)]
    assert steps == ([50_000] * 2 if "annealing" in variant else [])


def test_a_model_is_built_from_copies_in_single_precision():
    model = model_of()
    state = {name: tensor.double() for name, tensor in model.state_dict().items()}
    copy = checkpoint.build(model.config, state)
    assert {parameter.dtype for parameter in copy.parameters()} == {torch.float32}
    assert all(parameter.requires_grad for parameter in copy.parameters())
    again = checkpoint.build(model.config, copy.state_dict())
    with torch.no_grad():
        again.item_embedding.weight.zero_()
    torch.testing.assert_close(copy.item_embedding.weight, model.item_embedding.weight)


def test_a_loaded_model_keeps_its_card_when_saved_again(tmp_path):
    first = load_model(save_model(model_of(), tmp_path / "a", {"seed": 3}))
    assert load_model(save_model(first, tmp_path / "b")).card["seed"] == 3


def test_a_flipped_bit_of_a_file_is_told(tmp_path):
    """Wherever it is: a shape, a name, a weight that stays a number, the id of an item."""
    folder = save_model(with_tokens(model_of()), tmp_path / "model")
    for name in (WEIGHTS, TOKENS):
        content = (folder / name).read_bytes()
        for place in range(0, len(content), max(1, len(content) // 50)):
            flipped = bytearray(content)
            flipped[place] ^= 1
            (folder / name).write_bytes(flipped)
            told(folder)
        if name == WEIGHTS:  # the last of them is a number as before
            (folder / name).write_bytes(content[:-4] + bytes([content[-4] ^ 1]) + content[-3:])
            assert f"{folder / name} is not the file that {CARD} tells of" in told(folder)
        (folder / name).write_bytes(content)
    assert load_model(folder).item_ids is not None


def test_a_model_half_of_which_was_replaced_is_not_taken_for_either(tmp_path):
    """As a kill between two files leaves it; and tokens of an earlier model are not the next's."""
    older, newer = (with_tokens(model_of(seed=seed)) for seed in (0, 1))
    folder = save_model(older, tmp_path / "model")
    other = save_model(newer, tmp_path / "other")
    (folder / WEIGHTS).write_bytes((other / WEIGHTS).read_bytes())
    assert "is not the file" in told(folder)
    tokens = (other / TOKENS).read_bytes()
    newer.item_ids = None
    save_model(newer, other)
    assert not (other / TOKENS).exists()
    (other / TOKENS).write_bytes(tokens)
    assert load_model(other).item_ids is None


def with_tokens(model, users=None):
    n = model.config.n_items
    model.item_ids = np.array(["[pad]", *(f"\N{SNOWMAN}{k}" for k in range(n))], dtype=object)
    if users is not None:
        model.user_ids = np.array([f"u{k}" for k in range(users)], dtype=object)
    return model


@pytest.mark.parametrize("users", [None, 3])
def test_tokens_come_back(users, tmp_path):
    model = with_tokens(model_of(), users)
    if users:
        data = data_of([1, 2, 3], [1, 2], [3, 1])
        model = with_tokens(build_model("SSE-PT", data), users)
    found = load_model(save_model(model, tmp_path / "model"))
    for given, read in ((model.item_ids, found.item_ids), (model.user_ids, found.user_ids)):
        assert (read is None) == (given is None)
        assert read is None or (read.dtype == object and read.tolist() == given.tolist())
    again = load_model(save_model(found, tmp_path / "again"))
    assert again.item_ids.tolist() == model.item_ids.tolist()
    assert "item_ids" not in json.loads((tmp_path / "model" / CARD).read_text())


def test_a_model_without_tokens_leaves_none_of_an_older_one(tmp_path):
    folder = save_model(with_tokens(model_of()), tmp_path / "model")
    save_model(model_of(seed=1), folder)
    assert sorted(p.name for p in folder.iterdir()) == [CARD, WEIGHTS]
    assert load_model(folder).item_ids is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"[]", "list indices"),
        (b"{}", "'items'"),
        (b"[" * 50_000, "recursion"),
        (b"\xff", "decode"),
        (b'{"items": {"a": 1}, "users": null}', "items is no list of texts"),
        (b'{"items": [1, 2], "users": null}', "items is no list of texts"),
        (b'{"items": ["a", "b"], "users": null}', "2 items, where the model has 12"),
        (b'{"items": ["a", "a"%s], "users": null}' % (b', "b"' * 10), "two items have the same"),
        (b'{"items": [%s], "users": ["u"]}', "1 users, where the model has 0"),
        (b'{"items": ["\\ud800"%s], "users": null}' % (b', "b"' * 11), "surrogates not allowed"),
        (b" " * 4096 * 14, "more than 4,096 bytes for each"),
    ],
)
def test_broken_tokens_are_told(content, reason, tmp_path):
    folder = save_model(with_tokens(model_of()), tmp_path / "model")
    if content.startswith(b'{"items": [%s]'):
        content %= b", ".join(b'"%d"' % k for k in range(12))
    (folder / TOKENS).write_bytes(content)
    message = told(folder)
    assert message.startswith(f"{folder / TOKENS}: not the tokens of this model (")
    assert re.search(reason, message)
    assert "delete it" in message
    (folder / TOKENS).unlink()
    assert load_model(folder).item_ids is None


def test_shipped_models_know_their_items():
    folders = [path.parent for path in model_folders.PRETRAINED.glob(f"*/{CARD}")]
    assert folders
    known = {tuple(load_model(folder).item_ids) for folder in folders}
    assert len(known) == 1
    users = {tuple(m.user_ids) for f in folders if (m := load_model(f)).needs_users}
    assert len(users) == 1
    try:
        data = load_data("ml-100k")
    except DataUnavailable as error:
        pytest.skip(str(error))
    assert known == {tuple(data.item_ids)}
    assert users == {tuple(data.user_ids)}
    for folder in folders:
        assert load_model(folder).card["data"]["checksum"] == data.checksum


def test_a_newer_model_replaces_an_older(saved):
    newer = model_of("light-od", seed=1)
    save_model(newer, saved)
    assert same(load_model(saved), newer)
    assert [p.name for p in saved.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("failing", ["save_file", "dumps", "_tokens_text"])
def test_where_writing_fails_nothing_is_left_and_the_old_stays(saved, failing, monkeypatch):
    def full(state, path, **_):
        path.write_bytes(b"half")
        raise OSError("no space left")

    def unwritable(*_, **__):
        raise TypeError("not JSON")

    if failing == "save_file":
        monkeypatch.setattr(checkpoint, "save_file", full)
    elif failing == "_tokens_text":
        monkeypatch.setattr(checkpoint, "_tokens_text", unwritable)
    else:
        monkeypatch.setattr(checkpoint.json, "dumps", unwritable)
    for name in ("model", "other"):
        with pytest.raises((WorkbenchError, TypeError), match=f"{name} cannot be.*no space|JSON"):
            save_model(with_tokens(model_of(seed=1)), saved.parent / name)
    monkeypatch.undo()
    assert [p.name for p in saved.parent.iterdir()] == ["model"]
    assert same(load_model(saved), model_of())


def test_a_place_that_cannot_be_written_is_named_as_given(tmp_path):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "model"
    for write in (lambda: save_model(model_of(), folder), lambda: check_writable(folder)):
        with pytest.raises(WorkbenchError) as caught:
            write()
        assert str(caught.value).startswith(f"{folder} cannot be written to: ")
    assert (tmp_path / "file").is_file()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"null",
        b'{"config": 3}',
        b'{"config": {}}',
        b'{"config": {"name": "x", "n_items": 12, "colour": "red"}}',
        b'{"config": {"name": "x", "n_items": "many"}}',
        b'{"config": {"name": "x", "n_items": 0}}',
        b'{"config": {"name": "x", "n_items": 12, "calibration": {"colour": 1}}}',
        b'{"config": {"name": "x", "n_items": 12, "calibration": "gate"}}',
        b"\xff\xfe{}",
        b'{"config": {"name": ["x"], "n_items": 12}}',
        b'{"config": {"name": "x", "n_items": 12.0}}',
        b'{"config": {"name": "x", "n_items": 12, "n_heads": 2.0}}',
        b'{"config": {"name": "x", "n_items": 12, "layer_norm_eps": "x"}}',
        b'{"config": {"name": "x", "n_items": 12, "layer_norm_eps": NaN}}',
        b'{"config": {"name": "x", "n_items": 12, "input_norm": 1}}',
        b'{"config": {"name": "x", "n_items": 12, "calibration": {"alpha": "half"}}}',
        b'{"config": {"name": "x", "n_items": 12}, "metrics": {"test": {"ndcg@10": Infinity}}}',
        b"[" * 100_000,
    ],
)
def test_a_broken_card_is_told(saved, content):
    (saved / CARD).write_bytes(content)
    message = told(saved)
    assert f"{saved / CARD}: not a model card" in message
    assert "train or save the model again" in message


@pytest.mark.parametrize("change", [{"hidden_size": 16}, {"n_items": 40}, {"n_layers": 1}])
def test_weights_of_another_shape_are_told(saved, change):
    card = json.loads((saved / CARD).read_text())
    card["config"] |= change
    (saved / CARD).write_text(json.dumps(card))
    assert f"{saved / WEIGHTS}: the weights do not fit card.json" in told(saved)


CLAIMS: list[dict] = [
    {"n_items": 40_000_000},  # 10 GB in single precision, where the file has a few kilobytes
    {"n_items": 2**61},
    {"n_items": 2**70},
    {"hidden_size": 2**31},
    {"n_layers": 10**9},
    {"max_length": 10**12},
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_what_a_card_claims_is_compared_before_memory_is_taken(saved, claim):
    card = json.loads((saved / CARD).read_text())
    card["config"] |= {"hidden_size": 64} | claim
    (saved / CARD).write_text(json.dumps(card))
    limit = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, limit[1]))
    try:
        message = told(saved)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)
    assert f"{saved / WEIGHTS}: the weights do not fit card.json" in message
    assert len(message) < 500


def test_a_header_that_claims_more_than_the_file_holds_is_told(saved):
    header = {"norm.weight": {"dtype": "F32", "shape": [10**10], "data_offsets": [0, 4 * 10**10]}}
    text = json.dumps(header).encode()
    (saved / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + b"0" * 64)
    assert "the weights do not fit" in told(saved)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_files_follow_the_umask(umask, tmp_path):
    before = os.umask(umask)
    try:
        folder = save_model(model_of(), tmp_path / "model")
    finally:
        os.umask(before)
    for name in (CARD, WEIGHTS):
        assert (folder / name).stat().st_mode & 0o777 == 0o666 & ~umask
    assert folder.stat().st_mode & 0o777 == 0o777 & ~umask


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.999])
def test_truncated_weights_are_told(saved, share):
    size = os.path.getsize(saved / WEIGHTS)
    os.truncate(saved / WEIGHTS, int(size * share))
    assert f"{saved / WEIGHTS}: the weights do not fit" in told(saved)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_told(saved, value):
    state = load_file(saved / WEIGHTS)
    state["item_embedding.weight"][3, 0] = value
    save_file(state, saved / WEIGHTS)
    assert f"{saved / WEIGHTS}: item_embedding.weight has values that are no finite" in told(saved)


@pytest.mark.parametrize("part", ["training", "metrics", "data"])
def test_a_part_of_a_card_is_an_object(saved, part):
    card = json.loads((saved / CARD).read_text())
    (saved / CARD).write_text(json.dumps(card | {part: None}))
    assert f"not a model card (its '{part}' is None" in told(saved)


def test_a_card_without_checksums_is_told(saved):
    card = json.loads((saved / CARD).read_text())
    del card["files"]
    (saved / CARD).write_text(json.dumps(card))
    assert "not a model card (it has no 'files', the checksums of the files" in told(saved)


def test_missing_weights_are_told(saved):
    (saved / WEIGHTS).unlink()
    assert str(saved / WEIGHTS) in told(saved)


def test_nothing_in_the_weights_is_executed(saved, tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    (saved / WEIGHTS).write_bytes(pickle.dumps(Hostile()))
    told(saved)
    torch.save(Hostile(), saved / WEIGHTS)
    told(saved)
    assert not (tmp_path / "executed").exists()


def test_models_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(model_folders, "PRETRAINED", tmp_path / "shipped")
    assert told("beauty").startswith("beauty: no model here")
    assert "a shipped model: none." in told("beauty")
    save_model(model_of(), tmp_path / "shipped" / "beauty")
    save_model(model_of("light-o"), tmp_path / "shipped" / "a")
    assert same(load_model("beauty"), model_of())
    assert "a shipped model: a, beauty." in told("yelp")
    assert "no card.json" in told(tmp_path)


def test_a_folder_called_like_a_shipped_model_is_not_taken_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(model_folders, "PRETRAINED", tmp_path / "shipped")
    save_model(model_of(), tmp_path / "shipped" / "beauty")
    save_model(model_of("light-o"), tmp_path / "here" / "beauty")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.warns(WorkbenchWarning, match=r"the shipped model; .* write \./beauty\."):
        assert same(load_model("beauty"), model_of())
    for folder in ("./beauty", Path("beauty")):
        assert same(load_model(folder), model_of("light-o"))


def test_a_class_that_would_be_loaded_as_another_is_not_saved(tmp_path):
    class Reversed(SASRec):
        """A class of somebody's own, without a name of its own."""

        def inputs(self, tokens, x):
            return super().inputs(tokens, x).flip(-1)

    data = data_of(*([1, 2, 3, 4, 5] for _ in range(3)))
    model = Reversed(ModelConfig("SASRec", 12, hidden_size=8, inner_size=8, max_length=6))
    for write in (save_model, lambda model, folder: train(model, data, folder, epochs=1)):
        with pytest.raises(WorkbenchError, match=r"Reversed has the name .* SASRec.*`name` of its"):
            write(model, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_class_that_nobody_knows_is_saved_with_the_way_to_load_it(tmp_path, monkeypatch):
    class Own(SASRec):
        name = "Own"

    model = Own(ModelConfig("Own", 12, hidden_size=8, inner_size=8, max_length=6)).eval()
    way = "write models.BACKBONES['Own'] = "
    with pytest.warns(WorkbenchWarning, match=re.escape(f"before load_model, {way}Own, or add")):
        save_model(model, tmp_path / "m")
    assert f"no backbone 'Own' in models.BACKBONES, which has {', '.join(BACKBONES)};" in told(
        tmp_path / "m"
    )
    assert f"of your own, {way}the class" in told(tmp_path / "m")
    monkeypatch.setitem(BACKBONES, "Own", Own)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert type(load_model(save_model(model, tmp_path / "m"))) is Own


def test_a_model_that_was_adapted_is_neither_saved_nor_trained(tmp_path):
    data = data_of(*([1, 2, 3, 4, 5] for _ in range(3)))
    scores = torch.zeros(3, 13)
    model = adapt(lambda batch: scores[: len(batch.items)], n_items=12, max_length=6)
    with pytest.raises(WorkbenchError, match=r"none of this repository's models.*adapt it again"):
        save_model(model, tmp_path / "m")
    with pytest.raises(WorkbenchError, match=r"none of this repository's models.*own code"):
        train(model, data)
    assert not (tmp_path / "m").exists()
