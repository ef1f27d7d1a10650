"""Rows that are kept by their times, against Python's own calendar."""

import operator
from datetime import UTC, datetime

import pandas as pd
import pytest

from tests.workbench.data.reading import refused, remedied, tokens, write, write_frame
from workbench.data import load_data
from workbench.errors import WorkbenchWarning

# in columns that Arrow reads as times, as dates, and as text: of two zones, without one, and mixed
COLUMNS = {
    "zoned": ["2021-06-04T08:00:00Z", "2021-06-05T00:00:00Z", "2021-06-05T08:00:00Z"],
    "zones": ["2021-06-05T01:30:00+02:00", "2021-06-04T19:00:00-05:00", "2021-06-05T01:30:00Z"],
    "zoneless": ["2021-06-04T08:00:00", "2021-06-05T00:00:00", "2021-06-05T08:00:00"],
    "days": ["2021-06-04", "2021-06-05", "2021-06-06"],
    "mixed": ["2021-06-05T01:00:00+02:00", "2021-06-05T00:00:00", "2021-06-05T08:00:00Z"],
}
BOUNDS = {
    "2021-06-05": datetime(2021, 6, 5, tzinfo=UTC),
    "2021-06-05 00:00:00": datetime(2021, 6, 5, tzinfo=UTC),
    "2021-06-05T00:00:00": datetime(2021, 6, 5, tzinfo=UTC),
    "2021-06-05T00:00:00Z": datetime(2021, 6, 5, tzinfo=UTC),
    "2021-06-05T01:30:00+02:00": datetime(2021, 6, 4, 23, 30, tzinfo=UTC),
    "2021-06-04T19:00:00-05:00": datetime(2021, 6, 5, tzinfo=UTC),
}
SIGNS = {
    **{"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
    **{"=": operator.eq, "==": operator.eq, "!=": operator.ne},
}


def instant(text):
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def log(path, times, column="timestamp"):
    """A file in which every time is one of item 0, 1, ..., and none is the time of the last."""
    frame = pd.DataFrame({"user": "u", "item": range(len(times) + 1), column: [*times, ""]})
    frame.loc[len(times), column] = "2099-01-01T00:00:00" + "Z" * times[0].endswith("Z")
    return write_frame(path, frame)


@pytest.mark.filterwarnings("ignore:.*were taken as UTC:workbench.errors.WorkbenchWarning")
@pytest.mark.filterwarnings("ignore:.*was taken as UTC:workbench.errors.WorkbenchWarning")
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize("kind", COLUMNS)
def test_times_compare_as_instants(tmp_path, kind, suffix):
    times = COLUMNS[kind]
    file = log(tmp_path / f"x.{suffix}", times)
    times = [*times, "2099-01-01"]
    for bound, at in BOUNDS.items():
        for sign, holds in SIGNS.items():
            expected = [str(k) for k, time in enumerate(times) if holds(instant(time), at)]
            condition = f"timestamp{sign}{bound}"
            if not expected:
                assert "leaves no row of 4" in refused(f"{file}?where={condition}")
                continue
            data = load_data(f"{file}?where={condition}", min_user=1)
            assert sorted(data.item_ids[1:]) == expected, condition
            if bound == "2021-06-05":  # the other spelling
                data = load_data(file, where=condition, min_user=1)
                assert sorted(data.item_ids[1:]) == expected, condition


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_times_of_a_typed_column_are_instants(tmp_path, zone):
    times = pd.Series(pd.to_datetime(["2021-06-04 22:30", "2021-06-05 08:00"])).dt.tz_localize(zone)
    frame = pd.DataFrame({"user": ["u", "u"], "item": ["a", "b"], "time": times})
    frame.to_parquet(tmp_path / "x.parquet")
    early = load_data(f"{tmp_path / 'x.parquet'}?where=time<2021-06-05T00:00:00Z&min_user=1")
    assert tokens(early) == {"u": ["a"]}
    # 22:30 in Berlin is 20:30 in UTC
    last = load_data(f"{tmp_path / 'x.parquet'}?where=time>2021-06-04T22:00:00&min_user=1")
    assert tokens(last) == {"u": ["b"] if zone == "Europe/Berlin" else ["a", "b"]}


def test_the_column_shows_how_the_date_behind_the_sign_is_meant(tmp_path):
    rows = "u,a,6/13/2015\nu,b,7/1/2015\nu,c,5/31/2015\n"
    file = write(tmp_path / "x.csv", f"user,item,time\n{rows}")
    for bound in ("6/1/2015", "2015-06-01", "1 Jun 2015"):
        assert tokens(load_data(f"{file}?where=time>={bound}")) == {"u": ["a", "b"]}
    file = write(tmp_path / "y.csv", file.read_text().replace("6/13", "6/12").replace("/31", "/3"))
    message = refused(f"{file}?where=time>=2015-06-01")
    assert "y.csv, line 2: time '6/12/2015' may begin with its day or with its month" in message
    days, months = remedied(f"{file}?min_user=1&where=time>=2015-06-01".partition("?")[0], message)
    assert days.times.tolist() != months.times.tolist()
    with_order = f"{file}?dates=month-first&where=time>=6/1/2015"
    assert tokens(load_data(with_order)) == {"u": ["a", "b"]}


def test_names_of_months_are_not_ordered_by_their_letters(tmp_path):
    rows = 'u,a,"Apr 2, 2019"\nu,b,"Jan 3, 2019"\nu,c,"May 4, 2019"\n'
    file = write(tmp_path / "x.csv", f"user,item,time\n{rows}")
    assert tokens(load_data(file, where=["time>Mar 1, 2019"])) == {"u": ["a", "c"]}


def test_rows_without_a_time_are_on_neither_side(tmp_path):
    rows = "u,a,2021-06-04T08:00:00Z\nu,b,\nu,c,2021-06-05T08:00:00+02:00\nu,d,NA\n"
    file = write(tmp_path / "x.csv", f"user,item,at\n{rows}")
    for sign, items in (("<", ["a"]), (">=", ["c"]), ("!=", ["a", "b", "c", "d"])):
        found = load_data(f"{file}?time=&min_user=1&where=at{sign}2021-06-05")
        assert tokens(found) == {"u": items}


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("time<June", "and 'June' is no time; write one such as 2021-06-05 or 2021-06-05T10:30"),
        ("time<2021", "has none, such as '2021-06-05'; write a time such as 2021-06-05."),
        ("time<1.6.2021", "'1.6.2021' may begin with its day or with its month; say with which"),
        ("item<2021-06-05", "line 2: item 'a' is no time, and where=item<2021-06-05 compares ti"),
    ],
)
def test_what_is_no_time_on_one_side_is_told(tmp_path, condition, reason):
    file = write(tmp_path / "x.csv", "user,item,time\nu,a,2021-06-05\nu,b,2021-06-06\n")
    assert reason in refused(f"{file}?where={condition}")


