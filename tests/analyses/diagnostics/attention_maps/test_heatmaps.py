"""Heatmaps of models that differ: depth, heads, history seen; nobody left out, scales that show."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analyses.diagnostics.attention_maps.heatmaps import ACROSS, pictures
from analyses.diagnostics.attention_maps.map_measures import _weights
from analyses.running.comparison import Comparison, Part
from analyses.running.results import Results, Rows
from analyses.telling import style
from analyses.telling.drawing import images
from analyses.telling.palette import PALETTE
from tests.workbench.null_data import permute_sequences
from workbench import build_model, planted
from workbench.phrases import MARK

WINDOW = 1216 / 0.8 / 110  # inches that a window of 1,280 pixels shows in readable type


def weights(
    model: str, n_layers: int, n_heads: int, n: int = 6, stages: tuple[str, ...] = ("attention",)
) -> pd.DataFrame:
    """Every weight of a causal model: uniform but for the last item, which gets twice as much."""
    rows = []
    for stage in stages:
        for query in range(n):
            values = np.array([1.0] * query + [2.0]) / (query + 2)
            rows += [
                {"model": model, "stage": stage, "layer": str(layer + 1), "head": str(head + 1)}
                | {"query": query, "key": key, "value": value, "title": f"$item {key + 1}$"}
                for layer in range(n_layers)
                for head in range(n_heads)
                for key, value in enumerate(values)
            ]
    frame = pd.DataFrame(rows).assign(choice="highest", user=3, length=n, tau=0.5)
    return frame.assign(**{"user id": "$$"})


def draw(frame: pd.DataFrame) -> dict[str, Figure]:
    """The figures of models whose names say what they are."""
    parts = {
        name: Part(
            "calibrated" if "AC" in name else "uniform" if "uniform" in name else "plain",
            "SASRec",
            name,
        )
        for name in frame["model"]
    }
    return pictures(Results(Rows([frame.assign(kind="weight")]), Comparison(parts)))


def panels(figure) -> dict[str, bool]:
    """Title of every panel, and whether it has a picture."""
    return {
        p.get_title().replace("\n", " "): bool(p.collections) for p in figure.axes if p.get_title()
    }


def test_models_of_other_depths_and_heads_stand_side_by_side():
    frame = pd.concat([weights("SASRec", 1, 2), weights("AC-SASRec", 2, 1)])
    figures = draw(frame)
    assert list(figures) == ["prediction row highest", "layers and heads highest", "stages highest"]
    assert panels(figures["layers and heads highest"]) == {
        "SASRec layer 1, head 1, 0 to 0.400": True,
        "SASRec layer 1, head 2, 0 to 0.400": True,
        "SASRec layer 2, head 1: has none": False,
        "AC-SASRec layer 1, head 1, 0 to 0.400": True,
        "AC-SASRec layer 1, head 2: has none": False,
        "AC-SASRec layer 2, head 1, 0 to 0.400": True,
    }
    rows = [
        t.get_text() for p in figures["prediction row highest"].axes for t in p.get_yticklabels()
    ]
    assert rows == [
        "SASRec, layer 1, head 1",
        "SASRec, layer 1, head 2",
        "AC-SASRec, layer 1, head 1",
        "AC-SASRec, layer 2, head 1",
    ]
    named = [p for p in figures["layers and heads highest"].axes if p.get_yticks().size]
    assert [p.get_title().split("\n")[0] for p in named] == ["SASRec", "SASRec", "AC-SASRec"]
    for figure in figures.values():
        images(figure)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["SASRec", "SASRec (b)", "SASRec-uniform"], ["SASRec", "SASRec (b)"]),
        (["AC-SASRec", "SASRec", "SASRec (b)"], ["SASRec", "SASRec (b)", "AC-SASRec"]),
        (["SASRec-uniform", "SASRec-uniform (b)"], ["SASRec-uniform", "SASRec-uniform (b)"]),
    ],
)
def test_no_model_is_left_out_but_uniform_ones_beside_others(names, shown):
    figures = draw(pd.concat([weights(name, 1, 1) for name in names]))
    titles = [title.split(" layer")[0] for title in panels(figures["layers and heads highest"])]
    assert titles == shown


def test_names_of_models_decide_nothing():
    parts = {
        "AC-x": Part("plain", "SASRec", "SASRec"),
        "y-uniform": Part("calibrated", "SASRec", "AC-SASRec"),
        "SASRec": Part("uniform", "SASRec", "SASRec-uniform"),
    }
    frame = pd.concat([weights(name, 1, 1) for name in parts]).assign(kind="weight")
    figures = pictures(Results(Rows([frame]), Comparison(parts)))
    assert list(figures) == ["prediction row highest", "layers and heads highest", "stages highest"]
    titles = [title.split(" layer")[0] for title in panels(figures["layers and heads highest"])]
    assert titles == ["AC-x", "y-uniform"]
    assert figures["stages highest"].get_suptitle().startswith("y-uniform, ")


def test_that_stages_are_those_of_the_first_calibrated_model_is_said():
    names = ["AC-SASRec", "AC-SASRec-light"]
    figure = draw(pd.concat([weights(name, 1, 1) for name in names]))["stages highest"]
    assert "AC-SASRec (the first of 2 calibrated models)" in figure.get_suptitle()


def test_many_models_wrap_within_a_window():
    frame = pd.concat([weights(f"SASRec ({k})", 2, 1) for k in range(7)])
    figure = draw(frame)["layers and heads highest"]
    assert len(panels(figure)) == 14
    assert figure.get_size_inches()[0] <= WINDOW
    first, second = panels(figure), list(panels(figure))
    assert second[ACROSS - 1] == "SASRec (4) layer 1, head 1, 0 to 0.400"
    assert second[2 * ACROSS] == "SASRec (5) layer 1, head 1, 0 to 0.400"
    assert all(first.values())
    images(figure)


def test_titles_of_any_length_stand_above_the_panels():
    names = ["SASRec", *(f"AC-SASRec that was trained as number {k} of many" for k in range(4))]
    with style.context():
        for figure in draw(pd.concat([weights(name, 2, 2) for name in names])).values():
            figure.canvas.draw()
            assert figure.get_suptitle()
            title = figure._suptitle.get_window_extent()
            assert title.y1 <= figure.bbox.y1
            for panel in figure.axes:
                assert panel.get_tightbbox().y1 <= title.y0


def test_a_scale_ends_at_the_largest_weight_of_the_later_rows():
    # 30 items, of which a model of 10 positions sees the last; 20 are shown
    frame = pd.concat([weights("SASRec", 1, 1, n=30), weights("AC-SASRec", 1, 1, n=10)])
    figure = draw(frame)["layers and heads highest"]
    tops = {p.get_title().split("\n")[0]: p.collections[0].get_clim()[1] for p in figure.axes}
    # rows 15 to 29 of 30 and 5 to 9 of 10: the first of them gives its last item 2 / (n + 1)
    assert tops == pytest.approx({"SASRec": 2 / 17, "AC-SASRec": 2 / 7})


@pytest.mark.parametrize("kind", ["prediction row", "layers and heads", "stages"])
def test_what_caused_the_held_out_item_is_marked(kind):
    frame = pd.concat([weights("SASRec", 1, 1), weights("AC-SASRec", 1, 1)])
    figure = draw(frame.assign(cause=(frame["key"] == 2).astype(float)))[f"{kind} highest"]
    labels = [t for p in figure.axes for t in [*p.get_xticklabels(), *p.get_yticklabels()]]
    marked = {t.get_text() for t in labels if t.get_color() == PALETTE[1]}
    assert marked == {f"{MARK}$item 3$"}
    assert f"{MARK}caused the held-out item" in figure.get_suptitle().replace("\n", " ")
    assert MARK not in draw(frame)[f"{kind} highest"].get_suptitle()
    by_chance = draw(frame.assign(cause=0.0))[f"{kind} highest"].get_suptitle().replace("\n", " ")
    assert "the held-out item came by chance" in by_chance


def test_causes_of_planted_data_come_with_the_weights():
    made = planted("distance", n_users=20, n_items=20, n_causes=4, length=12, noise=0.2, lag=3)
    model = build_model("BERT4Rec", made.data, hidden_size=8, inner_size=8, max_length=6)
    truth = made.data.truth.causes[made.data.offsets[1:] - 1]
    caused, by_chance = (int(np.flatnonzero(known)[0]) for known in (truth >= 0, truth < 0))
    rows = _weights(model, made.data, caused)
    assert set(rows.loc[rows["cause"] == 1, "key"]) == {6 - 3}
    assert set(rows["key"]) == set(range(7))  # with the mask token
    assert not _weights(model, made.data, by_chance)["cause"].any()
    assert "cause" not in _weights(model, permute_sequences(made.data), caused)
