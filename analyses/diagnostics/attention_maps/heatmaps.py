"""One user's attention as heatmaps: prediction rows, layers x heads, and the stages of AC."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.diagnostic import by_backbone
from analyses.report import style

LAST = 20  # positions a full matrix shows; a title needs room to be read
KINDS = {
    "prediction row": "The weights the prediction is made from: a column per item of the history, "
    "oldest first, a line per head, the baseline above the calibrated models. Every panel has its "
    "own colour scale, from 0 to the maximum written beside it.",
    "layers and heads": "The full matrices, baseline beside calibrated models: each row is an item "
    f"(last, a mask token where there is one) and what it attends to, of the last {LAST} at most. "
    "Every panel has its own colour scale, from 0 to the maximum written above it; blank cells are "
    "not allowed.",
    "stages": "Every stage of the calibrated model on the same user, from the input up: layers and "
    "heads down, stages across. Every panel has its own colour scale, from 0 to the maximum "
    "written above it.",
}


def draw(weights: pd.DataFrame) -> dict[str, Figure]:
    """Three figures for every user chosen and backbone: the plain model beside the calibrated."""
    families = by_backbone(list(dict.fromkeys(weights["model"])))
    figures = {}
    for choice in dict.fromkeys(weights["choice"]):
        chosen = weights[weights["choice"] == choice]
        for family, parts in families.items():
            shown = [name for name in (parts.baseline, *parts.calibrated) if name]
            if not shown and parts.uniform:
                shown = [parts.uniform]
            suffix = choice if len(families) == 1 else f"{choice} {family}"
            own = chosen[chosen["model"].isin(shown)]
            first = own.iloc[0]
            who = (
                f"user {first['user id']}, {choice} agreement (tau-b {first['tau']:.2f}), "
                f"{first['length']} items"
            )
            final = own[own["stage"] == "attention"]
            columns = {name: final[final["model"] == name] for name in shown}
            figures[f"prediction row {suffix}"] = _prediction_rows(columns, who)
            figures[f"layers and heads {suffix}"] = _matrices(columns, who)
            if parts.calibrated:
                name = parts.calibrated[0]
                calibrated = own[own["model"] == name]
                stages = list(dict.fromkeys(calibrated["stage"]))
                figures[f"stages {suffix}"] = _matrices(
                    {
                        stage.replace("_", " "): calibrated[calibrated["stage"] == stage]
                        for stage in stages
                    },
                    f"{name}, {who}",
                )
    return figures


def _titles(weights: pd.DataFrame, width: int) -> list[str]:
    """Titles of the history, oldest first, cut to `width` characters."""
    titles = weights.drop_duplicates("key").sort_values("key")["title"]
    return [style.shorten(str(title), width) for title in titles]


def _matrix(weights: pd.DataFrame, size: int) -> np.ndarray:
    """[size, size] weights, NaN where not allowed; a model that sees less is aligned at the end."""
    matrix = np.full((size, size), np.nan)
    shift = size - 1 - int(weights["key"].max())
    query, key = (weights[c].to_numpy(int) + shift for c in ("query", "key"))
    matrix[query, key] = weights["value"]
    return matrix


def _longest(columns: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return max(columns.values(), key=lambda own: own["key"].max())


def _heads(weights: pd.DataFrame) -> list[tuple[str, str]]:
    return list(weights[["layer", "head"]].drop_duplicates().itertuples(index=False, name=None))


def _prediction_rows(models: dict[str, pd.DataFrame], who: str) -> Figure:
    """Lines of heads over the whole history, a panel per model and layer."""
    longest = _longest(models)
    size, n = 1 + int(longest["key"].max()), int(longest["length"].iloc[0])
    titles = _titles(longest, 30)[:n]  # a mask token is no item
    blocks = [
        (name, layer, own[own["layer"] == layer])
        for name, own in models.items()
        for layer in dict.fromkeys(own["layer"])
    ]
    heights = [block["head"].nunique() for _, _, block in blocks]
    width = max(7.0, 3.2 + 0.22 * len(titles))
    figure = Figure(
        figsize=(width, 3 + 0.28 * sum(heights) + 0.12 * len(blocks)), layout="constrained"
    )
    panels = figure.subplots(len(blocks), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, (name, layer, block) in zip(panels, blocks, strict=True):
        heads = list(dict.fromkeys(block["head"]))
        rows = np.stack([_matrix(block[block["head"] == h], size)[-1, :n] for h in heads])
        panel.imshow(rows, cmap=style.SEQUENTIAL, vmin=0, aspect="auto", interpolation="nearest")
        panel.set_yticks(range(len(heads)), [f"{name}, layer {layer}, head {h}" for h in heads])
        panel.set_xticks([])
        panel.tick_params(length=0, labelsize=8)
        panel.text(
            1.005,
            0.5,
            f"max {np.nanmax(rows):.2f}",
            transform=panel.transAxes,
            va="center",
            fontsize=8,
        )
    panels[-1].set_xticks(range(len(titles)), titles, rotation=90, fontsize=8)
    figure.suptitle(f"Prediction row, oldest item left, scale 0 to max per panel\n{who}")
    return figure


def _matrices(columns: dict[str, pd.DataFrame], who: str) -> Figure:
    """A panel per layer and head (down) and per column (across), the last items of the history."""
    first = _longest(columns)
    titles = _titles(first, 22)
    size = len(titles)
    start = max(0, size - LAST)
    lines = _heads(first)
    figure = Figure(
        figsize=(1.8 + 2.6 * len(columns), 1.8 + 2.7 * len(lines)), layout="constrained"
    )
    panels = figure.subplots(len(lines), len(columns), squeeze=False)
    for line, (layer, head) in zip(panels, lines, strict=True):
        for panel, (name, own) in zip(line, columns.items(), strict=True):
            block = own[(own["layer"] == layer) & (own["head"] == head)]
            matrix = _matrix(block, size)[start:, start:]
            panel.imshow(matrix, cmap=style.SEQUENTIAL, vmin=0, interpolation="nearest")
            top = np.nanmax(matrix)
            panel.set_title(f"{name}\nlayer {layer}, head {head}, max {top:.2f}", fontsize=9)
            panel.set(xticks=[], yticks=[])
    places = range(size - start)
    for panel in panels[:, 0]:
        panel.set_yticks(places, titles[start:], fontsize=7)
    for panel in panels[-1]:
        panel.set_xticks(places, titles[start:], fontsize=7, rotation=90)
    part = f"last {LAST} shown, " if start else ""
    figure.suptitle(f"{who}\n{part}scale 0 to max per panel")
    return figure
