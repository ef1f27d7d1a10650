"""Lines of text that are a table are not read as sequences, nor the other way round."""

import numpy as np
import pytest

from tests.workbench.data.reading import refused, remedied, tokens, write
from workbench.data import load_data

# user, item, rating, time: histories 10 11 / 12 10 in the order of time
RATINGS = ((1, 11, 3, 881250950), (1, 10, 5, 881250949), (2, 10, 4, 881250951),
           (2, 12, 1, 881250940))  # fmt: skip
HISTORIES = {"1": ["10", "11"], "2": ["12", "10"]}


def table(separator, rows=RATINGS):
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


@pytest.mark.parametrize(
    "name", ["r.txt", "r.dat", "ratings.dat", "r.seq", "r.txt.gz", "u1.base", "ratings"]
)
@pytest.mark.parametrize("separator", ["\t", " ", "   ", ",", ";", "|"])
def test_a_table_without_header_is_refused_with_both_remedies(tmp_path, name, separator):
    file = write(tmp_path / name, table(separator))
    message = refused(file)
    assert "?user=#0&item=#1&time=#3" in message
    assert "?format=sequences" in message
    assert tokens(remedied(file, message)[0]) == HISTORIES


def test_the_other_remedy_reads_sequences(tmp_path):
    file = write(tmp_path / "r.txt", table("\t"))
    _, read = remedied(file, refused(file))
    assert tokens(read)["2"] == ["10", "4", "881250951", "12", "1", "881250940"]


def test_a_date_and_its_time_of_day_are_one_field(tmp_path):
    rows = [
        (1, 10, "2020-01-01 10:00:00"),
        (1, 11, "2020-01-01 09:00:00"),
        (2, 10, "2020-01-01 00:00"),
    ]
    file = write(tmp_path / "r.txt", table(" ", rows))
    assert tokens(remedied(file, refused(file))[0]) == {"1": ["11", "10"]}


def test_columns_are_named_where_they_stand(tmp_path):
    # a check-in: user, time, latitude, longitude, place
    rows = [(7, f"2010-10-{d}T23:55:27Z", f"{30 + d}.5", "-97.75", f"p{d}") for d in (19, 18, 17)]
    file = write(tmp_path / "checkins.txt", table("\t", rows))
    message = refused(file)
    assert "?user=#0&item=#4&time=#1" in message
    assert tokens(remedied(file, message)[0]) == {"7": ["p17", "p18", "p19"]}


@pytest.mark.parametrize("name", ["r.txt", "r.dat"])
@pytest.mark.parametrize("separator", ["\t", " ", ","])
def test_a_table_with_usual_names_is_a_table(tmp_path, name, separator):
    header = separator.join(("userID", "movieID", "rating", "timestamp"))
    data = load_data(write(tmp_path / name, f"{header}\n{table(separator)}"))
    assert data.provenance["reader"] == "table"
    assert tokens(data) == HISTORIES
    assert data.times.tolist() == [881250949, 881250950, 881250940, 881250951]


def test_a_header_of_other_words_is_no_user(tmp_path):
    file = write(tmp_path / "r.txt", "who what stars\n1 10 3\n2 10 4\n3 11 4\n1 11 5\n")
    message = refused(file)
    assert "below a header" in message
    assert tokens(load_data(f"{file}?user=who&item=what")) == {"1": ["10", "11"]}
    assert "who" in tokens(load_data(f"{file}?format=sequences"))


def test_ratings_without_times_are_refused_too(tmp_path):
    file = write(tmp_path / "r.txt", table("\t", [row[:3] for row in RATINGS]))
    assert tokens(remedied(file, refused(file))[0]) == {"1": ["11", "10"], "2": ["10", "12"]}


@pytest.mark.parametrize(
    "text",
    [
        "1 5 9 5\n2 9 4\n1 4\n",  # of any lengths, a user going on
        "1 5 9 5\n2 9 4 3\n3 4 4 4\n",  # of one length
        "1 5\n1 9\n2 5\n2 7\n",  # a pair a line: the same histories either way
        "u\ta\tb\nv\tb\tc\n",
        "1 881250949 881250950\n2 881250949\n",  # of items called so
    ],
)
def test_sequences_are_sequences(tmp_path, text):
    data = load_data(write(tmp_path / "x.txt", text))
    assert data.provenance["reader"] == "sequences"
    histories: dict = {}
    for line in text.splitlines():
        user, *items = line.split()
        histories[user] = histories.get(user, []) + items
    assert tokens(data) == {user: items for user, items in histories.items() if len(items) > 1}


def test_movielens_own_table_under_another_name(tmp_path):
    rng = np.random.default_rng(0)
    rows = [(rng.integers(1, 50), rng.integers(1, 90), 3, 881250949 + k) for k in range(400)]
    file = write(tmp_path / "ml.txt", table("\t", rows))
    (read, _) = remedied(file, refused(file))
    again = load_data(write(tmp_path / "u.data", table("\t", rows)))
    assert read.checksum == again.checksum