def test_text_and_ids_that_are_no_times_compare_as_text(tmp_path):
    file = write(tmp_path / "x.csv", "user,item,shop\nu,a,north\nu,b,south\nu,1.2.3,west\n")
    assert tokens(load_data(f"{file}?time=&where=shop<t")) == {"u": ["a", "b"]}
    assert tokens(load_data(f"{file}?time=&where=item!=1.2.3")) == {"u": ["a", "b"]}
    assert tokens(load_data(f"{file}?time=&where=item!=2021-06-05")) == {"u": ["a", "b", "1.2.3"]}


def test_zones_that_were_assumed_to_decide_are_told(tmp_path):
    """Also where they are of another column than the times, or no row of one zone is left."""
    rows = "u,a,1,2021-05-31T23:30:00-05:00\nu,b,2,2021-05-30T08:00:00\nu,c,3,2021-05-29\n"
    file = write(tmp_path / "x.csv", f"user,item,time,until\n{rows}")
    for source in (f"{file}?time=time", f"{file}?time=until"):
        with pytest.warns(WorkbenchWarning) as caught:
            data = load_data(f"{source}&unit=s&where=until<2021-06-01")
        assert sum("times in until have a zone in 1 row and none in 2, which were taken as UTC" in
                   str(warning.message) for warning in caught) == 1  # fmt: skip
        assert set(data.item_ids[1:]) == {"b", "c"}


