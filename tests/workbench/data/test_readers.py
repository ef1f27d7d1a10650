"""Every reader on a small file of its format, and every fault told with file and line."""

import gzip
import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workbench.data.reading import refused, tokens, write
from workbench.data import load_data
from workbench.data.readers import FORMATS
from workbench.data.readers.base import decoded_lines
from workbench.errors import WorkbenchError, WorkbenchWarning

INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
REVIEW_2014 = {"reviewerID": "A1", "asin": "B1", "unixReviewTime": 1400000000, "overall": 5.0}
REVIEW_2023 = {"user_id": "A1", "parent_asin": "B1", "asin": "X", "timestamp": 1600000000123}


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_recbole_folder_and_file(tmp_path):
    text = INTER + "7\tb\t3\t20\n7\ta\t1\t10\n8\ta\t5\t5\n8\tc\t5\t5\n"
    file = write(tmp_path / "shop" / "shop.inter", text)
    items = 'item_id:token\tmovie_title:token_seq\trelease_year:token\na\tA "b\t1990\nb\tB\tV\n'
    write(tmp_path / "shop" / "shop.item", items)
    data = load_data(file.parent)
    assert tokens(data) == {"7": ["a", "b"], "8": ["a", "c"]}
    assert data.item_ids.tolist() == ["[pad]", "b", "a", "c"]
    assert data.titles == ["[pad]", "B (V)", 'A "b (1990)', "c"]
    assert data.times.tolist() == [10, 20, 5, 5]
    assert data.name == "shop"
    assert data.provenance["reader"] == "recbole"
    assert data.provenance["tie_share"] == 0.5
    assert load_data(file).checksum == data.checksum


def test_recbole_other_columns_and_no_times(tmp_path):
    file = write(tmp_path / "x.inter", "session:token\titem_id:token\nu\tb\nu\ta\n")
    assert tokens(load_data(file, columns={"user": "session"})) == {"u": ["b", "a"]}
    assert load_data(file, columns={"user": "session"}).times is None


def test_movielens_100k(tmp_path):
    write(tmp_path / "ml" / "u.data", "1\t10\t3\t200\n1\t11\t3\t100\n")
    write(tmp_path / "ml" / "u.item", "10|Misérables, Les (1995)|01\n11|B (1990)|02\n", "latin-1")
    data = load_data(tmp_path / "ml")
    assert tokens(data) == {"1": ["11", "10"]}
    assert data.titles == ["[pad]", "Misérables, Les (1995)", "B (1990)"]


def test_movielens_1m(tmp_path):
    write(tmp_path / "ml" / "ratings.dat", "1::10::3::200\n1::11::3.5::100\n")
    write(tmp_path / "ml" / "movies.dat", "10::Alien: Café (1995)::Drama\n11::B::X\n", "latin-1")
    data = load_data(tmp_path / "ml")
    assert tokens(data) == {"1": ["11", "10"]}
    assert data.titles == ["[pad]", "Alien: Café (1995)", "B"]


def test_movielens_latest(tmp_path):
    header = "userId,movieId,rating,timestamp\n"
    write(tmp_path / "ml" / "ratings.csv", header + "1,10,3,200\n1,11,3.5,100\n")
    write(tmp_path / "ml" / "movies.csv", 'movieId,title,genres\n10,"One, Two (1995)",X\n11,B,Y\n')
    data = load_data(tmp_path / "ml")
    assert data.provenance["reader"] == "movielens"
    assert tokens(data) == {"1": ["11", "10"]}
    assert data.title(1) == "One, Two (1995)"
    assert load_data(tmp_path / "ml" / "ratings.csv").checksum == data.checksum


