"""Tables as people have them: times under other names, quotes, ids of any type or none."""

import gzip
import json
import re
from datetime import datetime
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workbench.data.reading import refused, remedied, tokens, write, write_frame
from workbench.data import from_interactions, load_data
from workbench.data.times import far_off
from workbench.errors import WorkbenchError, WorkbenchWarning

# rows not in the order of time; u: a b c, v: c a
EVENTS = (("u", "b", 1500000100), ("v", "a", 1500000900), ("u", "a", 1500000000),
          ("v", "c", 1500000300), ("u", "c", 1500000200))  # fmt: skip
HISTORIES = {"u": ["a", "b", "c"], "v": ["c", "a"]}


def table(header, rows=EVENTS, separator=","):
    lines = (separator.join(map(str, row)) for row in (header, *rows))
    return "".join(f"{line}\n" for line in lines)


class TestTimes:
    @pytest.mark.parametrize(
        "name", ["ts", "event_time", "Timestamp", "time_ms", "created_at", "t_dat", "date-added"]
    )
    def test_a_usual_name_is_known(self, tmp_path, name):
        file = write(tmp_path / "x.csv", table(("user_id", "item_id", name)))
        assert tokens(load_data(file)) == HISTORIES

    @pytest.mark.parametrize("name", ["time", "ts"])
    def test_in_recbole_files(self, tmp_path, name):
        heading = ("user_id:token", "item_id:token", f"{name}:float")
        file = write(tmp_path / "x.inter", table(heading, separator="\t"))
        assert tokens(load_data(file)) == HISTORIES

    @pytest.mark.parametrize("suffix", ["csv", "inter", "jsonl", "parquet"])
    def test_another_name_is_asked_for(self, tmp_path, suffix):
        file = tmp_path / f"x.{suffix}"
        columns = dict(zip(("user_id", "item_id", "when"), zip(*EVENTS, strict=True), strict=True))
        if suffix == "parquet":
            pq.write_table(pa.table(columns), file)
        elif suffix == "jsonl":
            rows = (dict(zip(columns, row, strict=True)) for row in EVENTS)
            write(file, "".join(json.dumps(row) + "\n" for row in rows))
        elif suffix == "inter":
            heading = ("user_id:token", "item_id:token", "when:float")
            write(file, table(heading, separator="\t"))
        else:
            write(file, table(columns))
        message = refused(file)
        assert "no column is named as times are, and when" in message
        timed, untimed = remedied(file, message)
        assert tokens(timed) == HISTORIES
        assert tokens(untimed) == {"u": ["b", "a", "c"], "v": ["a", "c"]}

    def test_none_at_all_is_warned_of(self, tmp_path):
        file = write(
            tmp_path / "x.csv", table(("user", "item", "stars"), [("u", "a", 5), ("u", "b", 3)])
        )
        with pytest.warns(WorkbenchWarning, match="no column holds times"):
            (warning,) = load_data(file).provenance["warnings"]
        (meant,) = remedied(file, warning)
        assert meant.provenance["warnings"] == []

    def test_a_second_column_of_times_is_warned_of(self, tmp_path):
        rows = [("u", "a", 20220408, 1649400000000), ("u", "b", 20220408, 1649300000000)]
        file = write(tmp_path / "x.csv", table(("user_id", "video_id", "date", "time_ms"), rows))
        with pytest.warns(WorkbenchWarning, match="times were taken from time_ms, though date"):
            data = load_data(file)
        assert tokens(data) == {"u": ["b", "a"]}
        this, other = remedied(file, data.provenance["warnings"][0])
        assert this.provenance["warnings"] == []
        assert tokens(other) == {"u": ["a", "b"]}

    @pytest.mark.parametrize("other", [("10:00:00", "09:00:00"), (5, 6)])
    def test_a_column_called_time_that_holds_none_is_not_taken(self, tmp_path, other):
        """A time of day, or how long something took, beside the date."""
        rows = [("u", "a", "2020-01-02", other[0]), ("u", "b", "2020-01-01", other[1])]
        file = write(tmp_path / "x.csv", table(("user", "item", "date", "time"), rows))
        with pytest.warns(WorkbenchWarning, match="times were taken from date, though time"):
            assert tokens(load_data(file)) == {"u": ["b", "a"]}

    @pytest.mark.parametrize("name", ["clock", "Uhrzeit", "time"])
    @pytest.mark.parametrize("clock", ["08:13:20", "8:13", "08:13 PM", "08:13:20.5"])
    @pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
    def test_a_time_of_day_beside_a_date_is_warned_of(self, tmp_path, name, clock, suffix):
        rows = [("u", "a", "2020-01-02", clock), ("u", "b", "2020-01-01", clock)]
        frame = pd.DataFrame(rows, columns=["user", "item", "date", name])
        file = write_frame(tmp_path / f"x.{suffix}", frame)
        with pytest.warns(WorkbenchWarning):
            (warning,) = load_data(file).provenance["warnings"]
        assert f"times were taken from date, though {name} has the times of day" in warning
        (meant,) = remedied(file, warning)
        assert meant.provenance["warnings"] == []
        frame["date"] = "2020-01-02 08:13:20"  # which is the other remedy
        frame.loc[1, "date"] = "2020-01-01 08:13:20"
        if name != "time":  # whose name asks for another word
            assert load_data(write_frame(file, frame)).provenance["warnings"] == []

    def test_and_beside_one_of_another_name(self, tmp_path):
        rows = [("u", "a", "2020-01-02", "08:13"), ("u", "b", "2020-01-01", "08:14")]
        file = write(tmp_path / "x.csv", table(("user", "item", "day", "tod"), rows))
        assert "day looks like times, without the times of day, which tod has; say" in refused(file)

    @pytest.mark.parametrize(
        "when", ["14-Jul-17", "07/14/17 02:40", "July 14th 2017", {"$date": 1500000000000}]
    )
    def test_times_that_cannot_be_read_are_named(self, tmp_path, when):
        rows = [{"user": "u", "item": item, "when": when} for item in "ab"]
        file = write(tmp_path / "x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        with pytest.warns(WorkbenchWarning):
            (warning,) = load_data(file).provenance["warnings"]
        assert "no column holds times that can be read, so histories are in the order" in warning
        assert f"write those in when, such as {str(when)!r}, as 2019-08-12 10:30:00" in warning
        (meant,) = remedied(file, warning)
        assert meant.provenance["warnings"] == []

    @pytest.mark.parametrize("name", ["time", "a&b", "50%+?"])
    @pytest.mark.parametrize("none", [0, -1, "0.0", 3600, 20190812, -62135596800, 9999999999])
    def test_a_number_that_may_stand_for_none_is_warned_of(self, tmp_path, none, name):
        rows = [*EVENTS, ("u", "z", none)]
        file = write(tmp_path / "x.csv", table(("user", "item", name), rows))
        with pytest.warns(WorkbenchWarning, match="1 time in .* lies more than ten years from"):
            data = load_data(file, columns={"time": name})
        warning = data.provenance["warnings"][-1]
        assert f"such as {none} (" in warning
        where = {"where": eval(re.search(r"where=(\[.*?\]) in Python", warning)[1])}
        without = load_data(file, columns={"time": name}, **where)
        assert tokens(without) == HISTORIES
        assert without.provenance["warnings"] == []
        query = re.search(r"\?(where=\S+) behind", warning)[1]
        time = urlencode({"time": name})
        assert load_data(f"{file}?{time}&{query}").checksum == without.checksum
        assert load_data(f"{file}?{time}&unit=s").provenance["warnings"] == []

    @pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
    @pytest.mark.parametrize(
        ("pattern", "none", "year"),
        [
            ("%Y-%m-%d", "9999-12-31", 9999),
            ("%Y-%m-%d %H:%M:%S", "1970-01-01 01:00:00", 1970),
            ("%d/%m/%Y", "01/01/1900", 1900),
            ("%Y-%m-%dT%H:%M:%S+02:00", "0001-01-01T00:00:00+00:00", 1),
        ],
    )
    def test_nor_is_such_a_date_passed_over(self, tmp_path, pattern, none, year, suffix):
        dates = [datetime(2019, 8, 12 + k, 10, 30).strftime(pattern) for k in range(4)]
        frame = pd.DataFrame({"user": "u", "item": [*"abcd"], "date": [*dates[:3], none]})
        file = write_frame(tmp_path / f"x.{suffix}", frame)
        with pytest.warns(WorkbenchWarning):
            (warning,) = load_data(file).provenance["warnings"]
        lies = "1 time in date lies more than ten years from the others, such as"
        assert lies in warning
        assert f" ({year:04d}-" in warning
        without, meant = remedied(file, warning)
        assert tokens(without) == {"u": [*"abc"]}
        assert without.provenance["warnings"] == meant.provenance["warnings"] == []

    def test_and_typed_dates(self, tmp_path):
        for zone in (None, "Europe/Berlin"):
            days = ["2019-08-12 10:30:00.25", "2019-08-13", "1900-01-01", "2999-01-01"]
            times = pd.to_datetime(pd.Series(days), format="ISO8601").dt.tz_localize(zone)
            frame = pd.DataFrame({"user": "u", "item": [*"abcd"], "date": times})
            frame.to_parquet(tmp_path / "x.parquet")
            data = load_data(tmp_path / "x.parquet")
            without, _ = remedied(tmp_path / "x.parquet", data.provenance["warnings"][0])
            assert tokens(without) == {"u": ["a", "b"]}

    def test_times_within_ten_years_of_each_other_are_near(self):
        year = 365 * 24 * 3600
        assert far_off(np.array([0, 9, 18, 27, 28.0]) * year).tolist() == [False] * 5
        times = np.array([50, 0, 28, np.nan, 29, 45, 30]) * year
        assert far_off(times).tolist() == [True, True, False, False, False, True, False]

    def test_items_that_are_times_are_refused(self, tmp_path):
        rows = [("u", "a", 1600000000), ("v", "a", 1600000001)]
        file = write(tmp_path / "x.csv", table(("", "user_id", "item_id"), rows))
        (meant,) = remedied(file, refused(file))
        assert tokens(meant) == {"a": ["1600000000", "1600000001"]}

    def test_equal_times_are_warned_of(self, tmp_path):
        for time in ("2020-01-01", "0", "1500000000"):
            rows = [("u", "a", time), ("u", "b", time)]
            file = write(tmp_path / "x.csv", table(("user", "item", "date"), rows))
            with pytest.warns(WorkbenchWarning, match="all times in date are equal"):
                (warning,) = load_data(file).provenance["warnings"]
            assert remedied(file, warning)[0].times is None

    def test_times_equal_for_every_user_are_warned_of(self, tmp_path):
        rows = [(u, i, {"u": 1500000000, "v": 1500000060}[u]) for u, i, _ in EVENTS]
        file = write(tmp_path / "x.csv", table(("user", "item", "time"), rows))
        with pytest.warns(WorkbenchWarning, match="every user's times are all equal"):
            assert len(load_data(file).provenance["warnings"]) == 1


class TestQuotes:
    ROWS = tuple((u, i, t, f"Song {i}") for u, i, t in EVENTS)

    @pytest.mark.parametrize("where", [(1, 3), (0, 4), (2,), (1, 2, 3)])
    @pytest.mark.parametrize("last", [True, False])
    def test_those_of_titles_are_text(self, tmp_path, where, last):
        """An unbalanced quote took all rows up to the next one."""
        rows = [
            (u, i, t, f'"{title}' if k in where else title)
            for k, (u, i, t, title) in enumerate(self.ROWS)
        ]
        header = ["user_id", "item_id", "timestamp", "title"]
        if not last:
            rows, header = (
                [(u, title, i, t) for u, i, t, title in rows],
                [*("user_id", "title", "item_id", "timestamp")],
            )
        data = load_data(write(tmp_path / "x.tsv", table(header, rows, "\t")))
        assert tokens(data) == HISTORIES
        assert data.provenance["rows_read"] == 5
        assert {title.strip('"') for title in data.titles[1:]} == {"Song a", "Song b", "Song c"}

    def test_fields_in_quotes_beside_them(self, tmp_path):
        rows = [(f'"{u}"', f'"{i}"', f'"{t}"', f'"{k}') for k, (u, i, t) in enumerate(EVENTS)]
        header = ("user", "item", "time", "title")
        data = load_data(write(tmp_path / "x.csv", table(header, rows)))
        assert tokens(data) == HISTORIES
        assert data.title(1) == '"0'

    def test_a_field_of_several_lines_is_one(self, tmp_path):
        rows = [(u, i, t, f'"one, two\n\nthree {t}"') for u, i, t in EVENTS]
        data = load_data(write(tmp_path / "x.csv", table(("user", "item", "time", "note"), rows)))
        assert tokens(data) == HISTORIES

    def test_where_some_are_needed_the_open_one_is_named(self, tmp_path):
        titles = ['"One, two"', '"open', "x", 'y"', "z"]
        rows = [(*row, title) for row, title in zip(EVENTS, titles, strict=True)]
        file = write(tmp_path / "x.csv", table(("user", "item", "time", "title"), rows))
        message = refused(file)
        assert "x.csv, line 3: a quote that opens here" in message
        write(file, file.read_text().replace('"open', "open").replace('y"', "y"))  # the remedy
        assert tokens(load_data(file)) == HISTORIES


class TestIds:
    def test_one_and_one_in_quotes_are_one(self):
        users = pd.Series([1, 1, "1", "1", 2, 2.0, "2", np.int64(2)], dtype=object)
        data = from_interactions(users, [*"abcdabcd"], range(8))
        assert tokens(data) == {"1": [*"abcd"], "2": [*"abcd"]}

    @pytest.mark.parametrize(
        "column",
        [
            np.array([7.0, 7.0, 8.0, 8.0]),
            np.array([7, 7, 8, 8], np.uint16),
            pd.Series([7, 7, 8, 8], dtype="Int64"),
            pd.Series(["7", " 7", "8 ", "8"], dtype="category"),
            pa.array([7.0, 7.0, 8.0, 8.0]),
            pa.array(["7", "7 ", " 8", "8"]),
            pa.array([b"7", b"7", b"8", b"8"]),
            pa.array([7, 7, 8, 8]).cast(pa.decimal128(21, 2)),
        ],
        ids=lambda column: str(getattr(column, "type", getattr(column, "dtype", ""))),
    )
    def test_whatever_the_type_a_number_is_its_digits(self, column):
        assert tokens(from_interactions(column, [*"abab"])) == {"7": ["a", "b"], "8": ["a", "b"]}

    def test_what_floats_do_not_hold_is_refused(self, tmp_path):
        file = tmp_path / "x.parquet"
        ids = [76561198000000001.0, 76561198000000001.0]
        pq.write_table(pa.table({"user": ids, "item": ["a", "b"], "time": [10**9] * 2}), file)
        assert "x.parquet: user: 7.6561198e+16 is a float64 too large" in refused(file)
        with pytest.raises(WorkbenchError, match="too large to be an exact id"):
            from_interactions(np.array(ids), ["a", "b"])
        exact = pa.array([76561198000000001] * 2)  # which is the remedy
        pq.write_table(pa.table({"user": exact, "item": ["a", "b"], "time": [10**9] * 2}), file)
        assert load_data(file).user_ids.tolist() == ["76561198000000001"]

    @pytest.mark.parametrize(("width", "first"), [("float32", 2**24), ("float16", 2**11)])
    def test_narrow_floats_hold_less(self, tmp_path, width, first):
        file = tmp_path / "x.parquet"
        ids = np.array([first, first + 1], width)  # one value for both
        columns = {"user": [1, 1], "item": ids, "time": [1500000000, 1500000001]}
        pq.write_table(pa.table(columns), file)
        assert refused(file) == (
            f"{file}: item: {float(first)!r} is a {width} too large to be an exact id; "
            "write ids as text or integers."
        )
        for column in (ids, pd.Series(ids), pa.array(ids)):
            with pytest.raises(WorkbenchError, match=f"is a {width} too large"):
                from_interactions([1, 1], column)
        exact = from_interactions([1, 1], np.array([first - 2, first - 1], width))
        assert exact.item_ids[1:].tolist() == [str(first - 2), str(first - 1)]

    def test_rounded_ids_are_warned_of(self, tmp_path):
        rows = [("7.65612e+16", item, time) for _, item, time in EVENTS]
        file = write(tmp_path / "x.csv", table(("user", "item", "time"), rows))
        with pytest.warns(WorkbenchWarning, match=r"user holds numbers such as 7\.65612e\+16"):
            load_data(file)
        write(file, file.read_text().replace("7.65612e+16", "12e7"))  # an id like another
        assert load_data(file).provenance["warnings"] == []

    @pytest.mark.parametrize("word", ["NA", "NULL", "nan", "None", "\\N", "<NA>", "", " "])
    @pytest.mark.parametrize("column", [0, 1])
    def test_a_word_for_a_missing_value_is_none(self, tmp_path, word, column):
        rows = [list(row) for row in EVENTS]
        rows[2][column] = rows[3][column] = word
        file = write(tmp_path / "x.csv", table(("user", "item", "time"), rows))
        message = refused(file)
        assert "x.csv, line 4: " in message
        assert "as in 2 of 5 rows" in message
        dropped, *kept = remedied(file, message)
        assert tokens(dropped) == {"u": ["b", "c"]}
        assert dropped.provenance["rows_read"] == 5
        assert dropped.provenance["rows_dropped"]["missing"] == 2
        assert dropped.provenance["rows_dropped"]["rare_users"] == 1
        assert len(kept) == bool(word.strip())
        for data in kept:
            assert word in (data.user_ids if column == 0 else data.item_ids)

    @pytest.mark.parametrize(
        ("column", "value"), [("time", ""), ("time", "NaN"), ("user", ""), ("item", "NA")]
    )
    def test_where_none_is_there_rows_are_not_to_be_left_out(self, tmp_path, column, value):
        rows = {"user": ["u", "u"], "item": ["a", "b"], "time": ["1", "2"]}
        rows[column] = [value, value]
        lines = [",".join(fields) for fields in zip(*rows.values(), strict=True)]
        file = write(tmp_path / "log.csv", "\n".join(["user,item,time", *lines]))
        said = refused(file)
        assert "missing=drop" not in said
        if column == "time":
            assert [data.n_interactions for data in remedied(file, said)] == [2]
        else:
            assert f"name the column of the {column}s" in said or "take it as" in said

    def test_no_number_is_no_name(self, tmp_path):
        file = tmp_path / "x.parquet"
        pq.write_table(pa.table({"user": [1.0, float("nan"), 1.0], "item": [*"abc"]}), file)
        message = refused(f"{file}?time=")
        assert "row 2: user is missing; leave such rows out" in message
        assert "missing=keep" not in message

    def test_a_name_that_only_looks_missing_is_a_name(self, tmp_path):
        rows = [(user, item, time) for user in ("Nan", "Null") for _, item, time in EVENTS[:2]]
        data = load_data(write(tmp_path / "x.csv", table(("user", "item", "time"), rows)))
        assert data.user_ids.tolist() == ["Nan", "Null"]

    def test_in_python_too(self):
        users, items = np.array(["u", "nan", "u"]), np.array(["a", "b", "c"])
        with pytest.raises(WorkbenchError, match="row 2 has no user but 'nan'"):
            from_interactions(users, items)
        data = from_interactions(users, items, missing="drop")
        assert tokens(data) == {"u": ["a", "c"]}
        assert data.provenance["rows_dropped"]["missing"] == 1
        assert "nan" in from_interactions(users, items, missing="keep", min_user=1).user_ids


class TestLayouts:
    def test_an_index_is_no_column_of_interest(self, tmp_path):
        rows = [(k, *row) for k, row in enumerate(EVENTS)]
        file = write(tmp_path / "x.csv", table(("", "user_id", "item_id", "timestamp"), rows))
        assert tokens(load_data(file)) == HISTORIES
        frame = pd.DataFrame(EVENTS, columns=["user_id", "item_id", "timestamp"])
        frame.to_parquet(tmp_path / "x.parquet", index=True)
        assert tokens(load_data(tmp_path / "x.parquet")) == HISTORIES

    def test_two_columns_of_a_name_do_not_matter_where_they_are_not_asked_for(self, tmp_path):
        rows = [(*row, 1, 2) for row in EVENTS]
        header = ("user", "item", "time", "note", "note")
        assert tokens(load_data(write(tmp_path / "x.csv", table(header, rows)))) == HISTORIES

    @pytest.mark.parametrize("query", ["", "?time=x", "?time=&where=x>1"])
    def test_two_columns_of_a_name_that_is_read_are_refused(self, tmp_path, query):
        twice = "user" if not query else "x"
        names = "user,item,time,user" if not query else "user,item,x,x"
        file = write(tmp_path / "log.csv", f"{names}\n1,a,3,4\n1,b,4,5\n")
        said = refused(f"{file}{query}")
        assert said == f"{file}: two columns are called {twice!r}; rename one."

    def test_unless_they_are_named_by_position(self, tmp_path):
        file = write(tmp_path / "log.csv", "user,item,time,user\n1,a,3,4\n1,b,4,4\n")
        assert tokens(load_data(f"{file}?user=#3&item=#1&time=#2")) == {"4": ["a", "b"]}
        assert tokens(load_data(f"{file}?user=#0&item=#1&time=#2")) == {"1": ["a", "b"]}

    def test_blank_lines_before_the_header(self, tmp_path):
        text = "\n\n" + table(("user", "item", "time"))
        file = write(tmp_path / "x.csv", text)
        assert tokens(load_data(file)) == HISTORIES
        write(file, text.replace("1500000300", "soon"))
        assert "x.csv, line 7: time 'soon'" in refused(file)

    @pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
    def test_no_header_is_told_with_the_positions(self, tmp_path, separator):
        rows = [(user, item, "5.0", time) for user, item, time in EVENTS]
        file = write(tmp_path / "x.csv", table(rows[0], rows[1:], separator))
        message = refused(file)
        assert "?user=#0&item=#1&time=#3" in message
        assert tokens(remedied(file, message)[0]) == HISTORIES

    def test_what_looks_like_times_is_told_with_its_position(self, tmp_path):
        rows = [(user, item, "5.0", time) for user, item, time in EVENTS]
        file = write(tmp_path / "x.csv", table(rows[0], rows[1:]))
        message = refused(f"{file}?user=#0&item=#1")
        assert (
            "#3 looks like times; say so (?time=#3 behind the path, columns={'time': 3} " in message
        )
        assert tokens(load_data(f"{file}?user=#0&item=#1&time=#3")) == HISTORIES
        data = load_data(file, columns={"user": 0, "item": 1, "time": 3}, where=["#2>4"])
        assert data.provenance["columns"] == {"user": "#0", "item": "#1", "time": "#3"}

    def test_positions_stand_for_columns_of_parquet(self, tmp_path):
        file = tmp_path / "x.parquet"
        frame = pd.DataFrame(EVENTS, columns=["who", "what", "when"])
        frame.to_parquet(file)
        assert tokens(load_data(f"{file}?user=#0&item=#1&time=#2")) == HISTORIES

    def test_positions_count_below_a_header_too(self, tmp_path):
        file = write(tmp_path / "x.csv", table(("who", "what", "when")))
        data = load_data(f"{file}?user=#0&item=#1&time=#2")
        assert tokens(data) == HISTORIES
        assert data.provenance["columns"]["user"] == "who"

    @pytest.mark.parametrize("separator", [" ", ",", "\t"])
    def test_an_inter_file_that_is_none_is_read_as_a_table(self, tmp_path, separator):
        typed = () if separator == "\t" else ("token", "token", "float")
        header = [
            ":".join(pair) for pair in zip(("user_id", "item_id", "time"), typed, strict=False)
        ]
        file = write(tmp_path / "x.inter", table(header or ("user_id", "item_id", "time"),
                                                 separator=separator))  # fmt: skip
        assert tokens(remedied(file, refused(file))[0]) == HISTORIES

    def test_a_header_of_text_ids_is_warned_of(self, tmp_path):
        rows = [("who", "what"), *((user, item) for user, item, _ in EVENTS)]
        file = write(tmp_path / "x.csv", "".join(",".join(row) + "\n" for row in rows))
        source = f"{file}?user=#0&item=#1&time=&min_user=1"
        with pytest.warns(WorkbenchWarning, match="line 1: 'who' and 'what' were read as a row"):
            data = load_data(source)
        (named,) = remedied(file, data.provenance["warnings"][0])
        assert tokens(named) == {"u": ["b", "a", "c"], "v": ["a", "c"]}
        write(file, file.read_text().partition("\n")[2])
        assert load_data(source).provenance["warnings"] == []

    def test_a_missing_column_is_named(self, tmp_path):
        file = write(tmp_path / "x.csv", table(("user", "thing_id", "time")))
        assert tokens(remedied(file, refused(file))[0]) == HISTORIES

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("# exported\nuser,item\nu,a\nu,b\n", "line 1: a comment"),
            ("user,item\ru,a\ru,b\r", "carriage returns"),
        ],
    )
    def test_what_stands_in_the_way_is_named(self, tmp_path, text, said):
        assert said in refused(write(tmp_path / "x.csv", text))

    def test_a_packed_file_is_to_be_unpacked(self, tmp_path):
        assert "unpack it first" in refused(write(tmp_path / "ml.zip", "PK"))

    def test_parquet_folders_of_spark_and_hive(self, tmp_path):
        folder = tmp_path / "events.parquet"
        for day, rows in ((1, EVENTS[:2]), (2, EVENTS[2:])):
            part = folder / f"day={day}" / "part-0000.snappy.parquet"
            part.parent.mkdir(parents=True)
            names = ("user_id", "item_id", "timestamp")
            pq.write_table(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), part)
        (folder / "_SUCCESS").touch()
        (folder / "day=1" / ".part-0000.parquet.crc").write_bytes(b"x")
        (folder / "_metadata.parquet").write_bytes(b"x")
        assert tokens(load_data(folder)) == HISTORIES
        assert tokens(load_data(f"{folder}?where=day=2&min_user=1")) == {
            "u": ["a", "c"],
            "v": ["c"],
        }

    def test_lists_of_a_user_are_that_many_rows(self, tmp_path):
        times = [[1500000100, 1500000000, 1500000200], [1500000900, 1500000300]]
        items = [["b", "a", "c"], ["a", "c"]]
        lists = {"user_id": ["u", "v"], "item_id": items, "timestamp": times}
        file = tmp_path / "x.parquet"
        pq.write_table(pa.table(lists), file)
        assert tokens(load_data(file)) == HISTORIES
        lists["timestamp"][1].append(1)
        pq.write_table(pa.table(lists), file)
        assert "row 2: timestamp has another length than item_id" in refused(file)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt"])