@pytest.mark.parametrize(
    ("condition", "left"),
    [(f"order={2**60 + 1}", ["b"]), (f"order!={2**60 + 1}", ["a", "c", "d"]), ("order=7.0", ["d"])],
)
def test_large_numbers_are_told_apart_by_their_digits(tmp_path, condition, left):
    """They are ids, and those beside them the same number in floating point."""
    file = tmp_path / "x.csv"
    orders = (2**60, 2**60 + 1, "", 7)
    rows = [f"u,{item},{order}\n" for item, order in zip("abcd", orders, strict=True)]
    file.write_text("user,item,order\n" + "".join(rows))
    assert tokens(load_data(file, where=[condition], min_user=1)) == {"u": left}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("kept", ["=True", "==true", "!=False", "!=FALSE", "=1"])
def test_what_is_true_or_false_is_compared_in_any_letters(tmp_path, suffix, kept):
    frame = pd.DataFrame({"user": "u", "item": [*"abc"], "bought": [True, False, True]})
    file = write_frame(tmp_path / f"x.{suffix}", frame)
    assert tokens(load_data(f"{file}?where=bought{kept}")) == {"u": ["a", "c"]}
    assert "is either true or false" in refused(f"{file}?where=bought=yes")


def test_ids_that_are_text_are_compared_as_text(tmp_path):
    file = write(tmp_path / "x.csv", "user,item,time\nu,007,1\nu,7,2\nu,b,3\nu,7.0,4\n")
    assert tokens(load_data(f"{file}?where=item=7&time=&min_user=1")) == {"u": ["7"]}
    assert tokens(load_data(f"{file}?where=item!=7&time=&min_user=1")) == {"u": ["007", "b", "7.0"]}


@pytest.mark.parametrize("odd", ["4,5", "5 stars", "1_000"])
def test_what_is_no_number_is_not_left_out_by_one(tmp_path, odd):
    file = write(tmp_path / "x.csv", f"user;item;rating\nu;a;4\nu;b;{odd}\nu;c;\nu;d;3\nu;e;NA\n")
    message = refused(f"{file}?where=rating>=4")
    assert f"x.csv, line 3: rating '{odd}' is no number, and where=rating>=4 compares" in message
    file.write_text(file.read_text().replace(odd, "5"))
    assert tokens(load_data(f"{file}?where=rating>=4")) == {"u": ["a", "b"]}


@pytest.mark.parametrize(
    ("written", "bound"),
    [
        ([20170713, 20170714, 20170715], 20170715),
        ([2017071323, 2017071400, 2017071501], 2017071500),
        ([1500000000, 1500076799, 1500076800], 1500076800),
        ([1500000000000, 1500076799999, 1500076800000], 1500076800000),
    ],
)
def test_a_date_is_told_as_the_numbers_of_a_column_write_it(tmp_path, written, bound):
    rows = "".join(f"u,{item},{time}\n" for item, time in zip("abc", written, strict=True))
    file = write(tmp_path / "x.csv", f"user,item,a&b\n{rows}")
    message = refused(f"{file}?time=a%26b&where=a%26b<2017-07-15")
    assert f"write a number, which for 2017-07-15 is {bound} (?where=a%26b<{bound} " in message
    assert tokens(load_data(f"{file}?time=a%26b&where=a%26b<{bound}")) == {"u": ["a", "b"]}