SEQUENCES = {"u0": ["i9", "i2", "i7"], "u1": ["i10", "i9", "i2"], "u2": ["i2", "i7"]}


@pytest.mark.parametrize(
    ("line", "between"),
    [
        ("{}, {}", ", "),
        ("{},{}", ","),
        ("{}; {}", "; "),
        ("{}|{}", "|"),
        ("{}: {}", ","),
        ("{}: {}", ", "),
        ("{}: {}", " "),
        ("{}\t{}", ","),
        ("{} ['{}']", "', '"),
        ("{} [{}]", ", "),
        ("{},[{}]", ","),
        ("[{}, {}]", ", "),
        ("{} {}", " "),
        ("{}\t{}", " "),
        ('{},"{}"', ","),
        ('"{}","{}"', " "),
        ("{} '{}'", "','"),
        ('"{}" "{}"', '" "'),
        ("{}:{}", " "),
        ("{}:{}", ","),
        ("{};{}", " "),
        ("{}|{}", " "),
        ("{}={}", " "),
        ("{}, {}", " "),
        ("{} : {}", " "),
        ("{} -> {}", " "),
        ("{} | {}", " | "),
        ("{} {{{}}}", ", "),
        ("{}: {{'{}'}}", "', '"),
        ("{}: [{}]", ", "),
        ("{} ({})", " "),
    ],
)
def test_punctuation_between_items_is_no_part_of_them(tmp_path, line, between):
    text = "".join(line.format(u, between.join(items)) + "\n" for u, items in SEQUENCES.items())
    assert tokens(load_data(write(tmp_path / "s.txt", text))) == SEQUENCES


def test_punctuation_within_an_item_is_its_own(tmp_path):
    data = load_data(write(tmp_path / "s.txt", "o'neil a:b c,d e\nv x|y a:b c,d\n"))
    assert tokens(data) == {"o'neil": ["a:b", "c,d", "e"], "v": ["x|y", "a:b", "c,d"]}


@pytest.mark.parametrize(
    "text",
    [
        "user:1 a b\nuser:2 b c\n",  # a name before all numbers
        "user:1 1 2\nuser:2 2 1\n",
        "d1:8 a b\nd1:9 b c\nd2:8 a c\n",  # a day and a number
        "a:1 x:1 x:2\nb:1 x:2 x:1\n",  # as items have it
        'u 5" 6"\nv 6" 5"\n',  # inches
        "YWI= a b\nYmM= b c\n",
        "u a(1)x b{}\nv b{} a(1)x\n",
        "a,b x y\nc y x\n",
    ],
)
def test_marks_of_ids_are_theirs(tmp_path, text):
    data = load_data(write(tmp_path / "s.txt", text))
    lines = (line.split() for line in text.splitlines())
    assert tokens(data) == {user: items for user, *items in lines}


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("u:a b\nv:c d\n", 1, "'u:a' may be one id, or a user and an item"),
        ("1:7 8\n1:8 9\n2:7 9\n", 1, "'1:7' may be one id, or a user and an item"),
        ("u: a b\n\nv a b\n", 3, "the user ends without a colon"),
        ("u a b\nv 'a c' b\n", 2, "a quote is closed behind several words"),
        ("u, a, b\nv, a c, b\n", 2, "items are separated by blanks and by more"),
        ("u [a, b]\nv []\n", 2, "a user without items"),
    ],
)
def test_lines_that_can_be_split_in_several_ways_are_refused(tmp_path, text, line, told):
    file = write(tmp_path / "s.txt", text)
    assert refused(file).startswith(f"{file}, line {line}: {told}")


def test_a_user_of_one_item_needs_no_comma(tmp_path):
    data = load_data(write(tmp_path / "s.txt", "u: i\nu0: i9,i2\nv: i\n"), min_user=1)
    assert tokens(data) == {"u": ["i"], "u0": ["i9", "i2"], "v": ["i"]}


def test_lines_that_are_not_alike_are_refused(tmp_path):
    file = write(tmp_path / "s.txt", "u0 i9 i2 i7\n\nu1, i10, i9\n")
    assert "s.txt, line 3: items are separated otherwise" in refused(file)
    write(file, file.read_text().replace(",", ""))  # which is the remedy
    assert tokens(load_data(file)) == {"u0": ["i9", "i2", "i7"], "u1": ["i10", "i9"]}


def test_json_in_a_text_file_is_no_sequence(tmp_path):
    message = refused(write(tmp_path / "x.txt", '{"a": 1, "b": 2}\n{"a": 1, "b": 3}\n'))
    assert "format cannot be told" in message