def test_a_header_that_comes_again_is_told_with_its_line(tmp_path, suffix):
    separator = {"csv": ",", "tsv": "\t", "txt": " "}[suffix]
    header = ("user", "item", "time")
    file = write(tmp_path / f"x.{suffix}", table(header, [*EVENTS, header], separator))
    assert refused(file) == f"{file}, line 7: the header comes a second time; remove it."
    write(file, table(header, EVENTS, separator))
    assert tokens(load_data(file)) == HISTORIES


class TestWhere:
    ROWS = (
        ("u", "a", 5, "view"),
        ("u", "b", 3.5, "buy"),
        ("u", "c", 4, "view"),
        ("u", "d", "", "view"),
    )
    HEADER = ("user", "item", "rating", "event")

    @pytest.mark.parametrize(
        ("query", "items"),
        [
            ("where=rating>=4", ["a", "c"]),
            ("where=rating<5", ["b", "c"]),
            ("where=event=view", ["a", "c", "d"]),
            ("where=event!=buy&where=rating>0", ["a", "c"]),
            ("where=rating=4.0&where=event==view", ["c"]),
        ],
    )
    @pytest.mark.parametrize("suffix", ["csv", "inter", "jsonl", "parquet"])
    def test_rows_are_kept_by_value_and_counted(self, tmp_path, query, items, suffix):
        file = tmp_path / f"x.{suffix}"
        frame = pd.DataFrame(self.ROWS, columns=list(self.HEADER))
        frame["rating"] = pd.to_numeric(frame["rating"])
        if suffix == "csv":
            write(file, table(self.HEADER, self.ROWS))
        elif suffix == "inter":
            heading = ("user:token", "item:token", "rating:float", "event:token")
            write(file, table(heading, self.ROWS, "\t"))
        else:
            write_frame(file, frame)
        data = load_data(f"{file}?{query}&min_user=1")
        assert tokens(data) == {"u": items}
        assert data.provenance["rows_read"] == 4
        assert data.provenance["rows_dropped"]["where"] == 4 - len(items)

    def test_what_is_no_condition_is_refused(self, tmp_path):
        file = write(tmp_path / "x.csv", table(self.HEADER, self.ROWS))
        message = refused(f"{file}?where=rating")
        assert remedied(file, message)[0].n_interactions == 2
        assert "names the column 'stars', and there are user, item" in refused(
            f"{file}?where=stars>3"
        )
        assert "leaves no row of 4" in refused(file, where=["rating>9"])
        assert "such as 'view'" in refused(file, where=["event>9"])

    def test_what_is_wrong_with_other_rows_does_not_matter(self, tmp_path):
        rows = [("u", "a", 1500000100, 1), ("", "b", "soon", 0), ("u", "c", 1500000000, 1)]
        file = write(tmp_path / "x.csv", table(("user", "item", "time", "fine"), rows))
        assert tokens(load_data(f"{file}?where=fine=1")) == {"u": ["c", "a"]}
        write(file, file.read_text().replace("u,c", ",c"))
        assert "x.csv, line 4: user is empty" in refused(f"{file}?where=fine=1")

    @pytest.mark.parametrize(
        ("times", "condition", "reason"),
        [
            (
                "1420070400",
                "time<2015-06-01",
                r"which for 2015-06-01 is 1433116800 \(\?where=time<1433116800 ",
            ),
            ("1420070400", "time<June", "orders numbers by a text: time has 1420070400, for one"),
        ],
    )
    def test_numbers_are_not_ordered_as_text(self, tmp_path, times, condition, reason):
        rows = [("u", "a", times), ("u", "b", times)]
        file = write(tmp_path / "x.csv", table(("user", "item", "time"), rows))
        assert re.search(reason, refused(f"{file}?where={condition}"))

    def test_dates_compare(self, tmp_path):
        rows = [("u", k, f"2020-01-0{k}") for k in (3, 1, 2)]
        file = write(tmp_path / "x.csv", table(("user", "item", "date"), rows))
        assert tokens(load_data(f"{file}?where=date>=2020-01-02")) == {"u": ["2", "3"]}


