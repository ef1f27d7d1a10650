"""The figures of the study: differences of models with their lines, and planted data."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analyses.claims.answers import ClaimCell
from analyses.claims.mechanism import PLANTED
from analyses.claims.rule import DECIDED
from analyses.telling.summaries import Summary, ends, not_empty
from workbench.phrases import counted, in_order


def figures(cells: Sequence[ClaimCell], planted: pd.DataFrame) -> dict[str, Summary]:
    """The figures by name, of what is said of the claims and of what planted data showed."""
    made = {
        "ranking": _differences(cells, "ndcg kept", "NDCG@10, one model minus another"),
        "pointing": _differences(
            cells,
            "names",
            "Users whose attention names what matters most, one model minus another",
        ),
        "agreement": _differences(
            cells, "tau", "tau-b of attention with saliency, one model minus another"
        ),
        "planted": _planted(planted),
    }
    return not_empty(made)


def _differences(cells: Sequence[ClaimCell], measure: str, title: str) -> Summary:
    """Effects of all cells in a measure and their lines; a part of a gain is left out."""
    rows: list[dict[str, object]] = []
    for cell in cells:
        contrast, found = cell.contrast, cell.interval
        if contrast is None or found is None:
            continue
        if contrast.measure != measure or contrast.kind == "most":
            continue
        lines = {"least": cell.lines.upper, "most": cell.lines.lower}
        answer = {"decided": cell.answer in DECIDED, "one line": cell.lines.tests == 1}
        row = {"panel": "", "series": cell.data, "row": cell.name}
        rows.append(row | lines | ends(found) | answer)
    frame = pd.DataFrame(rows)
    series = in_order(frame["series"]) if len(frame) else ()
    message = ""
    if len(frame):  # a comparison that stands behind two claims is drawn once, with two lines
        frame = frame.sort_values("one line", kind="stable").drop_duplicates(["series", "row"])
        frame = frame.sort_index()
        message = (
            f"{frame['decided'].sum()} of {counted(len(frame), 'comparison')} decided; grey, "
            "between the lines of holding and failing"
        )
    where = f", {series[0]}" if len(series) == 1 else ""
    full = f"{title}{where}, 95 % intervals"
    return Summary("dots", full, "difference", series, frame, message=message)


def _planted(planted: pd.DataFrame) -> Summary:
    """Hit@1 by model under the planted rule, with the range of its trainings; the best last."""
    rows, message = [], ""
    if len(planted):
        for name in in_order(planted["model"]):
            hits = planted.loc[planted["model"] == name, "hit@1"]
            rows.append(
                {"panel": "", "series": "Hit@1", "row": name, "estimate": hits.mean()}
                | {"low": hits.min(), "high": hits.max(), "n": len(hits)}
            )
        best = planted["best possible"].iloc[0]
        reached = planted.groupby("model", sort=False)["hit@1"].mean()
        message = (
            f"Highest: {reached.idxmax()} ({reached.max():.3f}); lowest: {reached.idxmin()} "
            f"({reached.min():.3f}); best possible: {best:.3f}"
        )
        rows.append(
            {"panel": "", "series": "Hit@1", "row": "who knows the rule", "estimate": best}
            | {"low": np.nan, "high": np.nan, "n": 1}
        )
    title = f"Planted rule {PLANTED.rule}: Hit@1 on test cases, mean and range of trainings"
    return Summary("dots", title, "Hit@1", ("Hit@1",), pd.DataFrame(rows), message=message)
