"""The history table: its order, and the alignment of models that see less."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from tests.analyses.handmade import data_of
from workbench import SequenceData
from workbench.app import case_choices
from workbench.app.inspect.history import csv
from workbench.data.truth import Truth
from workbench.explore.history_table import COLUMNS, history_frame, history_html, ordered, orders
from workbench.explore.inspection import Inspection
from workbench.explore.markup import EVEN
from workbench.explore.shown import Shown, View


def shown(label: str, attention: list[float], effects: list[float]) -> Shown:
    n = len(attention)
    weights = torch.full((1, 1, n, n), 0.5)
    weights[0, 0, -1] = torch.tensor(attention)
    inspection = Inspection(
        items=torch.arange(1, n + 1),
        times=None,
        target=1,
        weights={"attention": weights},
        importance={"saliency": torch.arange(n) / 10, "replacement": torch.tensor(effects)},
        effects=torch.tensor(effects),
        scores=torch.zeros(6),
    )
    return Shown(label, View("attention"), inspection)


@pytest.fixture
def frame() -> pd.DataFrame:
    """Four items before the held-out one; the second model sees the last two."""
    models = [
        shown("all", [0.1, 0.2, 0.4, 0.3], [0.5, -1.0, 0.0, 0.25]),
        shown("late", [0.6, 0.4], [0.0, 0.0]),
    ]
    return history_frame(data_of([1, 2, 3, 4, 5]), 0, models)


def test_models_that_see_less_are_aligned_at_the_end(frame):
    assert frame["", "#"].tolist() == [4, 3, 2, 1]
    assert frame["", "Item"].tolist() == ["i4", "i3", "i2", "i1"]
    assert ("", "Ago") not in frame.columns  # no times are known
    assert frame["all", "Attention"].tolist() == pytest.approx([0.3, 0.4, 0.2, 0.1])
    assert frame["late", "Attention"].tolist()[:2] == pytest.approx([0.4, 0.6])
    assert frame["late", "Attention"].isna().tolist() == [False, False, True, True]


def test_positions_count_from_the_oldest_of_all():
    late = shown("late", [0.6, 0.4], [0.0, 0.0])
    frame = history_frame(data_of([1, 2], [1, 2, 3, 4, 5]), 1, [late])
    assert frame["", "#"].tolist() == [4, 3]
    assert frame["", "Item"].tolist() == ["i4", "i3"]


def test_rows_in_the_order_of_any_measure(frame):
    assert list(orders(frame))[:3] == ["Latest first", "Oldest first", "Attention, all"]
    assert ordered(frame, "Oldest first")["", "#"].tolist() == [1, 2, 3, 4]
    assert ordered(frame, "Replacement, all")["", "#"].tolist() == [1, 4, 3, 2]
    assert ordered(frame, "Attention, late")["", "#"].tolist() == [3, 4, 2, 1]


def test_csv_holds_the_numbers_in_full(frame):
    ids = {at: f"id {at}" for at in range(1, 6)}
    read = pd.read_csv(io.StringIO(csv(frame, ids)))
    assert list(read)[:4] == ["position", "id", "title", "all attention"]
    assert read["id"].tolist() == [f"id {at}" for at in read["position"]]
    assert read["late replacement"].tolist()[:2] == [0, 0]
    assert read["all attention"].tolist() == frame["all", "Attention"].tolist()


def caused_by(*places: int) -> SequenceData:
    """Five items, of which some caused the last."""
    causes = np.full((2, 5), -1)
    causes[: len(places), -1] = places
    return replace(data_of([1, 2, 3, 4, 5]), truth=Truth(*causes))


def test_what_caused_the_held_out_item_is_told():
    models = [shown("late", [0.6, 0.4, 0.0], [0.0, 0.0, 0.0])]
    frame = history_frame(caused_by(2, 3), 0, models)
    assert frame["", "Cause"].tolist() == [True, True, False]
    assert pd.read_csv(io.StringIO(csv(frame, dict.fromkeys(range(1, 6), "i"))))[
        "cause"
    ].tolist() == [True, True, False]
    assert not history_frame(caused_by(), 0, models)["", "Cause"].any()
    said = case_choices.describe_user(caused_by(2, 3), 0, {})
    assert "which was planted as the effect of item 3 (i3) and item 4 (i4)." in said
    assert "which no item before it caused" in case_choices.describe_user(caused_by(), 0, {})
    assert "planted" not in case_choices.describe_user(data_of([1, 2, 3]), 0, {})


def test_a_line_at_an_even_share_and_a_class_for_the_column_of_maps(frame):
    helps = COLUMNS | dict.fromkeys(frame["all"].columns, "")
    html = history_html(frame, helps | COLUMNS)
    assert html.count('<tr class="p4">') == 1
    # of four items an even share is .25, of which the largest weight, .4, is the end of the bars
    assert f"{EVEN} 62.5%" in html
    assert f"{EVEN} 83.3%" in html  # .5 of .6
