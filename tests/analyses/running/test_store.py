import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from analyses.running.results import Rows
from analyses.running.store import HELD, PieceList, Store, piece_key, read_pieces, write_pieces
from tests.analyses.handmade import Handmade, data_of
from workbench.model import weights_hash


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"model": pd.Categorical(["a", "b"] * 500), "tau": np.arange(1000.0)})


def test_a_piece_comes_back_as_it_was(tmp_path, frame):
    store = Store(tmp_path)
    assert store.get("k") is None
    store.put("k", frame)
    pd.testing.assert_frame_equal(store.get("k"), frame)
    assert [p.name for p in tmp_path.iterdir()] == ["k.piece"]
    assert Store(tmp_path, force=True).get("k") is None


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_half_a_file_is_not_reused(tmp_path, frame, share):
    store = Store(tmp_path)
    store.put("k", frame)
    path = store.path("k")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert store.get("k") is None


def test_a_flipped_bit_is_noticed_wherever_it_is(tmp_path, frame):
    """In the data, in the footer with the names of columns, and in what tells them from others."""
    store = Store(tmp_path)
    store.put("k", frame[:20])
    content = store.path("k").read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place % 8)
        store.path("k").write_bytes(flipped)
        assert store.get("k") is None


def test_a_piece_under_another_name_is_not_reused(tmp_path, frame):
    store = Store(tmp_path)
    store.put("k", frame)
    store.path("k").rename(store.path("other"))
    assert store.get("other") is None


def test_the_key_changes_with_everything_a_piece_depends_on():
    data, users = data_of([1, 2, 3]), np.array([0, 1])
    weights = weights_hash(Handmade([1.0, 2, 3, 4, 5]))
    given = {
        "diagnostic": "attention_worth",
        "weights": {"SASRec": weights},
        "data": data,
        "users": users,
        "seed": 0,
        "code": "c",
    }
    others = {
        "diagnostic": "gradient_agreement",
        "weights": {"SASRec": weights_hash(Handmade([1.0, 2, 3, 4, 6]))},
        "data": data_of([1, 2, 4]),
        "users": np.array([0, 2]),
        "seed": 1,
        "code": "d",
    }
    keys = [piece_key(**given)]
    keys += [piece_key(**{**given, name: other}) for name, other in others.items()]
    assert len(set(keys)) == len(keys)
    assert piece_key(**given) == keys[0]


def test_weights_hash_sees_names_values_and_configuration():
    model = Handmade([1.0, 2, 3, 4, 5])
    before = weights_hash(model)
    assert weights_hash(Handmade([1.0, 2, 3, 4, 5])) == before
    assert weights_hash(Handmade([1.0, 2, 3, 4, 5], "AC-SASRec")) != before
    with torch.no_grad():
        model.effect[1, 1] += 1e-12
    assert weights_hash(model) != before


def test_pieces_in_one_file_come_back_with_the_columns_of_all(tmp_path):
    pieces = [
        pd.DataFrame({"model": pd.Categorical(["a", "a"]), "user": [3, 1], "hit": [1.0, np.nan]}),
        pd.DataFrame(
            {"model": pd.Categorical(["b"]), "user": [3], "choice": pd.Categorical(["x"])}
        ),
        pd.DataFrame({"model": ["b"], "user": [1], "hit": [0], "short": [True]}),
    ]
    path = tmp_path / "table.parquet"
    write_pieces(pieces, path)
    back = list(read_pieces(path))
    assert [frame["user"].tolist() for frame in back] == [[3, 1], [3], [1]]
    expected = pd.concat([piece.astype({"model": str}) for piece in pieces], ignore_index=True)
    whole = pd.read_parquet(path)
    assert list(whole.columns) == list(expected.columns)
    assert whole.astype(str).to_numpy().tolist() == expected.astype(str).to_numpy().tolist()


