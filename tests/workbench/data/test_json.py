"""JSON as people have it, and titles that cannot be read."""

import json

import pandas as pd
import pytest

from tests.workbench.data.reading import refused, remedied, tokens, write, write_frame
from workbench.data import load_data
from workbench.errors import WorkbenchWarning

ROWS = (
    {"user_id": 1, "item_id": "b", "timestamp": 1500000100, "stars": 4},
    {"user_id": 1, "item_id": "a", "timestamp": 1500000000, "stars": 2, "more": {"x": [1]}},
    {"user_id": 1, "item_id": "c", "timestamp": 1500000200, "stars": 5},
)


def lines(rows):
    return "".join(f"{json.dumps(row)}\n" for row in rows)


FORMS = {
    "lines": lines(ROWS),
    "lines with blanks": "\n" + lines(ROWS).replace("\n", "\r\n\n"),
    "byte order mark": "\ufeff" + lines(ROWS),
    "array": json.dumps(ROWS),
    "indented array": json.dumps(ROWS, indent=1),
    "Python literals": "".join(f"{row!r}\n" for row in ROWS),
    "mixed types": lines([ROWS[0], ROWS[1] | {"user_id": "1"}, ROWS[2] | {"user_id": 1.0}]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.ndjson", "x.json.gz"])
def test_objects_of_any_form(tmp_path, form, name):
    data = load_data(write(tmp_path / name, FORMS[form]))
    assert data.provenance["reader"] == "json"
    assert tokens(data) == {"1": ["a", "b", "c"]}


@pytest.mark.parametrize("form", FORMS)
def test_fields_of_other_names(tmp_path, form):
    text = FORMS[form].replace("user_id", "who").replace("item_id", "what")
    file = write(tmp_path / "x.json", text)
    message = refused(file)
    assert "no item column among who, what, timestamp" in message
    assert tokens(load_data(f"{file}?user=who&item=what")) == {"1": ["a", "b", "c"]}
    assert tokens(load_data(f"{file}?user=who&item=what&where=stars>3")) == {"1": ["b", "c"]}


def test_lists_are_that_many_rows(tmp_path):
    rows = (
        {"user": "u", "item": ["a", "b"], "title": ["A", "B"]},
        {"user": "v", "item": ["b", "c"]},
    )
    data = load_data(write(tmp_path / "x.jsonl", lines(rows[:1])))
    assert tokens(data) == {"u": ["a", "b"]}
    assert data.titles == ["[pad]", "A", "B"]
    assert "line 2: title has another length" in refused(write(tmp_path / "x.jsonl", lines(rows)))


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("name", ["ts", "when"])
def test_a_field_that_comes_late_is_a_field(tmp_path, name, array):
    rows = [{"user": k % 2, "item": k, "more": {"x": 1}} for k in range(150)]
    rows += [row | {name: 1500000000 - row["item"]} for row in rows]
    file = write(tmp_path / "x.json", json.dumps(rows) if array else lines(rows))
    source = f"{file}?time=when" if name == "when" else file
    if name == "when":
        assert "no column is named as times are, and when looks like times" in refused(file)
    assert f"1: {name} is missing, as in 150 of 300 rows" in refused(source).replace("entry", "")
    data = load_data(source, missing="drop")
    assert data.n_interactions == 150
    assert tokens(data)["0"][:2] == ["148", "146"]
    assert load_data(f"{file}?time=&where={name}<1499999900").n_interactions == 49


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize("empty", [[], None])
def test_an_empty_list_is_a_row_without_an_item(tmp_path, suffix, empty):
    items, times = [["a", "b"], empty, ["c", "d"]], [[1600000001, 1600000000], empty, [1, 2]]
    times[2] = [1600000000, 1600000001]
    frame = pd.DataFrame({"user": ["u", "v", "w"], "item": items, "time": times})
    file = write_frame(tmp_path / f"x.{suffix}", frame)
    message = refused(file)
    assert f"{'line' if suffix == 'jsonl' else 'row'} 2: item is missing; leave" in message
    (dropped,) = remedied(file, message)
    assert tokens(dropped) == {"u": ["b", "a"], "w": ["c", "d"]}
    assert dropped.provenance["rows_dropped"]["missing"] == 1
    assert dropped.provenance["rows_read"] == 5


def test_a_missing_field_is_told_and_can_be_dropped(tmp_path):
    rows = [*ROWS, {"user_id": 1, "timestamp": 1500000300}]
    file = write(tmp_path / "x.jsonl", lines(rows))
    message = refused(file)
    assert "x.jsonl, line 4: item_id is missing" in message
    (dropped,) = remedied(file, message)
    assert tokens(dropped) == {"1": ["a", "b", "c"]}
    file = write(tmp_path / "x.json", json.dumps(rows))
    assert "x.json, entry 4: item_id is missing" in refused(file)


REVIEWS = [
    {"reviewerID": "A1", "asin": f"B{k}", "unixReviewTime": 1380000000 + k} for k in (2, 1, 3)
]


def test_amazon_metadata_of_2014_are_python_literals(tmp_path):
    file = write(tmp_path / "reviews_Toys_5.json.gz", lines(REVIEWS))
    metas = [{"asin": "B1", "title": 'Kid\'s "toy"', "price": 1.5, "also": None}, {"asin": "B2"}]
    write(tmp_path / "meta_Toys.json.gz", "".join(f"{meta!r}\n" for meta in metas))
    data = load_data(file)
    assert tokens(data) == {"A1": ["B1", "B2", "B3"]}
    assert data.titles == ["[pad]", "B2", 'Kid\'s "toy"', "B3"]


def test_titles_have_the_encoding_of_the_reviews(tmp_path):
    file = write(tmp_path / "reviews_Toys_5.json", lines(REVIEWS))
    (tmp_path / "meta_Toys.json").write_bytes('{"asin": "B1", "title": "Bär"}\n'.encode("latin-1"))
    with pytest.warns(WorkbenchWarning, match="Titles are left out"):
        (warning,) = load_data(file).provenance["warnings"]
    (read,) = remedied(file, warning)
    assert read.titles == ["[pad]", "B2", "Bär", "B3"]
    assert read.provenance["warnings"] == []


@pytest.mark.parametrize(
    "meta", ["{'asin': 'B1', 'title': open('x')}\n", "no metadata\n", "[1]\n", "{'asin':\n"]
)
def test_titles_that_cannot_be_read_do_not_stand_in_the_way(tmp_path, meta):
    file = write(tmp_path / "reviews_Toys_5.json", lines(REVIEWS))
    write(tmp_path / "meta_Toys.json", meta)
    with pytest.warns(WorkbenchWarning, match=r"Titles are left out: .*meta_Toys\.json, line 1"):
        data = load_data(file)
    assert tokens(data) == {"A1": ["B1", "B2", "B3"]}
    assert data.titles is None


@pytest.mark.parametrize(
    ("main", "rows", "beside", "titles"),
    [
        ("u.data", "1\t2\t3\t4\n1\t3\t3\t5\n", "u.item", "no title\n"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n1,2,3,4\n1,3,3,5\n", "movies.csv", "x\n"),
        ("x.inter", "user_id:token\titem_id:token\nu\ta\nu\tb\n", "x.item", "untyped\n"),
    ],
)
def test_nor_those_of_other_formats(tmp_path, main, rows, beside, titles):
    file = write(tmp_path / main, rows)
    write(tmp_path / beside, titles)
    with pytest.warns(WorkbenchWarning, match="Titles are left out"):
        assert load_data(file).n_interactions == 2


def test_a_title_asked_for_is_not_left_out(tmp_path):
    file = write(tmp_path / "x.inter", "user_id:token\titem_id:token\nu\ta\nu\tb\n")
    write(tmp_path / "x.item", "untyped\n")
    assert "heading 'untyped'" in refused(file, columns={"title": "title"})


@pytest.mark.parametrize("text", ['{"u": [1, 2], "v": [2, 3]}', '{"meta": {"n": 2}, "rows": []}'])
def test_one_object_that_is_no_interaction_is_told(tmp_path, text):
    file = write(tmp_path / "log.json", text)
    assert refused(file).startswith(f"{file} holds one object, which is no interaction by its")


def test_two_fields_of_one_name_are_not_chosen_between(tmp_path):
    line = '{"user": "u", "item": "a", "user": "v"}\n'
    said = refused(write(tmp_path / "x.jsonl", line * 4))
    assert said.endswith("line 1: an object has two fields 'user'; give each its own name.")
    other = '{"user": "u", "item": "a"}\n'
    said = refused(write(tmp_path / "x.jsonl", other + line * 4))
    assert said.endswith("line 2: an object has two fields 'user'; give each its own name.")
    said = refused(write(tmp_path / "x.json", f"[{other}, {line}]"))
    assert said.endswith("x.json: an object has two fields 'user'; give each its own name.")


def test_ids_beyond_64_bits_are_as_they_are_written(tmp_path):
    user = 2**64 - 2
    rows = "".join(f'{{"user": {user}, "item": {k}, "time": 150000000{k}}}\n' for k in (1, 2))
    assert tokens(load_data(write(tmp_path / "x.jsonl", rows))) == {str(user): ["1", "2"]}
    late = rows.replace("1500000002", "9" * 20)
    assert "is no time that can be" in refused(write(tmp_path / "y.jsonl", late))
