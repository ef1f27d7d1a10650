"""The history table: alignment of models that see less, marks and tints."""

import numpy as np
import pandas as pd
import pytest
import torch

from tests.analyses.handmade import data_of
from workbench.app.history import highest, history_frame, styled
from workbench.app.shown import Shown, View
from workbench.inspection import Inspection


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
    html = styled(frame).to_html()
    mark = "\N{BLACK UP-POINTING TRIANGLE} "
    for text in (f"{mark}0.400", f"{mark}+0.50", f"{mark}0.600", f"{mark}0.300", f"{mark}0.100"):
        assert text in html
    assert html.count(mark) == 5  # the two effects of 0 are alike, and neither is the highest
    assert highest(pd.Series([1.0, 1.0])).tolist() == [False, False]
    assert highest(pd.Series([np.nan, 2.0, 1.0])).tolist() == [False, True, False]


def test_negative_effects_have_another_colour_and_the_strongest_the_deepest(frame):
    cells = styled(frame)._compute().ctx
    column = frame.columns.get_loc(("all", "Leave-one-out"))
    lowers, raises = dict(cells[2, column]), dict(cells[3, column])
    assert lowers["background-color"] == "rgba(213, 94, 0, 0.450)"
    assert raises["background-color"] == "rgba(0, 114, 178, 0.225)"
    assert "background-color" not in dict(cells.get((1, column), []))