@pytest.mark.parametrize("n", [HELD, HELD + 1])
def test_pieces_of_a_file_are_read_by_model_and_column(tmp_path, n):
    """As many as stay in memory, and one more."""
    users = pd.DataFrame({"user": range(3), "hit": 1.0})
    pieces = [users.assign(model=f"model {k % 2}", k=k) for k in range(n - 1)]
    both = pd.DataFrame({"user": [7, 8], "hit": 0.0, "model": ["model 0", "model 1"], "k": n - 1})
    path = tmp_path / "table.parquet"
    write_pieces([*pieces, both], path)
    parts = read_pieces(path).held()
    assert {isinstance(part, pd.DataFrame) for part in parts.pieces} == {n == HELD}
    rows = Rows(parts)
    of_one = list(rows.where(model="model 1").only(["user", "k"]))
    assert [frame["k"].iloc[0] for frame in of_one] == [*range(1, n - 1, 2), n - 1]
    assert of_one[-1].to_numpy().tolist() == [[8, n - 1]]
    assert [list(frame) for frame in rows.only(["k", "user"])] == [["k", "user"]] * n
    assert rows.n_users == 5


def test_pieces_of_a_store_are_read_by_column(tmp_path, frame):
    store = Store(tmp_path)
    store.put("k", frame)
    rows = Rows(PieceList([store.path("k"), frame], ["", ""]))
    for piece in rows.only(["tau", "model"]):
        pd.testing.assert_frame_equal(piece, frame[["tau", "model"]])


def test_columns_that_are_not_asked_for_are_not_read(tmp_path, monkeypatch):
    path, asked = tmp_path / "table.parquet", []
    frame = pd.DataFrame({"model": ["a"], "user": [1], "hit": [1.0]})
    write_pieces([frame] * (HELD + 1), path)
    rows = Rows(read_pieces(path))
    read = pq.ParquetFile.read_row_group

    def watched(self, k, columns):
        asked.append(columns)
        return read(self, k, columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", watched)
    rows.once(["user"], ["hit"])
    assert asked == [("user", "hit")] * (HELD + 1)


def test_rows_are_chosen_by_columns_that_are_read_for_it_alone(tmp_path, monkeypatch):
    path, asked = tmp_path / "table.parquet", []
    one = pd.DataFrame({"model": ["a", "a"], "user": [1, 2], "kind": ["x", "y"], "hit": [1.0, 0]})
    write_pieces([one, one.drop(columns="hit").assign(kind="y")], path)
    read = pq.ParquetFile.read_row_group

    def watched(self, k, columns):
        asked.append(columns)
        return read(self, k, columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", watched)
    of_one = Rows(read_pieces(path)).where(kind="x").only(["user"]).whole()
    assert of_one.to_dict("list") == {"user": [1]}
    assert asked == [("user", "kind")] * 2


def test_a_piece_without_a_chosen_row_may_lack_the_columns(tmp_path, frame):
    store = Store(tmp_path)
    for name, kind in (("k", "x"), ("other", "y")):
        store.put(name, frame.assign(kind=kind))
    store.put("weights", frame.assign(kind="z", weight=1.0))
    pieces = [store.path("k"), frame.assign(kind="y"), store.path("weights")]
    chosen = Rows(PieceList(pieces, [""] * 3)).where(kind="z").only(["weight"]).whole()
    assert chosen["weight"].tolist() == [1.0] * len(frame)


def test_pieces_in_files_are_written_as_those_in_memory_are(tmp_path, frame):
    store = Store(tmp_path)
    other = frame.drop(columns="tau").assign(kind=pd.Categorical(["x", "y"] * 500))
    frames = [frame, frame.iloc[:0].assign(more=1.0), other]
    for k, each in enumerate(frames):
        store.put(str(k), each)
    stored = PieceList([store.path(str(k)) for k in range(3)], ["", "", ""])
    read = []
    for pieces in (frames, stored, PieceList([frame, *stored.pieces[1:]], stored.models)):
        path = tmp_path / "table.parquet"
        write_pieces(pieces, path)
        assert pq.read_metadata(path).num_row_groups == 2
        read.append(pq.read_table(path))
    assert read[0].equals(read[1])
    assert read[0].equals(read[2])
    assert read[0].column_names == ["model", "tau", "kind"]
    write_pieces(frames[1:2], path)
    assert pq.read_table(path).column_names == ["model", "tau", "more"]
