"""Options behind a path."""

import pytest

from workbench.data import load_data, planted
from workbench.data.address import Asked, join, planting, split
from workbench.data.catalogue import BUILT_IN
from workbench.data.planted_settings import PlantedSettings
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


@pytest.mark.parametrize("query", ["colour=red", "duplicates=none"])
def test_an_unknown_option_is_told(query):
    with pytest.raises(WorkbenchError, match=r"is no option; known are user, item"):
        load_data(f"r.csv?{query}")


@pytest.mark.parametrize("value", ["few", "-1", "1.5", "\N{SUPERSCRIPT TWO}"])
def test_a_count_that_is_none_is_told(value):
    with pytest.raises(WorkbenchError, match=rf"min_item={value} must be a whole number, such as"):
        load_data(f"r.csv?min_item={value}")


def test_a_count_of_nothing_is_not_taken_for_none_given(tmp_path):
    (tmp_path / "r.csv").write_text("user,item\na,1\na,2\n")
    with pytest.raises(WorkbenchError, match="min_user=0; give a whole number, 1 or more"):
        load_data(f"{tmp_path / 'r.csv'}?min_user=0")


@pytest.mark.parametrize("source", ["r.csv?user=a&item=b&user=c", "planted?users=9&users=8"])
def test_an_option_that_is_given_twice_is_told(source):
    with pytest.raises(WorkbenchError, match=r"users? is given twice; leave one of them out\.$"):
        load_data(source)


def test_conditions_may_be_several():
    assert split("r.csv?where=a>1&where=b<2")[1].where == ("a>1", "b<2")


def test_a_plus_before_a_zone_is_none_that_stands_for_a_blank():
    asked = split("r.csv?where=at<2021-06-05T00:00:00+02:00&where=at>2021-06-04+00:00&title=a+b")[1]
    assert asked.where == ("at<2021-06-05T00:00:00+02:00", "at>2021-06-04 00:00")
    assert asked.columns == {"title": "a b"}
    assert split("r.csv?where=at<2+Oct+10:00:00+2019")[1].where == ("at<2 Oct 10:00:00 2019",)
    written = join("r.csv", where=["at<2021-06-05T00:00:00+02:00"])
    assert split(written)[1].where == ("at<2021-06-05T00:00:00+02:00",)


def test_planted_data_by_an_address_are_those_by_arguments():
    address = "planted:distance?noise=.3&users=20&items=40&causes=6&length=9&lag=2&seed=1&signal=1"
    how = {"noise": 0.3, "n_users": 20, "n_items": 40, "n_causes": 6, "length": 9, "lag": 2}
    made = planted("distance", **how, seed=1, signal=1).data
    found = load_data(address)
    assert found.checksum == made.checksum
    assert found.provenance == made.provenance
    assert (found.truth.causes == made.truth.causes).all()
    assert planting("planted?cause_share=.4&shortest=5") == PlantedSettings(
        cause_share=0.4, shortest=5
    )


def test_the_rule_is_content_where_it_is_left_out():
    assert planting("planted") == planting("planted:content") == PlantedSettings()


@pytest.mark.parametrize("source", ["planted.csv", "planted_data", "x.csv?user=a", "ml-100k", ""])
def test_other_data_are_not_planted(source):
    assert planting(source) is None


def test_every_rule_can_be_chosen():
    rules = [settings.rule for settings in map(planting, BUILT_IN) if settings]
    assert rules == ["content", "distance", "content-and-distance", "conjunction"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("planted:magic", "rule='magic' is not known; choose from content, distance, "),
        ("planted:", "rule='' is not known; choose from content"),
        ("planted?colour=red", "colour=red is no option of planted data; known are users, items, "),
        ("planted?users=few", "users=few must be a whole number, such as 2000."),
        ("planted?noise=loud", "noise=loud must be a number, such as 0.5."),
        ("planted?users=0", "users=0 must lie between 1 and "),
        ("planted?noise=nan", "noise=nan must lie between 0 and 1."),
        ("planted?items=20", "causes=20 must lie between 4 and 10, half of the 20 items."),
        ("planted?length=4", "lag=4 must lie between 1 and 3, one less than the length."),
        ("planted?seed=-1", "seed=-1 must lie between 0 and "),
    ],
)
def test_what_cannot_be_planted_is_told(source, why):
    with pytest.raises(WorkbenchError) as caught:
        load_data(source)
    assert str(caught.value).startswith(f"{source}: {why}")
