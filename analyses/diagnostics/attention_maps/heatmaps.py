"""One user's attention as heatmaps: prediction rows, layers x heads, and the stages of AC."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.diagnostics.attention_maps.map_findings import LAST
from analyses.running.comparison import Comparison
from analyses.running.results import Results
from analyses.telling import style
from analyses.telling.palette import PALETTE
from analyses.telling.wording import stage_in_words
from workbench.explore.maps import later_maximum
from workbench.phrases import MARK, cut, in_order, listing

ACROSS = 5  # matrices side by side, as many as a window of 1,280 pixels shows in readable type


def pictures(results: Results) -> dict[str, Figure]:
    """Three figures for each user chosen and each family: plain models beside calibrated ones."""
    weights = results.rows.where(kind="weight").whole()
    families = results.comparison.families
    figures = {}
    for choice in in_order(weights["choice"].dropna()):
        for family, members in families.items():
            suffix = choice if len(families) == 1 else f"{choice} {family}"
            rows = weights[(weights["choice"] == choice) & weights["model"].isin(members.names)]
            for kind, figure in _of_family(rows, members).items():
                figures[f"{kind} {suffix}"] = figure
    return figures


def _of_family(weights: pd.DataFrame, members: Comparison) -> dict[str, Figure]:
    """The figures of one user in the models of one family, by kind."""
    plain, calibrated = members.with_role("plain"), members.with_role("calibrated")
    first = weights.iloc[0]
    caption = (
        f"user {first['user id']}, {first['choice']} agreement (tau-b {first['tau']:.2f}), "
        f"{first['length']} items{_truth(weights)}"
    )
    final = weights[weights["stage"] == "attention"]
    columns = {
        name: final[final["model"] == name] for name in [*plain, *calibrated] or members.names
    }
    figures = {
        "prediction row": _prediction_rows(columns, caption),
        "layers and heads": _matrices(columns, caption),
    }
    if calibrated:
        name = calibrated[0]
        rest = f" (the first of {len(calibrated)} calibrated models)"
        by_stage = weights[weights["model"] == name].groupby("stage", sort=False, observed=True)
        figures["stages"] = _matrices(
            {stage_in_words(str(stage)): rows for stage, rows in by_stage},
            f"{name}{rest if len(calibrated) > 1 else ''}, {caption}",
        )
    for figure in figures.values():
        _mark_causes(figure)
    return figures


def _truth(weights: pd.DataFrame) -> str:
    """What a caption adds where the cause of the held-out item is known."""
    if "cause" not in weights or weights["cause"].isna().all():
        return ""
    if not weights["cause"].any():
        return "; the held-out item came by chance, or its cause is not in the history"
    return f"; {MARK}caused the held-out item"


def _titles(weights: pd.DataFrame, width: int) -> list[str]:
    """Titles of the history, oldest first, cut to `width` characters; a cause has its mark."""
    items = weights.drop_duplicates("key").sort_values("key")
    causes = items["cause"] == 1 if "cause" in items else [False] * len(items)
    return [
        MARK * bool(cause) + cut(str(title), width)
        for title, cause in zip(items["title"], causes, strict=True)
    ]


def _mark_causes(figure: Figure) -> None:
    """Colour the titles that have the mark."""
    for panel in figure.axes:
        for label in [*panel.get_xticklabels(), *panel.get_yticklabels()]:
            if label.get_text().startswith(MARK):
                label.set(color=PALETTE[1], fontweight="bold")


def _matrix(weights: pd.DataFrame, size: int) -> np.ndarray:
    """[size, size] weights, NaN where not allowed; a model that sees less is aligned at the end."""
    matrix = np.full((size, size), np.nan)
    shift = size - 1 - int(weights["key"].max())
    query, key = (weights[c].to_numpy(int) + shift for c in ("query", "key"))
    matrix[query, key] = weights["value"]
    return matrix


def _longest(columns: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return max(columns.values(), key=lambda rows: rows["key"].max())


def _parts(columns: dict[str, pd.DataFrame]) -> list[tuple[str, str]]:
    """The layers and heads that any of the columns has, in order."""
    parts = {
        (str(layer), str(head))
        for rows in columns.values()
        for layer, head in rows[["layer", "head"]].drop_duplicates().itertuples(index=False)
    }
    return sorted(parts, key=lambda part: (int(part[0]), int(part[1])))


def _prediction_rows(models: dict[str, pd.DataFrame], caption: str) -> Figure:
    """Lines of heads over the whole history, a panel per model and layer."""
    longest = _longest(models)
    size, n = 1 + int(longest["key"].max()), int(longest["length"].iloc[0])
    titles = _titles(longest, 30)[:n]  # a mask token is no item
    blocks = [
        (name, layer, rows[rows["layer"] == layer])
        for name, rows in models.items()
        for layer in in_order(rows["layer"])
    ]
    heights = [block["head"].nunique() for _, _, block in blocks]
    labels = [style.wrapped(f"{name}, layer {layer}, head 1") for name, layer, _ in blocks]
    tall = max(0.28, 0.8 * style.LINE * style.lines_of(labels))
    shown = style.wrapped(f"Weights of the prediction row, oldest item left, {caption}", 80)
    title = f"{_most_attended(models, n)}\n{shown}"
    frame = style.Frame(
        left=style.width_of(labels, 8),
        right=0.8,
        top=style.height_of(title),
        bottom=style.width_of(titles, 8),
    )
    inner = max(7.0 - frame.left - frame.right, 0.2 * len(titles))
    figure, panels = frame.panels(
        (inner, tall * sum(heights) + 0.12 * len(blocks)), len(blocks), 1, heights=heights
    )
    for panel, (name, layer, block) in zip(panels[:, 0], blocks, strict=True):
        heads = in_order(block["head"])
        rows = np.stack([_matrix(block[block["head"] == h], size)[-1, :n] for h in heads])
        panel.set_xticks([])
        _heatmap(panel, rows, np.nanmax(rows))
        named = [style.wrapped(f"{name}, layer {layer}, head {head}") for head in heads]
        panel.set_yticks(np.arange(len(heads)) + 0.5, named, rotation=0, fontsize=8)
        panel.text(
            1.005,
            0.5,
            f"max {np.nanmax(rows):.2f}",
            transform=panel.transAxes,
            va="center",
            fontsize=8,
        )
    panels[-1, 0].set_xticks(np.arange(len(titles)) + 0.5, titles, rotation=90, fontsize=8)
    figure.suptitle(title, y=1 - style.ABOVE / figure.get_figheight())
    return figure


def _most_attended(models: dict[str, pd.DataFrame], n: int) -> str:
    """The item of most weight in each model, mean over layers and heads."""
    tops: dict[str, list[str]] = {}
    for name, rows in models.items():
        row = rows[(rows["query"] == rows["query"].max()) & (rows["key"] < n)]
        means = row.groupby("key")["value"].mean()
        title = row.loc[row["key"] == means.idxmax(), "title"].iloc[0]
        tops.setdefault(cut(str(title), 30), []).append(name)
    said = "; ".join(f"{listing(names)}: {title}" for title, names in tops.items())
    return style.wrapped(f"Most attended in {said}", 80)


def _matrices(columns: dict[str, pd.DataFrame], caption: str) -> Figure:
    """A panel per layer and head (down) and per column (across), the last items of the history.

    Where there are many columns, those after the first `ACROSS` go below.
    """
    titles = _titles(_longest(columns), 22)
    size = len(titles)
    start = max(0, size - LAST)
    parts, across = _parts(columns), min(ACROSS, len(columns))
    blocks = -(-len(columns) // across)
    lines = blocks * len(parts)
    words = style.width_of(titles[start:], 7)
    names_of = [style.wrapped(name, 30) for name in columns]
    head = 0.2 + 0.15 * style.lines_of(names_of)
    shown = f"last {LAST} shown, " if start else ""
    above = f"{style.wrapped(caption, 80)}\n{shown}scale of its own per panel"
    frame = style.Frame(left=words, right=0.15, top=style.height_of(above) + head, bottom=words)
    figure, panels = frame.panels(
        (2.2 * across, (2.1 + head) * lines), lines, across, between=(0.15, head + 0.1)
    )
    places = np.arange(size - start) + 0.5
    for block in range(blocks):
        names = list(columns)[block * across : (block + 1) * across]
        drawn = np.zeros((len(parts), across), dtype=bool)
        for line, (layer, head_) in enumerate(parts):
            for k, panel in enumerate(panels[block * len(parts) + line]):
                panel.set(xticks=[], yticks=[])
                if k >= len(names):
                    panel.set_axis_off()
                    continue
                rows = columns[names[k]]
                weights = rows[(rows["layer"] == layer) & (rows["head"] == head_)]
                title = f"{style.wrapped(names[k], 30)}\nlayer {layer}, head {head_}"
                drawn[line, k] = len(weights) > 0
                if drawn[line, k]:
                    top = _draw(panel, weights, size, start)
                    panel.set_title(f"{title}, 0 to {top:.3f}", fontsize=9, y=1)
                else:
                    panel.set_axis_off()
                    panel.set_title(f"{title}: has none", fontsize=9, y=1)
        for line, k in zip(*np.nonzero(drawn), strict=True):
            panel = panels[block * len(parts) + line, k]
            if not drawn[line, :k].any():
                panel.set_yticks(places, titles[start:], fontsize=7, rotation=0)
            if not drawn[line + 1 :, k].any():
                panel.set_xticks(places, titles[start:], fontsize=7, rotation=90)
    figure.suptitle(above, y=1 - style.ABOVE / figure.get_figheight())
    return figure


def _draw(panel: Axes, weights: pd.DataFrame, size: int, start: int) -> float:
    """Draw one matrix from position `start` of `size` on; returns where its scale ends."""
    seen = 1 + int(weights["key"].max())  # a model that sees less has no earlier rows
    top = later_maximum(_matrix(weights, seen), max(0, start - (size - seen)))
    _heatmap(panel, _matrix(weights, size)[start:, start:], top)
    return top


def _heatmap(panel: Axes, values: np.ndarray, top: float) -> None:
    """Cells from 0 to `top`; as pixels, since a path for each cell would fill the page."""
    panel.pcolormesh(values, cmap=style.SEQUENTIAL, vmin=0, vmax=top, rasterized=True)
    lines, columns = values.shape
    panel.set(xlim=(0, columns), ylim=(lines, 0))
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
