"""Maps: which cells are drawn, in which colours, and what hovering shows."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from workbench.app.inspect import maps

NAN = torch.nan
MATRIX = torch.tensor(
    [
        [1.0, NAN, NAN, NAN],
        [0.6, 0.4, NAN, NAN],
        [0.1, 0.2, 0.3, NAN],
        [0.2, 0.2, 0.1, 0.1],
    ]
)
TITLES = ["A", "B", "A", "A title that is far too long for an axis"]
# the ends of cividis (Nunez, Anderton & Renslow, PLOS ONE 2018)
DARKEST, BRIGHTEST = (0, 34, 78, 255), (254, 232, 56, 255)


def pixels(address: str) -> np.ndarray:
    head, data = address.split(",", 1)
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_a_panels_own_scale_leaves_out_the_rows_that_must_be_large():
    assert maps.ceiling(MATRIX, fixed=True) == 1
    assert maps.ceiling(MATRIX, fixed=False) == pytest.approx(0.3)
    assert maps.ceiling(MATRIX, start=3, fixed=False) == pytest.approx(0.1)
    assert maps.ceiling(torch.ones(1, 1), fixed=False) == 1


def test_small_maps_have_a_pixel_per_weight_and_none_elsewhere():
    image = pixels(maps.picture(MATRIX, 0.3))
    assert image.shape == (4, 4, 4)
    assert ((image[..., 3] > 0) == np.tri(4, dtype=bool)).all()
    assert image[2, 2] == pytest.approx(BRIGHTEST, abs=1)
    assert image[0, 0] == pytest.approx(BRIGHTEST, abs=1)  # above the scale
    assert pixels(maps.picture(0 * MATRIX, 1.0))[1, 0] == pytest.approx(DARKEST, abs=1)


@pytest.mark.parametrize(
    ("opened", "framed"),
    [((1, 2), {(2, 3)}), ((0, None), {(1, 1), (1, 2), (1, 3)}), ((None, None), None)],
)
def test_a_small_map_per_layer_and_head_with_the_opened_framed(opened, framed):
    weights = MATRIX.expand(2, 3, 4, 4)
    rows = next(iter(maps.small_maps(weights, opened, fixed=False).to_dict()["datasets"].values()))
    assert [(row["layer"], row["head"]) for row in rows] == [
        (layer, head) for layer in (1, 2) for head in (1, 2, 3)
    ]
    framed_maps = {(row["layer"], row["head"]) for row in rows if row["opened"]}
    assert framed_maps == (framed or {(row["layer"], row["head"]) for row in rows})
    assert {row["scale"] for row in rows} == {"0 to 0.300"}


def test_hovering_shows_both_items_the_weight_and_its_rank():
    chart = maps.large_map(MATRIX, TITLES, 11, 20, fixed=False).to_dict()
    cells = max(chart["datasets"].values(), key=len)
    assert len(cells) == 10  # nothing after the row's own item
    cell = next(c for c in cells if c["row"].startswith("14.") and c["column"].startswith("13."))
    assert cell["row"] == f"14. {TITLES[3]}"
    assert cell["column"] == "13. A"
    assert cell["weight"] == pytest.approx(0.1)
    assert cell["rank"] == "3 of 4"
    first = next(c for c in cells if c["column"] == "13. A" and c["row"] == "13. A")
    assert first["rank"] == "1 of 3"
    fields = {tooltip["field"] for tooltip in chart["layer"][0]["encoding"]["tooltip"]}
    assert fields == {"row", "column", "weight", "rank"}


def test_axes_name_items_of_the_same_title_apart_and_in_order():
    chart = maps.large_map(MATRIX, TITLES, 11, 3, fixed=True).to_dict()
    x, y = (chart["layer"][0]["encoding"][axis]["sort"] for axis in "xy")
    assert x == y
    assert x[:2] == ["B 12", "A 13"]
    assert x[2].startswith("A title that")
    assert x[2].endswith("\N{HORIZONTAL ELLIPSIS} 14")
    cells = max(chart["datasets"].values(), key=len)
    assert len(cells) == 6
    assert {c["query"] for c in cells} == {c["key"] for c in cells} == set(x)
    assert chart["layer"][0]["encoding"]["color"]["scale"]["domain"] == [0, 1]
