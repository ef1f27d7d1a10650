"""Categories of items, by format and by how they are separated."""

import pytest

from workbench.data.load import item_categories

INTER = "user_id:token\titem_id:token\nu\t1\nu\t2\n"
SOME = {"1": ("a b", "c"), "2": ("a b",)}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"x.item": "item_id:token\tcategories:token_seq\n1\ta b, c\n2\ta b\n"}, SOME),
        ({"x.item": "item_id:token\tgenres:token_seq\n1\t'a b', 'c'\n2\t'a b'\n"}, SOME),
        ({"x.item": "item_id:token\tcategory:token\n1\t['a b', 'c']\n2\t['a b']\n"}, SOME),
        ({"x.item": "item_id:token\tclass:token_seq\n1\ta b\n2\ta a\n"},
         {"1": ("a", "b"), "2": ("a",)}),
        ({"x.item": "item_id:token\tcategory:token\n1\ta b\n2\t\n"}, {"1": ("a b",)}),
        ({"x.item": "item_id:token\ttitle:token_seq\n1\ta, b\n"}, {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_recboles_file_of_items_tells_them(tmp_path, files, expected):
    for name, text in {"x.inter": INTER, **files}.items():
        (tmp_path / name).write_text(text)
    assert item_categories(tmp_path / "x.inter") == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"ratings.dat": "1::2::3::4\n", "movies.dat": "2::A (1990)::a b|Children's\n"},
         {"2": ("a b", "Children's")}),
        ({"ratings.csv": "userId,movieId,rating,timestamp\n1,2,3,4\n",
          "movies.csv": 'movieId,title,genres\n2,"A, B",R&amp;B|c\n3,C,(no genres listed)\n'},
         {"2": ("R&B", "c")}),
        ({"u.data": "1\t2\t3\t4\n",
          "u.item": "2|A|d||u|" + "|".join("0" * 17) + "|1|1\n3|B|d||u|1\n"},
         {"2": ("War", "Western")}),
        ({"u.data": "1\t2\t3\t4\n"}, {}),
    ],
)  # fmt: skip
def test_movielens_has_genres(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert item_categories(tmp_path) == expected


@pytest.mark.parametrize("source", ["planted:distance", "a.csv"])
def test_other_data_have_none(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("user,item,category\n1,2,a\n1,3,b\n")
    assert item_categories(source) == {}