@pytest.mark.parametrize("header", ["User,user,item", "user_id,userid,item", "User,item,USER"])
def test_two_columns_of_one_name_are_not_chosen_between(tmp_path, header):
    """Case, blanks and punctuation make no difference of names."""
    rows = "".join(f"u{k % 3},v{k % 2},i{k % 5}\n" for k in range(12))
    if header.endswith("USER"):
        rows = "".join(f"u{k % 3},i{k % 5},v{k % 2}\n" for k in range(12))
    file = write(tmp_path / "x.csv", f"{header}\n{rows}")
    said = refused(file)
    first = header.split(",")[0]
    assert f"{first} and " in said
    assert "may each hold the user" in said
    for data in remedied(file, said):
        assert data.provenance["columns"]["user"] == first
        assert list(tokens(data)) == ["u0", "u1", "u2"]


def test_a_folder_of_two_kinds_of_tables_is_not_chosen_between(tmp_path):
    table = pa.table({"user": ["u", "u", "v", "v"], "item": ["a", "b", "a", "b"]})
    pq.write_table(table, tmp_path / "x.parquet")
    (tmp_path / "_SUCCESS").touch()
    assert list(tokens(load_data(tmp_path))) == ["u", "v"]
    write(tmp_path / "y.csv", "user,item\nw,a\nw,b\n")
    assert "holds Parquet files and y.csv, of which it does not say what is meant" in refused(
        tmp_path
    )
    assert list(tokens(load_data(tmp_path / "y.csv"))) == ["w"]


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.TGZ"])
def test_an_archive_is_to_be_unpacked(tmp_path, name):
    (tmp_path / name).write_bytes(b"whatever is in it")
    assert refused(tmp_path / name).endswith("unpack it first, and name the file or the folder.")


