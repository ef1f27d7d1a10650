"""Times of every kind against Python's own calendar, and what cannot be a time refused."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workbench.data.reading import refused, remedied, tokens, write
from workbench.data import from_interactions, load_data
from workbench.data.times import looks_like_time
from workbench.errors import WorkbenchError, WorkbenchWarning


def stamp(*parts, zone=UTC):
    return int(datetime(*parts, tzinfo=zone).timestamp())


def table(tmp_path, times):
    rows = "".join(f'u,i{k},"{time}"\n' for k, time in enumerate(times))
    return write(tmp_path / "x.csv", f"user,item,time\n{rows}")


CEST = timezone(timedelta(hours=2))
PDT = timezone(timedelta(hours=-7))
DAY = [stamp(2019, 10, 1), stamp(2019, 10, 2, 10)]
KINDS = {
    "dates": (["2019-10-01", "2019-10-02 10:00:00"], DAY),
    "UTC": (["2019-10-01 00:00:00 UTC", "2019-10-02 10:00:00 UTC"], DAY),
    "Z and fractions": (["2019-10-01T00:00:00.277Z", "2019-10-02T10:00:00Z"], DAY),
    "offsets": (
        ["2019-10-01T00:00:00+02:00", "2019-10-01T00:00:00Z"],
        [stamp(2019, 10, 1, zone=CEST), DAY[0]],
    ),
    "nanoseconds": (["2019-10-01T00:00:00.000000000Z", "2019-10-02T10:00:00.000000001Z"], DAY),
    "slashes": (["2019/10/01", "2019/10/02 10:00:00"], DAY),
    "months": (["2019-10", "2019-11"], [stamp(2019, 10, 1), stamp(2019, 11, 1)]),
    "C": (["Tue Oct  1 00:00:00 2019", "Wed Oct  2 10:00:00 2019"], DAY),
    "Goodreads": (
        ["Fri Aug 25 13:55:02 -0700 2017", "Fri Aug 25 13:55:03 -0700 2017"],
        [stamp(2017, 8, 25, 13, 55, 2, zone=PDT), stamp(2017, 8, 25, 13, 55, 3, zone=PDT)],
    ),
    "Amazon": (["09 13, 2009", "09 14, 2009"], [stamp(2009, 9, 13), stamp(2009, 9, 14)]),
    "days first": (["30.01.2015", "31.01.2015"], [stamp(2015, 1, 30), stamp(2015, 1, 31)]),
    "months first": (
        ["1/30/2015 11:05 PM", "1/31/2015 12:00 AM"],
        [stamp(2015, 1, 30, 23, 5), stamp(2015, 1, 31)],
    ),
    "scientific": (["1.6E+09", "1600000001"], [1600000000, 1600000001]),
    "before 1970": (["1961-05-03", "1969-12-31"], [stamp(1961, 5, 3), stamp(1969, 12, 31)]),
    "negative": (["-86400.0", "1e9"], [-86400, 10**9]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_times(tmp_path, kind):
    written, expected = KINDS[kind]
    data = load_data(table(tmp_path, written))
    assert data.times.tolist() == sorted(expected)
    assert data.provenance["rows_read"] == 2


def test_recbole_times_may_be_negative_or_dates(tmp_path):
    head = "user_id:token\titem_id:token\ttimestamp:"
    file = write(tmp_path / "x.inter", head + "float\nu\ta\t5\nu\tb\t-5.5\n")
    assert tokens(load_data(file)) == {"u": ["b", "a"]}
    assert load_data(file).times.tolist() == [-6, 5]
    write(file, head + "token\nu\ta\t2020-01-02 00:00:01\nu\tb\t2020-01-02\n")
    assert load_data(file).times.tolist() == [stamp(2020, 1, 2), stamp(2020, 1, 2, 0, 0, 1)]


@pytest.mark.parametrize("blank", ["", "NA", "NULL", "nan", "\\N", " "])
@pytest.mark.parametrize("others", [("1600000001", "1600000000"), ("2019-10-02", "2019-10-01")])
def test_blank_times_are_counted_and_can_be_dropped(tmp_path, blank, others):
    file = table(tmp_path, [others[0], blank, others[1]])
    message = refused(file)
    assert "x.csv, line 3: time" in message
    dropped, without = remedied(file, message)
    assert tokens(dropped) == {"u": ["i2", "i0"]}
    assert dropped.provenance["rows_read"] == 3
    assert dropped.provenance["rows_dropped"]["missing"] == 1
    assert tokens(without) == {"u": ["i0", "i1", "i2"]}
    assert without.times is None


def test_how_many_are_blank_is_said(tmp_path):
    assert "as in 2 of 4 rows" in refused(table(tmp_path, ["1600000000", "", "", "1600000001"]))


def test_parquet_times(tmp_path):
    stamps = np.array(["2019-10-02T10:00:00.000000001", "2019-10-01"], "datetime64[ns]")
    kinds = {
        "nanoseconds": pa.array(stamps),
        "zone": pa.array(stamps).cast(pa.timestamp("ns", tz="Europe/Berlin")),
        "days": pa.array(stamps.astype("datetime64[D]")).cast(pa.date32()),
        "text": pa.array([str(second) for second in DAY[::-1]]),
        "decimal": pa.array([float(second) for second in DAY[::-1]]).cast(pa.decimal128(12, 1)),
        "unsigned": pa.array(DAY[::-1], pa.uint64()),
    }
    for kind, times in kinds.items():
        file = tmp_path / f"{kind}.parquet"
        pq.write_table(pa.table({"user": ["u", "u"], "item": ["b", "a"], "time": times}), file)
        data = load_data(file)
        assert tokens(data) == {"u": ["a", "b"]}, kind
        assert data.times[0] == DAY[0], kind
        assert kind == "days" or data.times[1] == DAY[1], kind
    file = tmp_path / "null.parquet"
    missing = pa.array([stamps[0], None, stamps[1]], pa.timestamp("ns"))
    pq.write_table(pa.table({"user": ["u"] * 3, "item": [*"bca"], "time": missing}), file)
    dropped, without = remedied(file, refused(file))
    assert tokens(dropped) == {"u": ["a", "b"]}
    assert tokens(without) == {"u": ["b", "c", "a"]}


def test_dates_written_as_numbers_are_dates_and_warned_of(tmp_path):
    file = table(tmp_path, [20190812, 20190811])
    with pytest.warns(WorkbenchWarning, match="20190812 as 2019-08-12"):
        data = load_data(file)
    assert data.times.tolist() == [stamp(2019, 8, 11), stamp(2019, 8, 12)]
    (warning,) = data.provenance["warnings"]
    (seconds,) = remedied(file, warning)
    assert seconds.times.tolist() == [20190811, 20190812]
    assert seconds.provenance["warnings"] == []
    for later, earlier, seconds in (
        (20190812103000, 20190811090000, stamp(2019, 8, 12, 10, 30)),
        (201908121030, 201908110900, stamp(2019, 8, 12, 10, 30)),
        (2019081210, 2019081109, stamp(2019, 8, 12, 10)),
    ):
        assert load_data(table(tmp_path, [later, earlier])).times.tolist()[1] == seconds
    # the same digits are no dates where one of them is none
    assert load_data(table(tmp_path, [20190812, 20191332])).times.tolist() == [20190812, 20191332]


@pytest.mark.parametrize("odd", [99991231, 0, 20191332])
def test_one_of_the_dates_written_as_numbers_that_is_none_is_named(tmp_path, odd):
    file = table(tmp_path, [20190812, 20190811, odd])
    message = refused(file)
    assert f"x.csv, line 4: time '{odd}' is no date" in message
    (seconds,) = remedied(file, message)
    assert sorted(seconds.times.tolist()) == sorted([20190812, 20190811, odd])


@pytest.mark.parametrize("times", [[5, 6], [2015, 2016], [43831.5, 43832.25]])
def test_seconds_of_1970_are_warned_of(tmp_path, times):
    file = table(tmp_path, times)
    with pytest.warns(WorkbenchWarning, match="would run from 1970-01-01 to 1970-01-01"):
        (warning,) = load_data(file).provenance["warnings"]
    named, without = remedied(file, warning)
    assert named.times.tolist() == [int(time) for time in times]
    assert named.provenance["warnings"] == []
    assert without.times is None


def test_a_column_of_two_units_is_refused(tmp_path):
    file = table(tmp_path, [1600000300, 1600000200000, 1600000100000, 1600000000000])
    message = refused(file)
    assert "x.csv, line 2: time '1600000300' has the size of s" in message
    each, one = remedied(file, message)
    assert tokens(each) == {"u": ["i3", "i2", "i1", "i0"]}
    assert each.times.tolist() == [1600000000, 1600000100, 1600000200, 1600000300]
    assert tokens(one) == {"u": ["i0", "i3", "i2", "i1"]}


def test_a_unit_that_cannot_be_that_of_all_is_not_offered(tmp_path):
    file = table(tmp_path, [1600000000, 1600000001, 1600000002000])
    (each,) = remedied(file, refused(file))
    assert each.times.tolist() == [1600000000, 1600000001, 1600000002]


def test_times_that_narrow_floats_round_are_warned_of(tmp_path):
    file = tmp_path / "x.parquet"
    times = np.array([1500000160, 1500000000], np.float32)  # 128 s are between two of these
    pq.write_table(pa.table({"user": ["u"] * 2, "item": ["a", "b"], "time": times}), file)
    with pytest.warns(
        WorkbenchWarning, match="of the type float32, which tells times apart from 128 s"
    ):
        warning = load_data(file).provenance["warnings"][0]
    (meant,) = remedied(file, warning)
    assert not any("float32" in each for each in meant.provenance["warnings"])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_unit_named_is_the_unit(tmp_path, unit):
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    file = table(tmp_path, [90 * scale, 60 * scale])
    assert load_data(f"{file}?unit={unit}").times.tolist() == [60, 90]


def test_days_and_months_that_cannot_be_told_apart(tmp_path):
    file = table(tmp_path, ["3/4/2015", "4/3/2015"])
    message = refused(file)
    assert "x.csv, line 2: time '3/4/2015'" in message
    days, months = remedied(file, message)
    assert days.times.tolist() == [stamp(2015, 3, 4), stamp(2015, 4, 3)]
    assert tokens(days) == {"u": ["i1", "i0"]}
    assert tokens(months) == {"u": ["i0", "i1"]}


@pytest.mark.parametrize("text", ["soon", "10:30", "1,600,000,000", "2019-13-01", "inf", "1e300"])
def test_what_is_no_time(tmp_path, text):
    file = table(tmp_path, ["2019-10-01", "2019-10-02", text])
    message = refused(file)
    assert f"x.csv, line 4: time {text!r}" in message
    write(file, file.read_text().replace("2019-10-01", "1600000000").replace("2019-10-02", "1"))
    assert f"x.csv, line 4: time {text!r}" in refused(file)


def test_columns_given_in_python():
    users, items = np.array(["u", "u"]), np.array(["a", "b"])
    dates = np.array(["1969-12-31", "1969-12-30"], "datetime64[D]")
    data = from_interactions(users, items, dates)
    assert data.times.tolist() == [-2 * 86400, -86400]
    missing = np.array([3.0, np.nan, 1.0])
    with pytest.raises(WorkbenchError, match="time of row 2 is nan"):
        from_interactions(np.array(["u"] * 3), np.array([*"abc"]), missing)
    data = from_interactions(np.array(["u"] * 3), np.array([*"abc"]), missing, missing="drop")
    assert tokens(data) == {"u": ["c", "a"]}
    assert data.provenance["rows_dropped"]["missing"] == 1


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (["2021-06-05T08:00:00Z", "2021-06-05T09:00:00"], "1 row and none in 1, which was"),
        (["2021-06-05T08:00:00+0200", "2021-06-05", "2021-06-06"], "1 row and none in 2, which w"),
        (["Fri Aug 25 13:55:02 -0700 2017", "Fri Aug 25 13:55:02 2017"], "1 row and none in 1, "),
        (["2019-10-01 10:00 UTC"] * 2 + ["2019-10-02 10:00"] * 3, "2 rows and none in 3, which w"),
    ],
)
def test_times_without_a_zone_beside_others_are_counted(tmp_path, times, told):
    file = table(tmp_path, times)
    with pytest.warns(WorkbenchWarning) as caught:
        data = load_data(f"{file}?duplicates=keep")
    (warning,) = data.provenance["warnings"]
    assert f"{file}: the times in time have a zone in {told}" in warning
    assert "taken as UTC" in warning
    assert [str(each.message) for each in caught] == [warning]


@pytest.mark.parametrize(
    "times",
    [
        ["2021-06-05T08:00:00Z", "2021-06-05T09:00:00+02:00", "NA"],
        ["2021-06-05T08:00:00", "2021-06-05", "NA"],
        ["2019-10", "10-12-2015", "NA"],
        ["Tue Oct  1 00:00:00 2019", "13-Oct-2015", "NA"],
    ],
)
def test_of_zones_nothing_is_said_where_all_have_one_or_none(tmp_path, times):
    data = load_data(f"{table(tmp_path, times)}?missing=drop&dates=day-first")
    assert data.provenance["warnings"] == []


def test_months_first_look_like_times():
    assert looks_like_time(pa.array(["6/13/2015", "6/1/2015"]))
    assert looks_like_time(pa.array(["6/1/2015", "13/6/2015"]))
    assert looks_like_time(pa.array(["6/1/2015", "1/6/2015"]))
    assert not looks_like_time(pa.array(["6/1/2015", "1/6/2015", "soon"]))


def test_a_unit_that_leads_beyond_the_year_9999_is_told(tmp_path):
    file = table(tmp_path, [1600000000000, 1600000000001])
    with pytest.raises(WorkbenchError, match=r"is beyond the year 9999 in s; .*unit=ms"):
        load_data(file, unit="s")
