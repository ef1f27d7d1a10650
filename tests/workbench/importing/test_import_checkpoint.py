"""A foreign model put in the order of our data; wrong data refused; what the card tells."""

import hashlib
import json
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tests.models.variants import batch_of
from tests.workbench.importing.files import HIDDEN, chain_state, s3_state
from workbench import (
    WorkbenchError,
    WorkbenchWarning,
    evaluate,
    import_checkpoint,
    load_data,
    load_model,
    save_model,
)
from workbench.__main__ import app
from workbench.data import from_interactions
from workbench.importing.numbering import item_rows, user_rows

N_ITEMS = 30


@pytest.fixture(scope="module")
def interactions():
    """Users walking along a random cycle of item tokens, rows shuffled; and one with a single item.

    The item of the lone user comes first in the file, so that dropping that user renumbers all.
    """
    rng = np.random.default_rng(0)
    cycle = rng.permutation(N_ITEMS - 1) + 1
    rows = [(f"u{u}", int(cycle[(u * 3 + t) % len(cycle)]), t) for u in range(60) for t in range(9)]
    order = rng.permutation(len(rows))
    return [("lone", N_ITEMS, 0), *(rows[i] for i in order)], cycle


def write_recbole(place, rows, cycle):
    """Interactions as RecBole's file, and a model of them numbered by first appearance in it."""
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    lines += [f"{user}\t{item}\t{time}" for user, item, time in rows]
    (place / "walks.inter").write_text("\n".join(lines) + "\n")
    numbers: dict[int, int] = {}
    for _, item, _ in rows:
        numbers.setdefault(item, len(numbers) + 1)
    successor = np.zeros(len(numbers) + 1, dtype=np.int64)
    for now, then in zip(cycle, np.roll(cycle, -1), strict=True):
        successor[numbers[now]] = numbers[then]
    torch.save({"state_dict": chain_state(successor)}, place / "walks.pth")


@pytest.fixture
def place(interactions, tmp_path):
    """A RecBole data set, and a model for it numbered by first appearance, as RecBole does."""
    rows, cycle = interactions
    write_recbole(tmp_path, rows, cycle)
    by_id = np.zeros(N_ITEMS + 1, dtype=np.int64)
    by_id[cycle] = np.roll(cycle, -1)
    torch.save(s3_state(chain_state(by_id)), tmp_path / "walks-s3.pt")
    return tmp_path


@pytest.mark.parametrize("file", ["walks.pth", "walks-s3.pt"])
def test_items_are_put_in_the_order_of_our_data(place, file):
    """Here a lone user is dropped, whose item comes first, so every item has another number."""
    data = load_data(place / "walks.inter")
    assert data.n_items == N_ITEMS - 1
    assert not (data.item_ids[1:].astype(int) == np.arange(1, N_ITEMS)).all()
    model = import_checkpoint(place / file, place / "model", data=str(place / "walks.inter"))
    assert model.config.n_items == data.n_items
    assert evaluate(model, data).metrics["hit@1"] == 1
    kept = load_model(place / "model")
    assert evaluate(kept, data).metrics["hit@1"] == 1
    assert kept.card["data"]["checksum"] == data.checksum
    assert kept.card["metrics"]["test"]["hit@1"] == 1
    assert any(
        note.startswith("1 of its items do not occur") for note in kept.card["origin"]["notes"]
    )


@pytest.fixture
def reordered(interactions, tmp_path):
    """As `place`, where lone users come first who chose, in another order, what others chose too.

    Returns a function: how many items are renumbered -> the path of the data.
    """
    (_, *rows), cycle = interactions

    def write(n):
        lone = list(dict.fromkeys(item for _, item, _ in rows))[:n][::-1]
        rows_of_lone = [(f"lone{user}", item, 0) for user, item in enumerate(lone)]
        write_recbole(tmp_path, rows_of_lone + rows, cycle)
        return tmp_path / "walks.inter"

    return write


@pytest.mark.parametrize("n", [12, N_ITEMS - 1])
@pytest.mark.parametrize("read", [str, load_data])
def test_items_are_numbered_by_all_users_of_a_file(reordered, n, read):
    """Also where those who stay, chose as many items, so that the counts do not tell."""
    path = reordered(n)
    data = load_data(path)
    assert data.n_items == load_data(path, min_user=1).n_items
    model = import_checkpoint(path.with_suffix(".pth"), data=read(path))
    assert evaluate(model, data).metrics["hit@1"] == 1
    [note] = [note for note in model.card["origin"]["notes"] if "numbered" in note]
    assert "by all users of walks, or by those of 2 interactions or more; the first was" in note


