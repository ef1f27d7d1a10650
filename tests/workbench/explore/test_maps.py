"""Maps: which cells are drawn, in which colours, and what pointing at them shows."""

import base64
import io
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from workbench.explore import maps
from workbench.explore.inspection import Inspection
from workbench.explore.shown import Shown, View

NAN = torch.nan
MATRIX = torch.tensor(
    [
        [1.0, NAN, NAN, NAN],
        [0.6, 0.4, NAN, NAN],
        [0.1, 0.2, 0.3, NAN],
        [0.2, 0.2, 0.1, 0.1],
    ]
)
TITLES = ["A", "B", "A", "A title that is <b>far</b> too long for an axis"]
# the ends of cividis (Nunez, Anderton & Renslow, PLOS ONE 2018)
DARKEST, BRIGHTEST = (0, 34, 78, 255), (254, 232, 56, 255)


class Tags(HTMLParser):
    """The tags of HTML with their attributes, and the texts of heads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.heads: list[str] = []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = "th" if tag == "span" and self.inside == "th" else tag

    def handle_data(self, data):
        if self.inside == "th":
            self.heads.append(data)

    def of(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def large(**options) -> Tags:
    given: dict[str, Any] = {"titles": TITLES, "first": 11, "last": 20, "label": "all"} | options
    return Tags(maps.large_map(MATRIX, **given))


def pixels(address: str) -> np.ndarray:
    head, data = address.split(",", 1)
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


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
    html = Tags(maps.small_maps(MATRIX.expand(2, 3, 4, 4), opened, 11))
    buttons = html.of("button")
    every = [(layer, head) for layer in (1, 2) for head in (1, 2, 3)]
    assert [b["data-pick"] for b in buttons] == [f"Layer {x}, head {y}" for x, y in every]
    shown = {at for at, button in zip(every, buttons, strict=True) if button["class"] == "o"}
    assert shown == (framed or set(every))
    assert {button["title"].rpartition(": ")[2] for button in buttons} == {"0 to 0.300"}
    strips = [strip["class"] for strip in html.of("i")]
    assert strips == ["k11", "k12", "k13", "k14"] * 6
    common = Tags(maps.small_maps(MATRIX.expand(2, 3, 4, 4), opened, 11, top=0.5))
    assert {button["title"].rpartition(": ")[2] for button in common.of("button")} == {"0 to 0.500"}


def test_pointing_shows_both_items_the_weight_and_its_rank():
    cells = [cell for cell in large().of("td") if cell]
    assert len(cells) == 10  # nothing after the row's own item
    said = [cell["data-t"].split("\n") for cell in cells]
    cell = next(c for c in said if c[0].startswith("Row 14.") and c[1].startswith("Looks at 13."))
    assert cell == [
        f"Row 14. {TITLES[3]}",
        "Looks at 13. A",
        "Weight 0.1000, rank in the row 3 of 4",
    ]
    assert ["Row 13. A", "Looks at 13. A", "Weight 0.3000, rank in the row 1 of 3"] in said
    assert [c["class"] for c in cells[-4:]] == ["k11", "k12", "k13", "k14"]


def test_axes_name_items_of_the_same_title_apart_and_in_order():
    page = large(last=3, top=1.0)
    rows, columns = page.heads[:3], page.heads[3:]
    assert rows == columns
    assert rows[:2] == ["B 12", "A 13"]
    assert rows[2].startswith("A title that")
    assert rows[2].endswith("\N{HORIZONTAL ELLIPSIS} 14")
    assert len([cell for cell in page.of("td") if cell]) == 6
    assert len(page.of("b")) == 1  # the scale's; that of the title is text


def colour(cell: dict) -> tuple[int, ...]:
    found = re.search("#(..)(..)(..)", cell["style"])
    assert found is not None
    return tuple(int(part, 16) for part in found.groups())


def test_colours_go_from_nothing_to_the_top_or_from_minus_to_plus():
    cells = [cell for cell in large(top=0.3).of("td") if cell]
    assert colour(cells[5]) == pytest.approx(BRIGHTEST[:3], abs=1)
    differences = torch.tensor([[0.2, NAN], [-0.2, 0.0]])
    html = maps.large_map(differences, ["A", "B"], 1, 2, label="d", diverging=True)
    plus, minus, none = (colour(cell) for cell in Tags(html).of("td") if cell)
    assert plus[2] > plus[0]  # purple
    assert minus[0] > minus[2]  # orange
    assert min(none) > 230  # nearly white
    said = [cell["data-t"].split("\n")[-1] for cell in Tags(html).of("td") if cell]
    assert said == [f"Difference {text}" for text in ("+0.2000", "\N{MINUS SIGN}0.2000", "0.0000")]


def test_the_difference_is_over_the_items_that_both_read():
    def shown(weights: torch.Tensor, n: int) -> Shown:
        inspection = Inspection(
            items=torch.arange(1, n + 1),
            times=None,
            target=1,
            weights={"attention": weights[None, None]},
            importance={},
            effects=torch.zeros(n),
            scores=torch.zeros(6),
        )
        return Shown("m", View("attention"), inspection)

    short = torch.tensor([[0.5, NAN], [0.05, 0.0]])
    found = maps.difference(shown(MATRIX, 4), shown(short, 2))
    assert found is not None
    expected = torch.tensor([[-0.2, NAN], [0.05, 0.1]])
    torch.testing.assert_close(found, expected, equal_nan=True)
    assert maps.difference(shown(MATRIX, 4), shown(MATRIX, 3)) is None  # one has a mask token


def test_the_later_rows_decide_where_a_scale_ends():
    rows = [[1, NAN, NAN, NAN], [0.6, 0.4, NAN, NAN], [0.1, 0.2, 0.7, NAN], [0.1, 0.3, 0.4, 0.2]]
    for matrix in (rows, torch.tensor(rows), np.array(rows)):
        assert maps.later_maximum(matrix) == pytest.approx(0.7)
        assert maps.later_maximum(matrix, start=3) == pytest.approx(0.2)
    assert maps.later_maximum([[1.0]]) == 1
    assert maps.later_maximum([[0.0]]) > 0  # a scale needs a length