@pytest.mark.parametrize("name", ["reviews_Toys_5.json.gz", "Toys_5.json", "Toys.jsonl"])
def test_amazon_reviews_2014(tmp_path, name):
    earlier = REVIEW_2014 | {"asin": "B2", "unixReviewTime": 1300000000}
    file = write(tmp_path / name, lines(REVIEW_2014, earlier))
    write(tmp_path / "meta_Toys.json", lines({"asin": "B1", "title": "Ball", "price": [1]}))
    data = load_data(file)
    assert data.provenance["reader"] == "amazon"
    assert tokens(data) == {"A1": ["B2", "B1"]}
    assert data.titles == ["[pad]", "Ball", "B2"]


def test_entities_in_titles_are_characters(tmp_path):
    second = REVIEW_2014 | {"asin": "B2"}
    file = write(tmp_path / "Toys.json", lines(REVIEW_2014, second))
    names = ("Tom &amp; Jerry&#39;s &quot;Best&quot; R&D", "猫 &lt;3")
    metas = ({"asin": f"B{n}", "title": name} for n, name in enumerate(names, 1))
    write(tmp_path / "meta_Toys.json", lines(*metas))
    assert load_data(file).titles == ["[pad]", 'Tom & Jerry\'s "Best" R&D', "猫 <3"]
    table = "user,item,title\nu,a,Q&amp;A\nu,b,\n"
    assert load_data(write(tmp_path / "x.csv", table)).titles == ["[pad]", "Q&A", "b"]


def test_amazon_reviews_2023_count_milliseconds(tmp_path):
    earlier = REVIEW_2023 | {"parent_asin": "B2", "timestamp": 1500000000456}
    data = load_data(write(tmp_path / "Toys.jsonl.gz", lines(REVIEW_2023, earlier)))
    assert tokens(data) == {"A1": ["B2", "B1"]}
    assert data.times.tolist() == [1500000000, 1600000000]
    assert data.provenance["time_unit"] == "ms"


def test_amazon_ratings_of_either_order(tmp_path):
    user, first, second = "A2SUAM1J3GNN3B", "0000013714", "B000123456"
    newer = write(tmp_path / "a.csv", f"{first},{user},5.0,1400000000\n{second},{user},1.0,13\n")
    older = write(tmp_path / "b.csv", f"{user},{first},5.0,1400000000\n{user},{second},1.0,13\n")
    assert tokens(load_data(newer)) == tokens(load_data(older)) == {user: [second, first]}
    unclear = write(tmp_path / "c.csv", "u,x,5.0,2\nu,y,1.0,1\n")
    with pytest.raises(WorkbenchError, match="columns="):
        load_data(unclear, format="amazon")
    chosen = load_data(unclear, format="amazon", columns={"user": 0, "item": 1, "time": 3})
    assert tokens(chosen) == {"u": ["y", "x"]}


def test_yelp(tmp_path):
    review = {"user_id": "u", "business_id": "b", "date": "2016-03-09 16:44:02", "text": "x"}
    earlier = review | {"business_id": "a", "date": "2016-03-09 16:44:01"}
    write(tmp_path / "yelp_academic_dataset_review.json", lines(review, earlier))
    names = lines({"business_id": "b", "name": "Bar"}, {"business_id": "z", "name": "Zoo"})
    write(tmp_path / "yelp_academic_dataset_business.json", names)
    data = load_data(tmp_path)
    assert data.provenance["reader"] == "yelp"
    assert tokens(data) == {"u": ["a", "b"]}
    assert data.titles == ["[pad]", "Bar", "a"]
    assert data.times.tolist() == [1457541841, 1457541842]


def test_plain_sequences(tmp_path):
    data = load_data(write(tmp_path / "x.txt", "1 5 9 5\n\n2 9 4\r\n1 4"))
    assert data.provenance["reader"] == "sequences"
    assert tokens(data) == {"1": ["5", "9", "5", "4"], "2": ["9", "4"]}
    assert data.times is None
    assert data.provenance["tie_share"] is None


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz"])
def test_table_of_text(tmp_path, suffix):
    comma = "\t" if suffix == ".tsv" else ","
    text = (
        'who,what,when,called\nu,007,2020-01-02,"B ""x"""\nu,08,2020-01-01,\nu,007,2020-01-03,C\n'
    )
    file = write(tmp_path / f"x{suffix}", text.replace(",", comma))
    columns = {"user": "who", "item": "what", "time": "when", "title": "called"}
    data = load_data(file, columns=columns)
    assert tokens(data) == {"u": ["08", "007", "007"]}
    assert data.times.tolist() == [1577836800, 1577923200, 1578009600]
    assert data.titles == ["[pad]", 'B "x"', "08"]


