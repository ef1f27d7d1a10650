"""RecBole's benchmark files, split before they come, are put together again."""

import pytest

from tests.workbench.data.reading import refused, tokens, write
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