def test_what_is_packed_twice_is_said_to_be(tmp_path):
    once = gzip.compress(b"user,item\nu,a\nu,b\n")
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(once))
    assert refused(tmp_path / "x.csv.gz").endswith("is packed by gzip twice; unpack it once.")
    (tmp_path / "X.CSV.GZ").write_bytes(once)
    assert "a name that ends in .gz, in small letters" in refused(tmp_path / "X.CSV.GZ")
    (tmp_path / "x.csv.gz").write_bytes(once)
    assert list(tokens(load_data(tmp_path / "x.csv.gz"))) == ["u"]


def test_positions_are_not_counted_from_the_right(tmp_path):
    file = write(tmp_path / "x.csv", "u,a\nu,b\n")
    said = refused(file, columns={"user": 0, "item": -1})
    assert said.endswith("positions are counted from 0, at the left.")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_items_of_several_titles_are_counted(tmp_path, suffix):
    rows = [("u", "x", "One"), ("u", "y", "Two &amp; a half"), ("v", "x", "Uno"), ("v", "y", "")]
    rows += [("w", "x", "One "), ("w", "y", "Two & a half"), ("w", "z", None)]
    frame = pd.DataFrame(rows, columns=["user", "item", "name"])
    file = write_frame(tmp_path / f"x.{suffix}", frame)
    source = f"{file}?title=name&time="
    told = (
        f"{file}: 1 item has several titles in name, as x is called 'One' and 'Uno'; the first in "
        "the file is shown, so"
    )
    with pytest.warns(WorkbenchWarning) as caught:
        data = load_data(f"{source}&min_user=1")
    assert [str(warning.message).startswith(told) for warning in caught] == [True]
    assert data.titles == ["[pad]", "One", "Two & a half", "z"]
    assert load_data(f"{source}&where=user!=v").provenance["warnings"] == []
