"""RecBole's benchmark files, split before they come, are put together again."""

import pandas as pd
import pytest

from tests.workbench.data.reading import refused, tokens, write, write_frame
from workbench.data import load_data
from workbench.errors import WorkbenchWarning

HISTORIES = {
    "s0": ["i3", "i1", "i4", "i1", "i5"],
    "s1": ["i2", "i7", "i1"],
    "s2": ["i8", "i2", "i8", "i4"],
}
HEAD = "user_id:token\titem_id_list:token_seq\titem_id:token\n"


def split(tmp_path, longest=50, *, backwards=False):
    """The three files with a row per prefix, of at most so many items before."""
    parts = {"train": [], "valid": [], "test": []}
    for user, items in HISTORIES.items():
        for end in range(1, len(items)):
            part = {len(items) - 1: "test", len(items) - 2: "valid"}.get(end, "train")
            before = " ".join(items[max(0, end - longest) : end])
            parts[part].append(f"{user}\t{before}\t{items[end]}\n")
    for part, rows in parts.items():
        if backwards:
            rows.reverse()
        write(tmp_path / "shop" / f"shop.{part}.inter", HEAD + "".join(rows))
    write(tmp_path / "shop" / "shop.item", "item_id:token\ttitle:token_seq\ni1\tOne\n")
    return tmp_path / "shop"


@pytest.mark.parametrize("backwards", [False, True])
def test_histories_are_put_together(tmp_path, backwards):
    folder = split(tmp_path, backwards=backwards)
    with pytest.warns(WorkbenchWarning, match="read as the items before"):
        data = load_data(folder)
    assert tokens(data) == HISTORIES
    assert data.title(data.item_ids.tolist().index("i1")) == "One"
    assert any("were read as one" in warning for warning in data.provenance["warnings"])


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_lists_that_were_cut_overlap(tmp_path, longest):
    assert tokens(load_data(split(tmp_path, longest))) == HISTORIES


def test_one_part_alone_keeps_its_first_items(tmp_path):
    data = load_data(split(tmp_path) / "shop.train.inter")
    assert tokens(data) == {"s0": ["i3", "i1", "i4"], "s2": ["i8", "i2"]}


@pytest.mark.parametrize("history", ["abababa", "aaaaaa", "mtwmtwmtw", "abcabcabd"])
@pytest.mark.parametrize("longest", [1, 2, 3])
def test_a_history_that_repeats_itself_loses_nothing(tmp_path, history, longest):
    rows = [
        f"u\t{' '.join(history[max(0, end - longest) : end])}\t{history[end]}\n"
        for end in range(1, len(history))
    ]
    file = write(tmp_path / "x.inter", HEAD + "".join(rows))
    alike = len(rows) - len(set(rows))
    if not alike:
        assert tokens(load_data(file)) == {"u": [*history]}
        return
    with pytest.warns(WorkbenchWarning, match=f"{alike} rows? of lists are as another of the user"):
        assert tokens(load_data(file)) == {"u": [*history]}


def test_rows_that_come_twice_are_counted(tmp_path):
    file = write(tmp_path / "x.inter", HEAD + "u\ta b\tc\nu\ta\tb\nu\ta b\tc\n")
    with pytest.warns(WorkbenchWarning, match="1 row of lists tell"):
        data = load_data(file)
    assert tokens(data) == {"u": [*"abc"]}
    assert data.provenance["rows_dropped"]["duplicates"] == 1
    assert data.provenance["rows_read"] == 4


@pytest.mark.parametrize("kind", ["inter", "csv", "parquet", "jsonl"])
@pytest.mark.parametrize("first", [0, 3])
def test_lists_of_another_name_are_not_passed_over(tmp_path, kind, first):
    rows = [
        (user, f"i{end}", 1500000000 + end, [f"i{k}" for k in range(max(0, end - 4), end)])
        for user in ("u", "v")
        for end in range(first, 8)
    ]
    names = ["user_id", "item_id", "timestamp", "history"]
    frame = pd.DataFrame(rows, columns=names)
    file = tmp_path / f"x.{kind}"
    if kind in ("inter", "csv"):
        frame["history"] = frame["history"].map(" ".join)
    if kind == "inter":
        kinds = ("token", "token", "float", "token_seq")
        header = [f"{name}:{kind}" for name, kind in zip(names, kinds, strict=True)]
        frame.to_csv(file, sep="\t", index=False, header=header)
    else:
        write_frame(file, frame)
    told = load_data(file).provenance["warnings"]
    assert len(told) == (first > 0)
    assert all(
        "history" in each and "has the items before those of each row" in each for each in told
    )
    if kind == "inter":  # which is the remedy
        write(file, file.read_text().replace("history:", "item_id_list:"))
        assert tokens(load_data(file))["u"] == [f"i{k}" for k in range(8)]


def test_items_without_types_are_told_what_helps(tmp_path):
    write(tmp_path / "x.inter", "user_id:token\titem_id:token\nu\ta\nu\tb\n")
    items = write(tmp_path / "x.item", "item_id\ttitle\na\tOne\n")
    with pytest.warns(WorkbenchWarning, match="tabs between; write it so.$"):
        assert load_data(f"{tmp_path / 'x.inter'}?time=").titles is None
    write(items, "item_id:token\ttitle:token_seq\na\tOne\n")
    assert load_data(f"{tmp_path / 'x.inter'}?time=").titles == ["[pad]", "One", "b"]


def test_lists_that_do_not_belong_together_are_refused(tmp_path):
    text = HEAD + "u\ta b\tc\nu\tx y\tz\n"
    assert "the lists of user 'u'" in refused(write(tmp_path / "x.inter", text))


@pytest.mark.parametrize("timed", [True, False])
def test_parts_without_lists_follow_one_another(tmp_path, timed):
    head = "user_id:token\titem_id:token" + ("\ttimestamp:float\n" if timed else "\n")
    for part, rows in {
        "test": ["u\td\t4"],
        "valid": ["u\tc\t3"],
        "train": ["u\tb\t2", "u\ta\t1"],
    }.items():
        body = "".join((row if timed else row[:-2]) + "\n" for row in rows)
        write(tmp_path / "shop" / f"shop.{part}.inter", head + body)
    expected = [*"abcd"] if timed else [*"bacd"]
    assert tokens(load_data(tmp_path / "shop")) == {"u": expected}
    write(tmp_path / "shop" / "shop.valid.inter", head + "u\t\t3\n"[: None if timed else 2] + "\n")
    assert "shop.valid.inter, line 2: item_id:token is empty" in refused(tmp_path / "shop")


def test_parts_may_write_their_times_in_several_ways(tmp_path):
    head = "user_id:token\titem_id:token\ttimestamp:token\n"
    for part, row in {
        "train": "u\ta\t2021-06-05T08:00:00Z\nu\tb\t2021-06-05T09:00:00Z\n",
        "valid": "u\tc\t2021-06-05T10:00:00\n",
        "test": "u\td\t2021-06-05\n",
    }.items():
        write(tmp_path / "shop" / f"shop.{part}.inter", head + row)
    with pytest.warns(WorkbenchWarning, match="have a zone in 2 rows and none in 2, which were"):
        assert tokens(load_data(tmp_path / "shop")) == {"u": ["d", "a", "b", "c"]}
