"""The history table: alignment of models that see less, marks and tints."""

import io

import numpy as np
import pandas as pd
import pytest
import torch

from tests.analyses.handmade import data_of
from workbench.app.inspect.history import (
    MARK,
    csv,
    highest,
    history_frame,
    measured,
    ordered,
    orders,
)
from workbench.app.inspect.shown import Shown, View
from workbench.explore.inspection import Inspection


def shown(label: str, attention: list[float], effects: list[float]) -> Shown:
    n = len(attention)
    weights = torch.full((1, 1, n, n), 0.5)
    weights[0, 0, -1] = torch.tensor(attention)
    found = Inspection(
        items=torch.arange(1, n + 1),
        times=None,
        target=1,
        weights={"attention": weights},
        importance={"saliency": torch.arange(n) / 10, "input_x_gradient": torch.zeros(n)},
        effects=torch.tensor(effects),
        scores=torch.zeros(6),
    )
    return Shown(label, View("attention"), "saliency", found)


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
    found = history_frame(data_of([1, 2], [1, 2, 3, 4, 5]), 1, [late])
    assert found["", "#"].tolist() == [4, 3]
    assert found["", "Item"].tolist() == ["i4", "i3"]


def test_only_the_highest_is_marked(frame):
    cells = measured(frame["all", "Attention"], sign=False)
    assert [cell.text for cell in cells] == ["0.300", f"{MARK}0.400", "0.200", "0.100"]
    assert [cell.strong for cell in cells] == [False, True, False, False]
    alike = measured(frame["late", "Leave-one-out"], sign=True)
    assert [cell.text for cell in alike] == ["0.00", "0.00", "", ""]
    assert highest(pd.Series([1.0, 1.0])).tolist() == [False, False]
    assert highest(pd.Series([np.nan, 2.0, 1.0])).tolist() == [False, True, False]


def test_bars_are_as_long_as_the_magnitude_beside_the_largest(frame):
    cells = measured(frame["all", "Leave-one-out"], sign=True)
    assert [cell.bar for cell in cells] == pytest.approx([0.25, 0.0, -1.0, 0.5])
    assert [cell.bar for cell in measured(frame["late", "Attention"], sign=False)][2:] == [0, 0]


def test_rows_in_the_order_of_any_measure(frame):
    assert list(orders(frame))[:3] == ["Latest first", "Oldest first", "Attention, all"]
    assert ordered(frame, "Oldest first")["", "#"].tolist() == [1, 2, 3, 4]
    assert ordered(frame, "Leave-one-out, all")["", "#"].tolist() == [1, 4, 3, 2]
    assert ordered(frame, "Attention, late")["", "#"].tolist() == [3, 4, 2, 1]


def test_csv_holds_the_numbers_in_full(frame):
    read = pd.read_csv(io.StringIO(csv(frame)))
    assert list(read)[:3] == ["position", "title", "all attention"]
    assert read["late leave-one-out"].tolist()[:2] == [0, 0]
    assert read["all attention"].tolist() == frame["all", "Attention"].tolist()