def test_items_are_numbered_by_those_who_stay_where_a_model_learned_from_them_alone(reordered):
    """Where the file is there no more, nothing else is known of it either."""
    path = reordered(12)
    data = load_data(path)
    successor = np.zeros(N_ITEMS, dtype=np.int64)
    for history in map(data.history, range(data.n_users)):
        successor[history[:-1]] = history[1:]
    torch.save(chain_state(successor), path.with_suffix(".pth"))
    model = import_checkpoint(path.with_suffix(".pth"), data=path)
    assert evaluate(model, data).metrics["hit@1"] == 1
    assert any("; the second was taken" in note for note in model.card["origin"]["notes"])
    path.unlink()
    model = import_checkpoint(path.with_suffix(".pth"), data=data)
    assert evaluate(model, data).metrics["hit@1"] == 1


def test_an_order_that_ranks_do_not_tell_is_asked_for(reordered):
    path = reordered(2)
    with pytest.raises(WorkbenchError, match="its ranks of training items do not tell") as caught:
        import_checkpoint(path.with_suffix(".pth"), data=path)
    reached = {}
    for remedy in ("?min_user=1", "?min_user=2"):
        assert remedy in str(caught.value)
        model = import_checkpoint(path.with_suffix(".pth"), data=f"{path}{remedy}")
        reached[remedy] = evaluate(model, load_data(path)).metrics["hit@1"]
    assert reached["?min_user=1"] == 1 > reached["?min_user=2"]


def test_without_data_the_numbering_stays_theirs(place):
    model = import_checkpoint(place / "walks.pth")
    whole = load_data(place / "walks.inter", min_user=1)
    assert model.config.n_items == whole.n_items == N_ITEMS
    with pytest.warns(WorkbenchWarning, match="which data SASRec learned from is not known"):
        assert evaluate(model, whole).metrics["hit@1"] == 1
    assert "metrics" not in model.card


def test_the_card_tells_the_origin(place):
    model = import_checkpoint(place / "walks.pth", place / "model")
    card = json.loads((place / "model" / "card.json").read_text())
    digest = hashlib.sha256((place / "walks.pth").read_bytes()).hexdigest()
    assert card["origin"]["file"] == "walks.pth"
    assert card["origin"]["sha256"] == digest
    assert card["origin"]["format"] == "RecBole"
    assert card["origin"]["assumed"]["n_heads"] == 2
    batch = batch_of([1, 2, 3])
    assert torch.equal(load_model(place / "model").scores(batch), model.scores(batch))


def test_a_model_that_was_trained_is_not_replaced(place):
    imported = import_checkpoint(place / "walks.pth", place / "model")
    import_checkpoint(place / "walks.pth", place / "model")  # again
    save_model(imported, place / "trained", {"training": {}})
    before = {path: path.read_bytes() for path in (place / "trained").iterdir()}
    with pytest.raises(
        WorkbenchError, match="trained: holds a model that was not imported; choose"
    ):
        import_checkpoint(place / "walks.pth", place / "trained")
    assert {path: path.read_bytes() for path in (place / "trained").iterdir()} == before


def test_data_of_another_size_is_refused(place):
    data = from_interactions(["a", "a", "b", "b"], [1, 2, 2, 3], name="other")
    with pytest.raises(WorkbenchError, match=r"walks\.pth knows 30 items and other has 3; give"):
        import_checkpoint(place / "walks.pth", data=data)
    far = from_interactions(["a", "a", "b", "b"], [1, 2, 2, 40], name="far")
    with pytest.raises(WorkbenchError, match="knows items 1 to 30, and far has the item 40"):
        import_checkpoint(place / "walks-s3.pt", data=far)
    words = from_interactions(["a", "a"], ["red", "blue"], name="words")
    with pytest.raises(WorkbenchError, match="ids such as 'red'"):
        import_checkpoint(place / "walks-s3.pt", data=words)


def with_rows(state, name, more):
    """The state with so many rows more, or fewer, at the end of its item table."""
    table = state[name]
    rows = torch.cat([table, torch.ones(max(more, 0), HIDDEN)])[: len(table) + more]
    return state | {name: rows}


