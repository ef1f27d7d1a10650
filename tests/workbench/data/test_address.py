"""Options behind a path."""

import pytest

from workbench.data import load_data
from workbench.data.address import Asked, join, split
from workbench.errors import WorkbenchError

ROWS = "a;1;x;5\na;2;y;6\nb;1;x;7\nb;3;z;8\n"


def test_a_path_without_options_is_a_path(tmp_path):
    assert split("ratings.csv") == ("ratings.csv", Asked())
    odd = tmp_path / "what?user=1.csv"
    odd.touch()
    assert split(str(odd)) == (str(odd), Asked())


def test_options_come_back_as_they_were_written():
    written = join("a b.csv", user="who & what", item="#", time=None, min_item=2)
    path, asked = split(written)
    assert path == "a b.csv"
    assert asked == Asked({"user": "who & what", "item": "#"}, min_item=2)
    assert split(join("x.csv", user=0, item=2, duplicates="last"))[1] == Asked(
        {"user": 0, "item": 2}, duplicates="last"
    )


def test_data_by_an_address_are_those_by_arguments(tmp_path):
    file = tmp_path / "r.csv"
    file.write_text("who;what;name;at\n" + ROWS)
    columns = {"user": "who", "item": "what", "title": "name", "time": "at"}
    expected = load_data(file, columns=columns, min_user=1, min_item=2)
    found = load_data(join(file, **columns, min_user=1, min_item=2))
    assert found.checksum == expected.checksum
    assert found.titles == expected.titles
    assert found.name == "r"
    assert found.provenance["columns"] == columns


def test_positions_stand_for_columns_of_a_file_without_header(tmp_path):
    file = tmp_path / "r.csv"
    file.write_text(ROWS)
    found = load_data(join(file, user=0, item=1, time=3))
    assert found.user_ids.tolist() == ["a", "b"]
    assert found.times.tolist() == [5, 6, 7, 8]


@pytest.mark.parametrize("query", ["colour=red", "min_user=few", "duplicates=none"])
def test_an_unknown_option_is_told(query):
    with pytest.raises(WorkbenchError, match=r"is no option; known are user, item"):
        load_data(f"r.csv?{query}")
