import pytest

from workbench.phrases import choices, cut, in_order, listing, without


def test_names_in_order_of_appearance():
    assert in_order(["b", 1, "b", "a", 1]) == ("b", "1", "a")


@pytest.mark.parametrize(
    ("names", "most", "text"),
    [
        (["a"], None, "a"),
        (["a", "b"], None, "a and b"),
        (["a", "b", "c"], 3, "a, b and c"),
        (["a", "b", "c", "d"], 2, "a, b and 2 more"),
    ],
)
def test_listings(names, most, text):
    assert listing(names, most) == text


def test_cut_text_keeps_to_its_width():
    assert cut("Star Wars", 9) == "Star Wars"
    assert cut("Star Wars (1977)", 6) == "Star\N{HORIZONTAL ELLIPSIS}"


def test_choices_name_what_is_close():
    assert choices("SASRek", ["SASRec", "BERT4Rec"]).endswith("BERT4Rec (did you mean SASRec?)")
    assert choices("x", ["SASRec"]) == "choose from SASRec"


def test_words_of_a_command_without_some_options():
    words = ["a", "--out", "x", "--seed=3", "--seeds", "0", "--out=y", "b"]
    assert without(words, "--out", "--seed") == ["a", "--seeds", "0", "b"]
    assert without(words) == words
