"""Figures of summaries: whole curves, bars only where there is an interval, names as they are."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from analyses.telling import style
from analyses.telling.drawing import draw, images
from analyses.telling.summaries import UNIFORM, Summary, people_in, rows
from workbench import WorkbenchError

WINDOW = 1216 / 0.8 / 110  # inches that a window of 1,280 pixels shows in readable type


def dots(*rows: tuple, panel: str = "", series: tuple[str, ...] = ("a", "b")) -> Summary:
    columns = ["panel", "series", "row", "estimate", "low", "high", "n"]
    table = pd.DataFrame([(panel, *row, 200) for row in rows], columns=columns)
    return Summary("dots", "Title", "measure", series, table)


def lines(tops: dict[str, float], series: str = "a") -> Summary:
    rows = [
        {"panel": panel, "series": name, "at": at, "estimate": top / (1 + at), "n": 90}
        | {"low": 0.8 * top / (1 + at), "high": 1.2 * top / (1 + at)}
        for panel, top in tops.items()
        for name in (series, UNIFORM)
        for at in range(5)
    ]
    return Summary("lines", "Title", "weight", (series, UNIFORM), pd.DataFrame(rows), at="steps")


def test_the_shared_axis_fits_the_highest_curve_of_all_panels():
    figure = draw(lines({"layer 1": 0.05, "layer 2": 0.4, "layer 3": 0.1}))
    for panel in figure.axes:
        bottom, top = panel.get_ylim()
        assert bottom == 0
        assert top >= 1.2 * 0.4


@pytest.mark.filterwarnings("error")
def test_where_all_is_0_the_axis_begins_there_as_well():
    ranges = dots(("a", "row", 0.0, 0.0, 0.0))
    ranges.table[["least", "most"]] = 0.0
    for summary, limits in ((lines({"layer": 0.0}), "ylim"), (ranges, "xlim")):
        low, high = getattr(draw(summary).axes[0], f"get_{limits}")()
        assert (low, high > 0) == (0, True)


def test_a_point_without_ends_has_no_bar():
    figure = draw(dots(("a", "one", 0.003, np.nan, np.nan), ("b", "one", 0.1, -0.1, 0.3)))
    lines = figure.axes[0].lines
    bars = [np.asarray(line.get_xdata(), float) for line in lines if line.get_marker() == "None"]
    assert [x.tolist() for x in bars if np.ptp(x) > 0] == [[-0.1, 0.3]]
    marks = [line.get_xdata() for line in lines if line.get_marker() != "None"]
    assert sorted(np.concatenate(marks).tolist()) == [0.003, 0.1]


def test_the_title_says_what_is_seen():
    drawn = dots(
        *[("a", "one", 0.003, np.nan, np.nan), ("b", "one", 0.1, -0.1, 0.3)],
        ("b", "two", -0.2, -0.3, -0.1),
    )
    seen = "1 of 2 intervals leave out 0, uncorrected; furthest from it: b, two (−0.200)"
    assert drawn.seen == seen
    assert draw(drawn).get_suptitle() == f"{seen}\nTitle"
    assert dots(("b", "one", 0.1, -0.1, 0.3)).seen == "The interval holds 0"
    levels = dots(("a", "one", 0.25, 0.2, 0.3), ("b", "one", 12.0, 11.0, 13.0))
    assert levels.seen == "Highest: b (12.0); lowest: a (0.250)"
    assert lines({"layer 1": 0.1, "layer 2": 0.4}).seen == "Highest: layer 2, steps 0 (0.400)"


def test_marks_of_a_few_users_are_no_headline():
    summary = dots(
        ("a", "one", 1.0, 0.16, 1.0), ("a", "two", 0.5, 0.4, 0.6), ("b", "one", 0.3, 0.2, 0.4)
    )
    summary.table["n"] = [2, 90, 127]
    assert summary.seen == "Highest: a, two (0.500); lowest: b, one (0.300)"
    assert people_in(summary.table) == "n = 2 to 127 users"
    summary.table["n"] = [2, 2, 0]
    assert summary.seen == "Too few users for any interval"
    assert people_in(summary.table) == "n = 2 users"
    assert people_in(pd.DataFrame()) == "n = 0 users"


def test_panels_that_measure_different_things_have_axes_of_their_own():
    nats = dots(("a", "one", 0.02, 0.01, 0.03), ("b", "one", 0.04, 0.03, 0.05), panel="nats")
    shares = dots(("a", "one", 0.9, 0.8, 1.0), ("b", "one", 0.8, 0.7, 0.9), panel="share")
    table = pd.concat([nats.table, shares.table])
    for alike, seen in (
        (True, "Highest: a, share (0.900); lowest: a, nats (0.020)"),
        (False, "Nats: highest: b (0.040); lowest: a (0.020)"),
    ):
        summary = replace(nats, table=table, alike=alike)
        assert summary.seen == seen
        first, second = draw(summary).axes
        assert (first.get_xlim() == second.get_xlim()) is alike


def test_boxes_are_those_of_the_percentiles():
    marks = [
        {"panel": "a / b", "series": name, "row": name, "estimate": shift + 0.3, "n": 9}
        | {f"p{q}": shift + q / 100 for q in (5, 25, 50, 75, 95)}
        for name, shift in (("one", 0.0), ("two", -0.5))
    ]
    figure = draw(Summary("boxes", "Title", "measure", ("one", "two"), pd.DataFrame(marks)))
    (panel,) = figure.axes
    spans = sorted(
        (float(box.get_path().vertices[:, 0].min()), float(box.get_path().vertices[:, 0].max()))
        for box in panel.patches
    )
    np.testing.assert_allclose(spans, [(-0.25, 0.25), (0.25, 0.75)])
    ends = {round(float(x), 2) for line in panel.lines for x in line.get_xdata()}
    assert {0.05, 0.95, 0.5, 0.3, -0.45, 0.45, 0.0, -0.2} <= ends


@pytest.mark.parametrize("n", [1, 3, 4, 7])
@pytest.mark.parametrize("kind", ["dots", "lines"])
def test_many_panels_wrap_within_a_window(n, kind):
    names = [f"layer {k}" for k in range(n)]
    if kind == "lines":
        summary = lines(dict.fromkeys(names, 0.1))
    else:
        parts = [dots(("a", "one", 0.1, 0.0, 0.2), panel=name).table for name in names]
        summary = Summary("dots", "Title", "measure", ("a",), pd.concat(parts))
    figure = draw(summary)
    assert [panel.get_title() for panel in figure.axes] == names
    assert figure.get_size_inches()[0] <= WINDOW
    images(figure)
    for panel in figure.axes:
        assert any(t.get_visible() and t.get_text() for t in panel.get_xticklabels())


HOSTILE = ["_mine", "$$", "$x$ and $\\frac$", "{}_^%"]


@pytest.mark.parametrize("kind", ["dots", "lines"])
def test_the_legend_names_every_series_as_it_is(kind):
    if kind == "lines":
        tables = [lines({"layer 1": 0.1}, name).table for name in HOSTILE]
        table = pd.concat(tables)
        summary = Summary("lines", "$$", "$$", (*HOSTILE, UNIFORM), table, at="$$")
    else:
        rows = [(name, "$\\alpha", 0.1, 0.0, 0.2) for name in HOSTILE]
        summary = dots(*rows, panel="$$", series=(*HOSTILE, "not shown"))
    figure = draw(summary)
    images(figure)
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == HOSTILE + [UNIFORM] * (kind == "lines")
    assert len({h.get_color() for h in legend.get_lines()}) == len(legend.get_texts())


def test_a_series_of_later_panels_alone_is_in_the_legend():
    first, second = (
        dots((name, "one", 0.1, 0.0, 0.2), panel=panel).table
        for name, panel in (("a", "layer 1"), ("b", "layer 2"))
    )
    figure = draw(Summary("dots", "Title", "measure", ("a", "b"), pd.concat([first, second])))
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["a", "b"]


@pytest.mark.parametrize("under_style", [True, False])
def test_all_text_of_a_figure_is_drawn_as_it_is(under_style):
    def figure_of(word: str) -> Figure:
        figure = Figure(figsize=(6, 4), layout="constrained")
        panel = figure.subplots()
        panel.plot([0, 1])
        panel.set_xticks([0, 1], [word, word])
        panel.set(title=word, xlabel=word, ylabel=word)
        panel.text(0.5, 0.5, word)
        panel.annotate(word, (0.2, 0.2))
        figure.suptitle(word)
        style.legend_below(figure, {word: panel.lines[0], "other": panel.lines[0]})
        return figure

    if under_style:
        with style.context():
            figure = figure_of("$x^2$")
    else:  # by a diagnostic that forgot
        figure = figure_of("$x^2$")
    images(figure)
    with style.context():
        renderer = figure.canvas.get_renderer()
        texts = [t for t in figure.findobj(Text) if t.get_text() == "$x^2$" and t.get_visible()]
        assert len(texts) >= 9
        for text in texts:
            literal = Text(text=r"$x^2$", parse_math=False, figure=figure)
            literal.set_fontproperties(text.get_fontproperties())
            drawn = sorted(text.get_window_extent(renderer).size)
            assert drawn == pytest.approx(sorted(literal.get_window_extent(renderer).size))
    images(figure_of("$$"))  # an error of matplotlib's, were it taken for a formula


def test_rows_without_a_value_are_marked_in_their_order():
    rows = [f"model {k}" for k in range(8)]
    marks = [
        {"panel": panel, "series": row, "row": row, "estimate": 0.1, "n": 9}
        | {f"p{q}": 0.1 for q in (5, 25, 50, 75, 95)}
        for panel, names in (("a / b", rows), ("a / c", rows[:1]))
        for row in names
    ]
    figure = draw(Summary("boxes", "Title", "measure", tuple(rows), pd.DataFrame(marks)))
    _, panel = figure.axes
    places = [text.get_position()[1] for text in panel.texts if text.get_text() == "no value"]
    assert places == list(range(1, 8))


def test_a_table_that_lacks_what_is_drawn_is_told_where_it_is_made():
    marks = pd.DataFrame({"series": ["a"], "row": ["b"], "estimate": [1.0], "n": [3], "low": [0.0]})
    with pytest.raises(
        WorkbenchError, match="the table of dots 'Title' lacks panel and high; each"
    ):
        Summary("dots", "Title", "measure", ("a",), marks)
    with pytest.raises(WorkbenchError, match="lacks panel, at and high"):
        Summary("lines", "Title", "measure", ("a",), marks)
    with pytest.raises(WorkbenchError, match="choose from dots, lines, boxes"):
        Summary("bars", "Title", "measure", ("a",), marks)
    assert not len(Summary("boxes", "Title", "measure", (), pd.DataFrame()).table)


def test_a_figure_of_nobody_shows_nothing():
    none = Summary("dots", "Title", "measure", ("a",), pd.DataFrame(rows({}, ["row"], panel="")))
    assert (none.seen, none.panels, len(none.table)) == ("", [], 0)
