"""What is written is read again as the same data: ids, order, users, checksum."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from workbench import WorkbenchError, WorkbenchWarning, load_data
from workbench.__main__ import app
from workbench.data import convert, from_interactions, planted

# times such as those in milliseconds give: several in a second, in any order of rows
TIMES = st.sampled_from([0, 0.25, 0.5, 1, 1.001, 1.002, 1_600_000_000, 1_600_000_000.75, 7e9])
ROWS = st.lists(
    st.tuples(st.sampled_from("uvwxyz"), st.sampled_from("abcdef"), TIMES), min_size=2, max_size=40
)


def as_csv(rows, timed: bool) -> str:
    lines = ["user,item,time" if timed else "user,item"]
    lines += [f"{u},{i},{t!r}" if timed else f"{u},{i}" for u, i, t in rows]
    return "\n".join([*lines, ""])


@pytest.mark.parametrize("name", ["out", "out.parquet"])
@given(
    ROWS,
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from(["keep", "first", "last", "consecutive"]),
)
def test_any_source_is_read_again_as_it_was(name, rows, timed, min_item, duplicates):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "source.csv").write_text(as_csv(rows, timed))
        try:
            data = load_data(place / "source.csv", min_item=min_item, duplicates=duplicates)
        except WorkbenchError:
            return  # nothing is left of it
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            convert(data, place / name)
        again = load_data(place / name)
    for array in ("items", "offsets", "item_ids", "user_ids", "times"):
        np.testing.assert_array_equal(getattr(again, array), getattr(data, array))
    assert again.checksum == data.checksum


def test_order_within_a_second_by_hand(tmp_path):
    """a comes first in the file and is item 1, and last of the second in time."""
    data = from_interactions(list("uuu"), list("abc"), np.array([5.75, 5.5, 5.25]))
    assert data.item_ids[data.history(0)].tolist() == ["c", "b", "a"]
    convert(data, tmp_path / "out")
    lines = (tmp_path / "out" / "out.inter").read_text().splitlines()[1:]
    assert [line.split("\t")[1] for line in lines] == ["a", "b", "c"]
    assert [int(float(line.split("\t")[2])) for line in lines] == [5, 5, 5]
    assert load_data(tmp_path / "out").checksum == data.checksum


def test_whole_seconds_stay_whole(tmp_path):
    data = from_interactions(list("uuu"), list("abc"), np.array([7, 5, 5]))
    convert(data, tmp_path / "out")
    lines = (tmp_path / "out" / "out.inter").read_text().splitlines()[1:]
    assert lines == ["u\ta\t7", "u\tb\t5", "u\tc\t5"]


def test_what_will_be_read_otherwise_is_said(tmp_path):
    made = planted(n_users=5, n_items=40, length=12, n_causes=4).data
    with pytest.warns(WorkbenchWarning, match=r"out: users and items will be numbered .* planted"):
        convert(made, tmp_path / "out")
    again = load_data(tmp_path / "out")
    assert again.checksum != made.checksum
    lone = from_interactions(list("uuv"), list("abc"), min_user=1)
    with pytest.warns(WorkbenchWarning, match=r"interaction \(1\) will be left out .* min_user=1"):
        convert(lone, tmp_path / "lone.parquet")
    assert load_data(tmp_path / "lone.parquet").n_users == 1
    assert load_data(f"{tmp_path / 'lone.parquet'}?min_user=1").checksum == lone.checksum


def test_the_command(tmp_path):
    (tmp_path / "log.csv").write_text(
        as_csv([(*"vb", 9), (*"ua", 8), (*"vc", 1), (*"ub", 2)], True)
    )
    log, out = str(tmp_path / "log.csv"), str(tmp_path / "out")
    done = CliRunner().invoke(app, ["data", log, "--to", out])
    assert done.exit_code == 0
    assert done.stderr == f"reading {log}\n"
    assert load_data(out).checksum == load_data(log).checksum
    done = CliRunner().invoke(app, ["data", "planted", "--to", str(tmp_path / "planted.parquet")])
    assert done.exit_code == 0
    said, warned = done.stderr.splitlines()
    assert said == "reading planted"
    assert warned.startswith(f"warning: {tmp_path / 'planted.parquet'}: users and items will")


@pytest.mark.parametrize(
    ("source", "to"),
    [
        ("log.parquet", "log.parquet"),
        ("shop", "shop"),  # a folder of RecBole's files
        ("shop/shop.inter", "shop"),
        ("again", "shop"),  # a link to it
    ],
)
def test_what_is_read_is_not_written_over(tmp_path, source, to):
    first = planted(n_users=20, n_items=20, n_causes=4).data
    convert(first, tmp_path / "log.parquet")
    convert(first, tmp_path / "shop")
    (tmp_path / "again").symlink_to(tmp_path / "shop")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    data = load_data(f"{tmp_path / source}?min_user=3")
    with pytest.raises(WorkbenchError, match="is read from; choose another place to write to"):
        convert(data, tmp_path / to)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert convert(data, tmp_path / "elsewhere")