def test_table_with_usual_names_quoted_line_ends_and_byte_order_mark(tmp_path):
    text = '\ufeffuser_id,review,item_id,timestamp\nu,"two\nlines",b,2\nu,one,a,1\n'
    assert tokens(load_data(write(tmp_path / "x.csv", text))) == {"u": ["a", "b"]}


def test_table_without_header(tmp_path):
    file = write(tmp_path / "x.csv", "b;u;2\na;u;1\n")
    assert tokens(load_data(file, columns={"user": 1, "item": 0, "time": 2})) == {"u": ["a", "b"]}


def test_table_in_another_encoding(tmp_path):
    file = write(tmp_path / "x.csv", "user,item\nu,é\nu,b\n", "latin-1")
    assert tokens(load_data(file, encoding="latin-1")) == {"u": ["é", "b"]}
    with pytest.raises(WorkbenchError, match=r"x\.csv, line 2: .*encoding=latin-1 .*='latin-1'"):
        load_data(file)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "user,item\nu,Ċਊ\nu,b\n"),  # with bytes that look like line ends
        ("x.txt", "u Ċਊ b\n"),
        ("x.inter", "user_id:token\titem_id:token\nu\tĊਊ\nu\tb\n"),
    ],
)
def test_utf_16_is_told_and_read(tmp_path, name, text):
    file = write(tmp_path / name, text, "utf-16")
    with pytest.raises(WorkbenchError, match=r"line 1: not utf-8 text; .*\?encoding=utf-16"):
        load_data(file)
    assert tokens(load_data(f"{file}?encoding=utf-16")) == {"u": ["Ċਊ", "b"]}
    if name != "x.txt":
        write(file, f"{text}u\n", "utf-16")
        with pytest.raises(WorkbenchError, match="line 4: 1 columns where 2"):
            load_data(file, encoding="utf-16")


def test_lines_of_any_encoding_are_those_of_the_text(tmp_path):
    text = "Ċਊ\n\nlast\r\nwithout end"
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-32", "utf-8-sig"):
        file = write(tmp_path / "x", text, encoding)
        assert list(decoded_lines(file, encoding)) == text.splitlines(keepends=True)


def test_parquet(tmp_path):
    stamps = pa.array(np.array(["2020-01-02", "2020-01-01"], "datetime64[ns]"))
    table = pa.table({"user_id": [1, 1], "item_id": ["b", "a"], "date": stamps, "title": ["B", ""]})
    pq.write_table(table, tmp_path / "x.parquet")
    data = load_data(tmp_path / "x.parquet")
    assert tokens(data) == {"1": ["a", "b"]}
    assert data.titles == ["[pad]", "B", "a"]
    assert data.times.tolist() == [1577836800, 1577923200]


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_units_of_time_are_told_by_size(tmp_path, scale):
    rows = f"u,b,{1500000001 * scale}\nu,a,{1500000000 * scale}\n"
    data = load_data(write(tmp_path / "x.csv", f"user,item,time\n{rows}"))
    assert data.times.tolist() == [1500000000, 1500000001]


