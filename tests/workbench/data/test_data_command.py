"""What `python -m workbench data` shows of a file, against a file counted by hand."""

import json

import pytest
from typer.testing import CliRunner

from workbench.__main__ import app
from workbench.data import load_data
from workbench.errors import WorkbenchError

TEXT = """\
user_id,item_id,rating,timestamp,at,title
u,b,5,1500000100,2017-07-14,"B &amp; C"
u,a,1,1500000000,2017-07-14,A
v,a,4,1500000000,2017-07-14,A
u,b,4,1500000100,2017-07-15,
v,b,2,,2017-07-15,
v,c,3,1500000200,2017-07-16,
w,c,3,1500000200,2017-07-16,
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "shop.csv").write_text(TEXT)
    return str(tmp_path / "shop.csv")


def run(*arguments):
    done = CliRunner().invoke(app, ["data", *arguments])
    assert done.exit_code == 0, done.output
    assert done.stderr == f"reading {arguments[0]}\n"
    return done.stdout


def test_the_preview(file):
    lines = run(f"{file}?missing=drop").splitlines()
    assert lines[:-2] == [
        "shop: 2 users, 3 items, 5 interactions (density 66.67%)",
        "format     table",
        "user       column user_id",
        "item       column item_id",
        "time       column timestamp",
        "title      column title",
        "unused     rating, at",
        "times      2017-07-14 to 2017-07-14, written in s, 33.3% as the one before",
        "histories  2 to 3 items, median 2",
        "repeats    20.0% of interactions with an item the user had before",
        "rows       7 read; 1 left out without user, item or time; 1 left out of users with too "
        "few",
        "first rows",
        "  user  item  time                 title",
        "  u     b     2017-07-14T02:41:40  B & C",
        "  u     a     2017-07-14T02:40:00  A",
        "  v     a     2017-07-14T02:40:00  A",
        "  u     b     2017-07-14T02:41:40  B & C",
        "  v     c     2017-07-14T02:43:20  c",
    ]
    assert lines[-2].startswith(
        f"warning: {file}: times were taken from timestamp, though at looks"
    )
    assert lines[-1].startswith(
        f"warning: {file}: 1 interaction repeats another of the same user, item and time, and"
    )


def test_of_equal_rows_nothing_is_said_where_it_is_told_what_becomes_of_them(file):
    for policy, left in (("keep", 5), ("first", 4)):
        told = json.loads(run(f"{file}?missing=drop&time=timestamp&duplicates={policy}", "--json"))
        assert (told["interactions"], told["provenance"]["warnings"]) == (left, [])


def test_json_for_scripts(file):
    source = f"{file}?missing=drop&time=timestamp&where=rating>=3&duplicates=keep"
    told = json.loads(run(source, "--json"))
    # of rating 3 and more: u b, v a, u b, v c, w c
    assert told["interactions"] == 4
    assert told["provenance"]["rows_read"] == 7
    assert told["provenance"]["rows_dropped"] == {
        "where": 2, "duplicates": 0, "rare_users": 1, "rare_items": 0
    }  # fmt: skip
    assert told["provenance"]["warnings"] == []
    assert told["checksum"] == load_data(source).checksum
    assert told["first_rows"][0] == {
        "user": "u", "item": "b", "time": "2017-07-14T02:41:40", "title": "B & C"
    }  # fmt: skip


def test_the_first_rows_are_those_of_the_file(file):
    (first, *_) = json.loads(run(f"{file}?missing=drop&time=", "--json"))["first_rows"]
    assert (first["user"], first["item"], first["time"]) == ("u", "b", None)


def test_planted_data_and_sequences(tmp_path):
    assert run("planted").startswith("planted-content: 2,000 users, 200 items, 33,003 interactions")
    (tmp_path / "s.txt").write_text("u a b a\nv b c\n")
    text = run(str(tmp_path / "s.txt"))
    assert "format     sequences" in text
    assert "repeats    20.0%" in text
    assert "time       none" in text


@pytest.mark.parametrize("arguments", [["--json"], ["--to", "x.parquet"]])
def test_what_is_done_with_data_needs_data(arguments):
    done = CliRunner().invoke(app, ["data", *arguments])
    assert isinstance(done.exception, WorkbenchError)
    assert str(done.exception) == f"{arguments[0]} needs what to read: a known data set or a path."


def test_a_name_does_not_move_the_terminal(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("user,item\n\x1b[2Jann,a\nann\u202e,b\n\x1b[2Jann,b\nann\u202e,a\n")
    shown = run(f"{file}?time=")
    assert "\x1b" not in shown
    assert r"  \x1b[2Jann  a" in shown
    assert r"  ann\u202e" in shown


def test_ids_with_line_ends_stay_in_their_line(tmp_path):
    (tmp_path / "x.csv").write_text('user,item\n"u\n1",a\n"u\n1",b\n')
    done = CliRunner().invoke(app, ["data", str(tmp_path / "x.csv")])
    assert "  u\\n1  a\n" in done.stdout