@pytest.mark.parametrize(
    ("file", "more", "wanted", "reason"),
    [
        ("walks.pth", 1, 1, "the last row of its item table stands for no item, such as a mask"),
        ("walks.pth", 3, 3, "the last 3 rows of its item table stand for items that nobody chose"),
        ("walks-s3.pt", -1, 0, "all rows of its item table stand for items"),
    ],
)
def test_rows_that_stand_for_no_item_are_left_out_as_the_refusal_says(
    place, file, more, wanted, reason
):
    """A lone user is dropped here, so that the data have one item fewer than the file."""
    bare = torch.load(place / file, weights_only=True)
    state = bare.get("state_dict", bare)
    name = next(name for name in state if name.startswith("item_embedding"))
    torch.save(with_rows(state, name, more), place / "other.pth")
    data = str(place / "walks.inter")
    if file.endswith(".pt"):  # numbered by ids, of which the lone user has the last
        data += "?min_user=1"
    with pytest.raises(WorkbenchError) as caught:
        import_checkpoint(place / "other.pth", data=data)
    refusal = str(caught.value)
    assert f"; or, where {reason}" in refusal
    option = refusal.rpartition("give the option ")[2].removesuffix(".")
    assert option == f"extra_rows={wanted}"
    out = str(place / "model")
    command = ["import", str(place / "other.pth"), "--data", data, "--out", out]
    assert CliRunner().invoke(app, command).exit_code != 0
    done = CliRunner().invoke(app, [*command, "--option", option])
    assert done.exit_code == 0, done.output
    loaded, read = load_model(out), load_data(data)
    assert loaded.config.n_items == read.n_items
    assert evaluate(loaded, read).metrics["hit@1"] == 1
    noted = [note for note in loaded.card["origin"]["notes"] if "left out" in note]
    assert any(note.startswith("The last ") for note in noted) == bool(wanted)


def test_wrong_numbers_of_rows_are_refused(place):
    data = load_data(place / "walks.inter", min_user=1)
    for rows, reason in (
        (-1, "extra_rows is -1, where a number of rows is expected"),
        (True, "extra_rows is True"),
        (99, "n_items is -69"),
        (2, r"knows 28 items and walks has 30; .*; or, where all rows .* extra_rows=0\.$"),
    ):
        with pytest.raises(WorkbenchError, match=reason):
            import_checkpoint(place / "walks.pth", data=data, extra_rows=rows)


def test_ids_that_do_not_belong_together_are_refused_and_nothing_is_written(place):
    data = load_data(place / "walks.inter", min_user=1)
    other = replace(
        data, items=np.append(0, 1 + np.random.default_rng(1).permutation(N_ITEMS))[data.items]
    )
    with pytest.raises(WorkbenchError, match=r"at chance level on walks \(MRR") as caught:
        import_checkpoint(place / "walks.pth", place / "model", data=other)
    assert "\n" not in str(caught.value)
    assert not (place / "model").exists()
    with pytest.raises(WorkbenchError, match="at chance level"):
        import_checkpoint(place / "walks.pth", data=data, numbering="ids")
    with pytest.raises(WorkbenchError, match="numbering='time' is not known"):
        import_checkpoint(place / "walks.pth", data=data, numbering="time")
    with pytest.raises(WorkbenchError, match="give data"):
        import_checkpoint(place / "walks.pth", numbering="ids")


def test_an_untrained_model_is_refused_with_data_and_taken_without(place):
    state = chain_state(np.zeros(N_ITEMS + 1, dtype=np.int64))
    torch.save(state, place / "untrained.pth")
    with pytest.raises(WorkbenchError, match="or it was never trained"):
        import_checkpoint(
            place / "untrained.pth", data=load_data(place / "walks.inter", min_user=1)
        )
    assert import_checkpoint(place / "untrained.pth").config.n_items == N_ITEMS


def test_rows_by_hand():
    data = from_interactions(["a", "a", "a"], [5, 2, 4], name="hand")
    [by_ids], [by_appearance] = (
        item_rows("m", n_items, numbering, data)
        for n_items, numbering in ((6, "ids"), (3, "appearance"))
    )
    assert by_ids.tolist() == [0, 5, 2, 4]
    assert by_appearance.tolist() == [0, 1, 2, 3]


