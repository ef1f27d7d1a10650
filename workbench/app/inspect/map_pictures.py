"""The maps of one model as a picture file."""

import io

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from workbench.app import words
from workbench.explore import maps
from workbench.explore.shown import Shown
from workbench.fonts import chosen_fonts


def picture(
    shown: Shown, titles: list[str], first: int, last: int, *, top: float | None, kind: str
) -> bytes:
    """The maps of `maps.small_maps` and `maps.large_map` in one picture file.

    Parameters
    ----------
    shown : the model, its weights, and the layer and head of the large map.
    titles, first, last, top : as in `maps.large_map`.
    kind : "png" or "svg".
    """
    with matplotlib.rc_context({"text.parse_math": False}):  # no formulas in titles
        figure = _figure(shown, titles, first, last, top)
        file = io.BytesIO()
        with chosen_fonts(figure):
            figure.savefig(file, format=kind, dpi=150)
    return file.getvalue()


def _figure(shown: Shown, titles: list[str], first: int, last: int, top: float | None) -> Figure:
    weights = shown.inspection.weights[shown.view.stage]  # [n_layers, H, L, L]
    n_layers, n_heads = weights.shape[:2]
    start = max(0, len(titles) - last)
    side = max(0.2 * (len(titles) - start), 2.4)
    figure = Figure(figsize=(4.6 + side, 2.6 + side), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(2, 4))
    left = figure.add_subfigure(grid[0])
    right = figure.add_subfigure(grid[1])
    panels = left.subplots(n_layers, n_heads, squeeze=False)
    for layer, line in enumerate(panels):
        for head, panel in enumerate(line):
            matrix = weights[layer, head]
            end = maps.later_maximum(matrix) if top is None else top
            _draw(panel, matrix, end)
            panel.set(xticks=[], yticks=[])
            panel.set_title(f"layer {layer + 1}, head {head + 1}\n0 to {end:.3f}", fontsize=7)
    opened, end = right.subplots(), maps.later_maximum(shown.matrix, start) if top is None else top
    _draw(opened, shown.matrix[start:, start:], end)
    labels = maps.labels(titles, first)[start:]
    opened.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
    opened.set_yticks(range(len(labels)), labels, fontsize=7)
    opened.set_title(f"{shown.view.name}, 0 to {end:.3f}", fontsize=9)
    figure.suptitle(words.plain(f"{shown.label}: rows attend to columns"), fontsize=10)
    return figure


def _draw(panel: Axes, matrix: Tensor, top: float) -> None:
    panel.imshow(matrix.numpy(), cmap=maps.SCHEME, vmin=0, vmax=top, interpolation="nearest")
