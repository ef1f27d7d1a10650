"""Folders of Parquet files whose columns, or their types, differ; and what folder names say."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workbench.data.reading import refused, tokens
from workbench.data import load_data


def parts(folder, *tables):
    folder.mkdir()
    for number, columns in enumerate(tables):
        pq.write_table(pa.table(columns), folder / f"part-{number}.parquet")
    return folder


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_one_file_lacks_is_a_column(tmp_path, first):
    bare = {"user": [1, 1], "item": ["y", "z"]}
    timed = {"user": [1, 1], "item": ["b", "a"], "timestamp": [1500000060, 1500000000]}
    folder = parts(tmp_path / "log", *([bare, timed] if first == 0 else [timed, bare]))
    said = refused(folder)
    assert f"row {1 + 2 * first}: timestamp is missing, as in 2 of 4 rows" in said
    data = load_data(f"{folder}?missing=drop")
    assert tokens(data) == {"1": ["a", "b"]}
    assert data.provenance["rows_dropped"]["missing"] == 2


@pytest.mark.parametrize("ids", [[1, 7], [1.0, 7.0], pa.array(["1", "7"]).dictionary_encode()])
@pytest.mark.parametrize("backwards", [False, True])
def test_ids_of_several_types_are_text(tmp_path, ids, backwards):
    tables = [{"user": ids, "item": ["a", "b"]}, {"user": ["1", "007"], "item": ["c", "d"]}]
    folder = parts(tmp_path / "log", *(tables[::-1] if backwards else tables))
    read = tokens(load_data(f"{folder}?time=&min_user=1"))
    assert {user: sorted(items) for user, items in read.items()} == {
        **{"1": ["a", "c"], "7": ["b"], "007": ["d"]}
    }


def test_times_and_numbers_in_one_column_are_refused(tmp_path):
    tables = [
        {"user": [1], "item": ["a"], "ts": pa.array([10**12], kind)}
        for kind in (pa.int64(), pa.timestamp("ms"))
    ]
    folder = parts(tmp_path / "log", *tables)
    assert refused(folder) == (
        f"{folder}: its files hold ts as int64 and timestamp[ms]; write it in one type, or name "
        "one of the files."
    )


def test_what_folders_are_called_is_text(tmp_path):
    for user in ("007", "7", "a%20b"):
        part = tmp_path / "log" / f"user_id={user}" / "x.parquet"
        part.parent.mkdir(parents=True)
        pq.write_table(pa.table({"item_id": ["a", "b"], "ts": [1500000000, 1500000001]}), part)
    data = load_data(tmp_path / "log")
    assert sorted(data.user_ids) == ["007", "7", "a b"]
    assert load_data(f"{tmp_path / 'log'}?where=user_id=7").user_ids.tolist() == ["7"]