GOOD = "1\ta\t3\t5\n1\tb\t3\t6\n"
FAULTS = {
    "empty file": ("x.inter", "", "x.inter is empty"),
    "header alone": ("x.inter", INTER, "no interactions"),
    "missing column": (
        "x.inter",
        "user_id:token\tthing:token\n1\ta\n",
        r"line 1: no item column among user_id:token, thing:token; .*\?item=thing ",
    ),
    "untyped heading": ("x.inter", "user_id\titem_id\n1\ta\n", "line 1: heading 'user_id'"),
    "two of a name": (
        "x.inter",
        "user_id:token\titem_id:token\titem_id:token\n1\ta\tb\n",
        "line 1: two columns",
    ),
    "two of a name, other types": (
        "x.inter",
        "user_id:token\titem_id:token\titem_id:float\n1\ta\t2\n",
        "line 1: two columns",
    ),
    "header again": ("x.inter", INTER + GOOD + INTER + GOOD, "line 4: the header"),
    "bad number": ("x.inter", INTER + GOOD + "1\tc\t3\tsoon\n", "line 4: .*'soon'"),
    "no number": ("x.inter", INTER + "1\tc\t3\t\n" + GOOD, "line 2: timestamp"),
    "not a number": ("x.inter", INTER + GOOD + "1\tc\t3\tnan\n", "line 4: .*'nan'"),
    "infinite time": ("x.inter", INTER + GOOD + "1\tc\t3\tinf\n", "line 4: .*'inf'"),
    "too few fields": ("x.inter", INTER + GOOD + "1\tc\t3\n", "line 4: 3 columns where 4"),
    "too many fields": ("x.inter", INTER + GOOD + "1\tc\t3\t4\t5\n", "line 4: 5 columns"),
    "no user": ("x.inter", INTER + GOOD + "\tc\t3\t5\n", "line 4: user_id:token is empty"),
    "one-item users": ("x.inter", INTER + "1\ta\t3\t5\n2\tb\t3\t5\n", "none is left"),
    "movielens": ("u.data", "1\t2\t3\t4\n1\t2\tx\n", "line 2: 3 columns"),
    "movielens 1M": ("ratings.dat", "1::2::3::4\n1::2::3::x\n", "line 2: timestamp 'x'"),
    "movielens 1M, cut": ("ratings.dat", "1::2::3::4\n1::2::3\n", "line 2: 3 columns where 4"),
    "movielens 1M, colons": ("ratings.dat", "1:2:3:4\n", "format cannot be told"),
    "table without items": (
        "x.csv",
        "user_id,title,timestamp\nu,a,1\n",
        r"line 1: no item column among user_id, title, timestamp; .*\?item=",
    ),
    "table without header": ("x.tsv", "7\ta\n7\tb\n", "line 1: no item column among 7, a"),
    "plain": ("x.txt", "1 2 3\n\n2\n", "line 3: a user without items"),
    "blank lines": ("x.txt", "\n\n", "format cannot be told"),
    "no json": ("x.json", lines(REVIEW_2014) + "{'reviewerID': 1}\n", "line 2: not a JSON object"),
    "json list": ("x.json", "[1, 2]\n", "line 1: not a JSON object"),
    "json field missing": ("x.json", lines(REVIEW_2014, {"asin": "B"}), "line 2: reviewerID"),
    "json bad time": (
        "x.json",
        lines(REVIEW_2014, REVIEW_2014 | {"unixReviewTime": "soon"}),
        "line 2: unixReviewTime 'soon'",
    ),
    "yelp date": (
        "x.json",
        lines({"user_id": "u", "business_id": "b", "date": "yesterday"}),
        "line 1: date 'yesterday'",
    ),
    "table date": ("x.csv", "user,item,time\nu,a,2020-01-01\nu,b,soon\n", "line 3: time 'soon'"),
    "table after a long field": (
        "x.csv",
        'user,note,item,time\nu,"a\nb\nc",a,1\nu,x,b,y\n',
        "line 5: time 'y'",
    ),
    "unknown": ("x.bin", "hello", "format cannot be told"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_one_sentence_with_its_place(tmp_path, fault):
    name, text, expected = FAULTS[fault]
    file = write(tmp_path / name, text)
    with pytest.raises(WorkbenchError, match=expected) as caught:
        load_data(file)
    message = str(caught.value)
    assert "\n" not in message
    assert name.split(".")[0] in message


@pytest.mark.parametrize("name", ["x.csv.gz", "reviews.json.gz"])
def test_truncated_gzip(tmp_path, name):
    if name.startswith("x"):
        text = "user,item,time\n" + "".join(f"u{n % 97},i{n * n % 89},{n}\n" for n in range(5000))
    else:
        text = lines(*(REVIEW_2014 | {"asin": f"B{n * n % 89}"} for n in range(2000)))
    file = tmp_path / name
    file.write_bytes(gzip.compress(text.encode())[:-200])
    with pytest.raises(WorkbenchError, match=rf"{re.escape(name)}, line \d+: .*cut short"):
        load_data(file)


def test_parquet_faults(tmp_path):
    file = tmp_path / "x.parquet"
    table = pa.table({"user": ["u", "u"], "item": ["a", None]})
    pq.write_table(table, file)
    with pytest.raises(WorkbenchError, match="row 2: item is missing"):
        load_data(file)
    pq.write_table(pa.table({"user": ["u", "u"], "item": ["a", "b"], "time": ["1", "soon"]}), file)
    with pytest.raises(WorkbenchError, match="row 2: time 'soon'"):
        load_data(file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(WorkbenchError, match="no readable Parquet"):
        load_data(file)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"columns": {"user": "who"}}, "no column 'who'"),
        ({"columns": {"user": "user", "item": 1}}, "mixes names and positions"),
        ({"columns": {"user": 0, "item": 9}}, "no column '#9'"),
        ({"columns": {"colour": "user"}}, "'colour' is none of"),
        ({"format": "excel"}, "choose from recbole"),
        ({"encoding": "klingon"}, "encoding='klingon' is not known; give one such as utf-8"),
        ({"encoding": "hex"}, "encoding='hex' is not known"),
        ({"min_user": 3}, r"none is left .*\?min_user="),
    ],
)
def test_impossible_options(tmp_path, options, expected):
    file = write(tmp_path / "x.csv", "user,item\nu,a\nu,b\n")
    with pytest.raises(WorkbenchError, match=expected):
        load_data(file, **options)