def test_users_are_put_in_the_order_of_our_data(place):
    """The lone user comes first in the file, so that dropping that user renumbers all."""
    data = load_data(place / "walks.inter")
    whole = load_data(place / "walks.inter", min_user=1)
    rows = user_rows("m", whole.n_users, data)
    assert rows[0] == 0
    assert [whole.user_ids[row - 1] for row in rows[1:]] == list(data.user_ids)
    assert rows.tolist() == list(range(1)) + list(range(2, whole.n_users + 1))
    with pytest.raises(WorkbenchError, match="knows 7 users and walks has 60"):
        user_rows("m", 7, data)


def test_items_that_only_an_item_file_lists_come_last(place):
    """RecBole numbers items of the .inter file first, then those the .item file adds."""
    bare = torch.load(place / "walks.pth", weights_only=True)["state_dict"]
    torch.save(with_rows(bare, "item_embedding.weight", 2), place / "more.pth")
    listed = ["new", "3", "newer", "1"]
    lines = ["item_id:token\tprice:float", *(f"{item}\t1" for item in listed)]
    (place / "walks.item").write_text("\n".join(lines) + "\n")
    model = import_checkpoint(place / "more.pth", place / "m", data=place / "walks.inter")
    data = load_data(place / "walks.inter")
    assert load_model(place / "m").item_ids.tolist() == data.item_ids.tolist()
    assert evaluate(model, data).metrics["hit@1"] == 1
    assert model.card["origin"]["notes"][-1].startswith("3 of its items do not occur")


def test_the_command(place):
    out, data = str(place / "model"), str(place / "walks.inter")
    done = CliRunner().invoke(
        app, ["import", str(place / "walks.pth"), "--out", out, "--data", data]
    )
    assert done.exit_code == 0, done.output
    assert "RecBole SASRec: 29 items, layers 1, heads 2" in done.output
    assert "n_heads=2" in done.output
    assert "test: hit@10 1.0000, ndcg@10 1.0000" in done.output
    more = ["--option", "n_heads=4", "--option", "numbering=ids"]
    again = CliRunner().invoke(
        app, ["import", str(place / "walks-s3.pt"), "--out", out, "--data", data, *more]
    )
    assert again.exit_code == 0, again.output
    assert load_model(out).config.n_heads == 4


def wrong_files(state, place):
    """Files that are no checkpoint of a model known here, and what is said of each."""
    torch.save(state, place / "whole.pth")
    whole = (place / "whole.pth").read_bytes()
    spoiled = {**state, "LayerNorm.weight": torch.full((HIDDEN,), float("nan"))}
    torch.save(spoiled, place / "spoiled.pth")
    torch.save(torch.nn.Linear(2, 3).state_dict(), place / "linear.pth")
    with zipfile.ZipFile(place / "letters.pth", "w") as archive:
        archive.writestr("letter.txt", "dear")
    table = {"dtype": "F32", "shape": [40_000_000, 64], "data_offsets": [0, 40_000_000 * 256]}
    header = json.dumps({"item_embedding.weight": table}).encode()
    claim = struct.pack("<Q", len(header)) + header + bytes(64)
    (place / "claim.safetensors").write_bytes(claim)
    (place / "truncated.pth").write_bytes(whole[: len(whole) // 2])
    return {
        "truncated.pth": "no whole checkpoint",
        "linear.pth": "(weight, bias) are of no model the workbench knows",
        "spoiled.pth": "LayerNorm.weight holds values that are not finite",
        "letters.pth": "is a zip archive and no whole checkpoint",
        "claim.safetensors": "no whole safetensors file",
    }


def test_wrong_files_end_in_one_sentence_and_write_nothing(place):
    state = torch.load(place / "walks.pth", weights_only=True)["state_dict"]
    for name, reason in wrong_files(state, place).items():
        with pytest.raises(WorkbenchError) as caught:
            import_checkpoint(place / name, place / "model", data=place / "walks.inter")
        message = str(caught.value)
        assert message.startswith(str(place / name))
        assert reason in message
        assert "\n" not in message
        assert message.endswith(".")
        done = CliRunner().invoke(app, ["import", str(place / name), "--out", str(place / "model")])
        assert done.exit_code != 0
        assert "Traceback" not in done.output
        assert not (place / "model").exists()
