"""The second page, run without a browser: what it shows against what the library says."""

from collections.abc import Callable

import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest

from tests.app.shown import captions, metrics, press, sentences, tables
from workbench import build_model, load_data, load_model, save_model
from workbench.app import choices
from workbench.app.what_if.what_if_page import weights_frame
from workbench.data.lookup import find_user
from workbench.explore.prediction import Prediction, moves, predict
from workbench.explore.scenario import Change, Scenario, apply_all


@pytest.fixture
def open_page(opener) -> Callable[..., AppTest]:
    return opener("what_if.what_if_page")


def test_before_and_after_are_the_librarys(open_page, films, models):
    page = open_page(
        user="u3",
        target="Held-out item",
        hide_seen="false",
        edits="remove:3, mute:20, largest",
        place="Layer 1, head 2",
    )
    assert sentences(page) == []
    data = load_data(films)
    user = find_user(data, "u3")
    target = int(data.history(user)[-1])
    start = Scenario.of(data, user)
    edited = apply_all(start, [Change("remove", 3), Change("mute", 20), Change("largest")])
    ranks = []
    for path, table in zip(models, tables(page), strict=False):
        model = load_model(path)
        before = predict(model, start)
        after = predict(model, edited, layers=[0], heads=[1])
        frame = moves(before, after, [target])
        ranks.append(f"{after.rank(target):,}")
        assert table.column(0) == [f"{rank:,}" for rank in frame["rank_after"]]
        assert table.column(1) == [data.title(item) for item in frame["item"]]
        assert [text.split()[-1] for text in table.column(2)] == [
            f"{rank:,}" for rank in frame["rank_before"]
        ]
    assert metrics(page, "Rank of the target") == ranks
    assert tables(page)[2].column(2)[:2] == ["24", "23"]


def test_every_edit_can_be_made_undone_and_is_in_the_address(open_page):
    page = open_page(user="u1")
    nothing = tables(page)[0].rows
    made = []
    for label, text in (
        ("Remove", "remove:24"),
        ("Earlier", "move:23:22"),
        ("Remove its weight", "mute:22"),
        ("Add as the latest", "insert:24:i"),
        ("Put in place of 24", "replace:24:i"),
        ("Remove the largest weight", "largest"),
        ("Uniform attention", "uniform"),
    ):
        press(page, label)
        assert sentences(page) == [], label
        made.append(text)
        parts = page.text_input(key="edits").value.split(", ")
        assert len(parts) == len(made)
        assert all(part.startswith(begin) for part, begin in zip(parts, made, strict=True))
        assert page.query_params["edits"] == ", ".join(parts)
        if label == "Add as the latest":
            page.selectbox(key="at").select_index(0).run()
    for left in range(len(made) - 1, 3, -1):
        press(page, "Undo")
        assert len(page.text_input(key="edits").value.split(", ")) == left
    press(page, "Start over")
    assert page.text_input(key="edits").value == ""
    assert tables(page)[0].rows == nothing


def test_the_chosen_item_is_in_the_address_and_the_one_that_is_edited(open_page):
    page = open_page(user="u1", at="20")
    chosen = page.selectbox(key="at")
    assert chosen.value.startswith("20. ")
    press(page, "Remove its weight")
    press(page, "Earlier")
    assert page.text_input(key="edits").value == "mute:20, move:20:19"
    assert page.query_params["at"] == "19"
    moved = page.selectbox(key="at").value
    again = open_page(user="u1", edits="mute:20, move:20:19", at="19")  # a reload
    assert again.selectbox(key="at").value == moved
    page.selectbox(key="at").select_index(0).run()
    assert page.selectbox(key="at").value.startswith("24. ")
    assert "at" not in page.query_params  # the latest, as where nothing was chosen
    page.selectbox(key="at").select_index(3).run()
    page.text_input(key="user").set_value("u2").run()
    assert page.selectbox(key="at").value.startswith("24. ")
    assert "at" not in page.query_params


@pytest.mark.parametrize("at", ["0", "25", "x", "²"])
def test_a_position_that_is_none_is_the_latest(open_page, at):
    page = open_page(user="u1", at=at)
    assert sentences(page) == []
    assert page.selectbox(key="at").value.startswith("24. ")


def test_edits_of_one_user_are_not_made_to_another(open_page):
    page = open_page(user="u1", edits="remove:2")
    page.text_input(key="user").set_value("u2").run()
    assert sentences(page) == []
    assert page.text_input(key="edits").value == ""


def test_what_stays_the_same_is_said_so(open_page):
    page = open_page(user="u1")
    deltas = [metric.delta for metric in page.metric if metric.label != "Divergence"]
    assert deltas == ["as before"] * 4


def test_a_target_that_an_edit_puts_in_the_history_is_not_ranked_any_more(open_page, films):
    page = open_page(user="u1")
    press(page, "Add it as the latest")
    assert sentences(page) == []
    rank, *_ = (metric for metric in page.metric if metric.label == "Rank of the target")
    assert (rank.value, rank.delta) == ("none", "from 1")
    assert any("seen, so not ranked (would be" in said for said in captions(page))
    rows = [row for row in tables(page)[0].rows if "target" in row[5]]
    assert [(row[0], row[2]) for row in rows] == [("none", "1")]


@pytest.mark.parametrize(
    ("edits", "sentence"),
    [
        ("frobnicate", "'frobnicate' is no edit; write such as remove:3"),
        ("remove:99", "edit 1, remove: there is no position 99; choose from 1 to 24"),
        ("replace:1:zzz", "films has no item 'zzz'"),
    ],
)
def test_edits_that_mean_nothing_are_told(open_page, edits, sentence):
    assert sentence in sentences(open_page(user="u1", edits=edits))[0]


def test_a_user_who_has_seen_every_item_is_told_so(open_page, tmp_path, monkeypatch):
    rows = [f"{user},{item},{at}" for user in "uv" for at, item in enumerate("abcab")]
    file = tmp_path / "x.csv"
    file.write_text("\n".join(["user,item,time", *rows, ""]))
    model = save_model(build_model("SASRec", load_data(file)), tmp_path / "model")
    monkeypatch.setattr(choices, "BUILT_IN", (*choices.BUILT_IN, str(file)))
    page = open_page(data=str(file), models=str(model), user="u")
    (said,) = sentences(page)
    assert said.startswith("every item that can be ranked was seen, so that none comes first; ")


def test_weights_stand_beside_their_item_wherever_it_moved(films):
    """By hand: items a b c; a removed, d added at the end; the models see all, and the last two."""
    data = load_data(films)
    scenario = apply_all(
        Scenario(0, Scenario.of(data, 0).entries[-3:], None),
        [Change("remove", 1), Change("insert", 3, 9)],
    )
    last = len(data.history(0)) - 1

    def seen(weights: list[float]) -> Prediction:
        return Prediction(
            torch.zeros(len(weights)), torch.tensor(weights)[None, None], scores=torch.zeros(1)
        )

    shown = {
        "all": (seen([0.2, 0.3, 0.5]), seen([0.1, 0.3, 0.6])),
        "late": (seen([0.4, 0.6]), seen([0.7, 0.3])),
    }
    frame = weights_frame(data, scenario, shown)
    expected = pd.DataFrame(
        {
            "position": [3, 2, 1],
            "was": [None, last, last - 1],
            "all before": [None, 0.5, 0.3],
            "all after": [0.6, 0.3, 0.1],
            "late before": [None, 0.6, 0.4],
            "late after": [0.3, 0.7, None],
        }
    )
    pd.testing.assert_frame_equal(
        frame.drop(columns="title"), expected, check_dtype=False, rtol=1e-5
    )