TABLE = pd.DataFrame({"user": [1, 1, 2, 2], "item": [5, 6, 5, 6], "time": [1, 2, 3, 4]})
WRITERS = {
    "Feather": TABLE.to_feather,
    "pickle": TABLE.to_pickle,
    "Parquet": TABLE.to_parquet,
    "gzip": lambda path: TABLE.to_csv(path, index=False, compression="gzip"),
    "compressed": lambda path: TABLE.to_csv(path, index=False, compression="bz2"),
    "zip": lambda path: TABLE.to_csv(path, index=False, compression={"method": "zip"}),
    "NumPy": lambda path: np.save(path.open("wb"), TABLE.to_numpy()),
}


@pytest.mark.parametrize("format", [None, "table", "json", "sequences"])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_is_no_text_is_called_what_it_is(tmp_path, kind, format):
    file = tmp_path / "log.csv"
    WRITERS[kind](file)
    said = refused(file, format=format)
    assert said.startswith(f"{file} is ")
    assert kind in said
    assert "encoding" not in said


@pytest.mark.parametrize(("kind", "ending"), [("Parquet", ".parquet"), ("gzip", ".csv.gz")])
def test_and_can_be_read_by_the_name_that_it_should_have(tmp_path, kind, ending):
    WRITERS[kind](tmp_path / "log.csv")
    assert ending[-3:] in refused(tmp_path / "log.csv")
    named = (tmp_path / "log.csv").rename(tmp_path / f"log{ending}")
    assert load_data(named).n_interactions == 4


@pytest.mark.parametrize("kind", ["Feather", "pickle", "gzip", "zip"])
def test_nor_is_it_parquet_by_its_name(tmp_path, kind):
    WRITERS[kind](tmp_path / "log.parquet")
    assert kind in refused(tmp_path / "log.parquet")


