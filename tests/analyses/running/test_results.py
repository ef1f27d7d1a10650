import pandas as pd
import pytest

from analyses.running import results
from analyses.running.results import Results, Rows
from analyses.running.store import PieceList, Store


def piece(model: str, users: range, kinds: str = "xy") -> pd.DataFrame:
    rows = [(user, kind, 10.0 * user) for user in users for kind in kinds]
    frame = pd.DataFrame(rows, columns=["user", "kind", "value"])
    words = {"kind": pd.Categorical(frame["kind"]), "model": pd.Categorical([model] * len(frame))}
    return frame.assign(**words)


@pytest.fixture
def stored(tmp_path) -> Results:
    """Two pieces of each of two models, the second of other kinds, and then one of both."""
    store = Store(tmp_path)
    frames = [
        *(piece("a", range(3)), piece("a", range(3, 5), "yz")),
        *(piece("b", range(3)), piece("b", range(3, 5))),
        pd.concat([piece("a", range(1)), piece("b", range(1))], ignore_index=True).assign(more=1),
    ]
    for k, frame in enumerate(frames):
        store.put(str(k), frame)
    parts = PieceList([store.path(str(k)) for k in range(5)], ["a", "a", "b", "b", ""])
    return Results(Rows(parts), None)  # type: ignore[arg-type]


def test_what_is_gathered_has_the_rows_of_the_pieces_in_their_order(stored):
    source = stored.gathered().rows.source
    assert [len(part) for part in source.pieces] == [10, 10, 4]
    assert list(source.models) == ["a", "b", ""]
    together = [frame.astype({"kind": str, "model": str}) for frame in source]
    apart = [frame.astype({"kind": str, "model": str}) for frame in stored.rows]
    pd.testing.assert_frame_equal(
        pd.concat(together, ignore_index=True), pd.concat(apart, ignore_index=True)
    )
    for rows in (stored.rows, stored.gathered().rows):
        chosen = rows.where(model="a", kind="y").only(["user"]).whole()
        assert chosen["user"].tolist() == [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_no_more_is_gathered_than_there_is_room_for(stored, monkeypatch, n):
    taken = [int(frame.memory_usage().sum()) for frame in stored.rows]
    monkeypatch.setattr(results, "ROOM", sum(taken[:n]))
    source = stored.gathered().rows.source
    in_memory = [part for part in source.pieces if isinstance(part, pd.DataFrame)]
    assert sum(map(len, in_memory)) == sum(len(frame) for frame in list(stored.rows)[:n])
    assert list(source.pieces[len(in_memory) :]) == list(stored.rows.source.pieces[n:])
    assert sum(map(len, source)) == sum(map(len, stored.rows))
    assert len(source.models) == len(source.pieces)
