"""Whatever bytes a file holds, a reader gives data or one sentence, and nothing else."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.data import SequenceData, load_data
from workbench.data.readers import FORMATS
from workbench.errors import WorkbenchError

REVIEW = {"reviewerID": "A1", "asin": "B1", "unixReviewTime": 14, "nested": {"a": [1]}}
VISIT = {"user_id": "A1", "business_id": "B1", "date": "2016-03-09 16:44:02"}


def parquet_bytes():
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"user": ["u", "u"], "item": ["a", "b"], "time": [1, 2]}), sink)
    return sink.getvalue().to_pybytes()


def json_lines(row, key):
    return "".join(json.dumps(row | {key: f"{n}"}) + "\n" for n in range(3)).encode()


SEEDS = {
    "x.inter": b"user_id:token\titem_id:token\ttimestamp:float\nu\ta\t1\nu\tb\t2\n",
    "u.data": b"1\t2\t3\t4\n1\t3\t3\t5\n",
    "ratings.dat": b"1::2::3::4\n1::3::3::5\n",
    "ratings.csv": b"userId,movieId,rating,timestamp\n1,2,3,4\n1,3,3,5\n",
    "reviews.json": json_lines(REVIEW, "asin"),
    "reviews.jsonl.gz": gzip.compress(json_lines(REVIEW, "asin")),
    "visits.json": json_lines(VISIT, "business_id"),
    "x.csv": b'user,item,time,title\nu,a,2020-01-01,"A, ""b"""\nu,b,2020-01-02,B\n',
    "x.csv.gz": gzip.compress(b"user,item,time\nu,a,1\nu,b,2\n"),
    "x.parquet": parquet_bytes(),
    "x.txt": b"u a b c\nv b c\n",
    "commas.txt": b"u, a, b, c\nv, b, c\n",
    "table.txt": b"user item time\nu a 1600000000\nu b 1600000001\n",
    "quotes.tsv": b'user\titem\ttime\ttitle\nu\ta\t5\t"A\nu\tb\t6\t"B, "b"\n',
    "own.jsonl": b'{"user": 1, "item": "a", "time": 5}\n{"user": 1, "item": "b", "time": 6}\n',
    "array.json": b'[{"user": 1, "item": "a"}, {"user": 1, "item": "b", "x": 6}]',
    "literal.json": b"{'user': 1, 'item': 'a'}\n{'user': 1, 'item': 'b', 'x': None}\n",
    "x.train.inter": b"user_id:token\titem_id_list:token_seq\titem_id:token\nu\ta b\tc\nu\ta\tb\n",
}
SCRAPS = st.sampled_from(
    [b"\n", b"\r", b"\t", b",", b'"', b"\x00", b"\xff", b"nan", b"-1", b"1e400", b"{", b"[", b" "]
)


@st.composite
def damaged(draw):
    """A file of some format with a few bytes replaced, put in or cut off."""
    name = draw(st.sampled_from(sorted(SEEDS)))
    data = SEEDS[name]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        data = data[:start] + draw(st.one_of(SCRAPS, st.binary(max_size=8))) + data[end:]
    if draw(st.booleans()):
        data = data[: draw(st.integers(0, len(data)))]
    return name, data


def check(path, **options):
    try:
        data = load_data(path, **options)
    except WorkbenchError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert isinstance(data, SequenceData)
    assert data.offsets[-1] == len(data.items)
    assert data.lengths.min() >= 2
    assert data.items.min() >= 1
    assert len(np.unique(data.items)) == data.items.max() == data.n_items
    if data.times is not None:
        within = np.diff(data.times)[np.diff(np.repeat(np.arange(data.n_users), data.lengths)) == 0]
        assert (within >= 0).all()


FUZZ = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(damaged(), st.sampled_from([None, None, *FORMATS]))
def test_damaged_files(tmp_path, file, format):
    path = tmp_path / file[0]
    path.write_bytes(file[1])
    check(path, format=format)


@FUZZ
@given(st.sampled_from(sorted(SEEDS)), st.binary(max_size=200), st.sampled_from([None, *FORMATS]))
def test_any_bytes(tmp_path, name, data, format):
    path = tmp_path / name
    path.write_bytes(data)
    check(path, format=format)
    check(path, columns={"user": 0, "item": 1, "time": 2}, encoding="latin-1")
    check(path, missing="drop", where=["#1!=a"], unit="each", dates="day-first")


@pytest.mark.parametrize("name", SEEDS)
def test_the_undamaged_files_are_read(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(SEEDS[name])
    assert load_data(path, missing="drop").n_interactions >= 2


@settings(FUZZ, max_examples=60)
@given(data=st.binary(max_size=100))
def test_damaged_companions(tmp_path, data):
    """Files of titles are read as carefully as the interactions."""
    for main, companion in (
        ("x.inter", "x.item"),
        ("u.data", "u.item"),
        ("ratings.csv", "movies.csv"),
        ("reviews.json", "meta_reviews.json"),
    ):
        (tmp_path / main).write_bytes(SEEDS[main])
        (tmp_path / companion).write_bytes(data)
        check(tmp_path / main)