@pytest.mark.parametrize("name", ["log.parquet", "log.csv.gz"])
def test_text_under_such_a_name_is_told(tmp_path, name):
    (tmp_path / name).write_text("user,item\na,1\na,2\n")
    assert "name says" in refused(tmp_path / name)


def test_a_folder_of_other_files_is_told_with_what_it_holds(tmp_path):
    for name in ("b.csv", "a.csv"):
        TABLE.to_csv(tmp_path / name, index=False)
    said = refused(tmp_path)
    assert said.endswith("name the file to read; it holds a.csv and b.csv.")
    assert load_data(tmp_path / "a.csv").n_interactions == 4


@pytest.mark.parametrize("format", FORMATS)
def test_a_folder_without_data(tmp_path, format):
    with pytest.raises(WorkbenchError):
        load_data(tmp_path, format=format)


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_of_blank_lines(tmp_path, format):
    with pytest.raises(WorkbenchError):
        load_data(write(tmp_path / "x.txt", "\n\n"), format=format)


def test_columns_in_memory_are_no_file():
    with pytest.raises(WorkbenchError, match=r"given a DataFrame; .*from_interactions"):
        load_data(pd.DataFrame({"user": [1], "item": [2]}))


RATED = [(1, 1, 10), (1, 2, 20), (2, 2, 30), (2, 1, 40), (2, 3, 50)]
TITLED = ((1, "Alien"), (2, "Tom &amp; Jerry"), (2, "Tom & Jerry"), (3, "Up"), (1, "Aliens"))


@pytest.mark.parametrize(
    ("ratings", "rows", "items", "of_items"),
    [
        ("u.data", "{}\t{}\t5\t{}", "u.item", "{}|{}|"),
        ("ratings.dat", "{}::{}::5::{}", "movies.dat", "{}::{}::War"),
        ("ratings.csv", "{},{},5,{}", "movies.csv", "{},{},War"),
        ("x.inter", "{}\t{}\t{}", "x.item", "{}\t{}"),
        (
            "yelp_academic_dataset_review.json",
            '{{"user_id": "{}", "business_id": "{}", "date": "2015-01-01 00:00:{}"}}',
            "yelp_academic_dataset_business.json",
            '{{"business_id": "{}", "name": "{}"}}',
        ),
    ],
)
def test_of_several_titles_the_first_is_shown_with_a_word(tmp_path, ratings, rows, items, of_items):
    headings = {
        "ratings.csv": "userId,movieId,rating,timestamp\n",
        "movies.csv": "movieId,title,genres\n",
        "x.inter": "user_id:token\titem_id:token\ttimestamp:float\n",
        "x.item": "item_id:token\ttitle:token_seq\n",
    }
    for name, form, values in ((ratings, rows, RATED), (items, of_items, TITLED)):
        told = [headings.get(name, ""), *(form.format(*row) + "\n" for row in values)]
        (tmp_path / name).write_text("".join(told))
    with pytest.warns(WorkbenchWarning) as given:
        data = load_data(tmp_path / ratings)
    said = [str(one.message) for one in given if "several titles" in str(one.message)]
    assert said == [
        f"{tmp_path / items}: 1 item has several titles in it, as 1 is called 'Alien' and "
        "'Aliens'; the first in the file is shown, so write each item once."
    ]
    assert dict(zip(data.item_ids[1:], data.titles[1:], strict=True)) == {
        "1": "Alien",
        "2": "Tom & Jerry",
        "3": "Up",
    }


def test_a_comment_among_sequences_is_no_user(tmp_path):
    file = write(tmp_path / "x.txt", "# my sequences\nu1 a b c\nu2 a c d\n")
    assert "x.txt: sequence 1 begins with # as a comment does" in refused(file)
    file.write_text("#1 a b c\n#2 a c d\n")
    assert tokens(load_data(file)) == {"#1": ["a", "b", "c"], "#2": ["a", "c", "d"]}
