"""Gradient agreement, drawn: its distribution, and its means by layer, head and history length."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.diagnostics.gradient_agreement.agreement_findings import (
    METHOD,
    called,
    headline_rows,
    length_bins,
    mean_rows,
)
from analyses.report.conditions import means_by
from analyses.report.drawing import draw_all
from analyses.report.summaries import SHUFFLED, Summary, names, not_empty, rows
from analyses.report.wording import people


def summaries(frame: pd.DataFrame) -> dict[str, Summary]:
    """The distribution over users, and means by layer and head and by history length."""
    found = {
        "distribution": _distribution(mean_rows(frame)),
        "agreement by layer and head": _by_layer_and_head(headline_rows(frame)),
        "agreement by history length": _by_length(mean_rows(headline_rows(frame))),
    }
    return not_empty(found)


def plot(frame: pd.DataFrame) -> dict[str, Figure]:
    """The summaries, drawn."""
    return draw_all(summaries(frame))


def by_user(frame: pd.DataFrame) -> pd.DataFrame:
    """Each user's tau and its p value; that of the findings first."""
    columns = ["model", "user", "length", "target", "method", "layer", "head", "tau", "p_value"]
    table = frame[columns].sort_values("method", key=lambda m: m != METHOD, kind="stable")
    return table.rename(columns={"tau": "tau-b", "p_value": "p value"})


def _distribution(whole: pd.DataFrame) -> Summary:
    models = names(whole["model"])
    table = []
    for keys, group in whole.groupby(["target", "method", "model"], sort=False, observed=True):
        target, method, model = (str(key) for key in keys)
        for series, column in ((model, "tau"), (SHUFFLED, "null_tau")):
            values = group[column].dropna().to_numpy()
            if len(values):
                table.append(
                    {
                        "panel": f"{target} / {called(method)}",
                        "row": model,
                        "series": series,
                        "estimate": values.mean(),
                        "n": len(values),
                    }
                    | {f"p{q}": np.percentile(values, q) for q in (5, 25, 50, 75, 95)}
                )
    return Summary(
        "boxes",
        "Agreement of attention with gradients",
        "tau-b per user (colour: attention, grey: shuffled attention)",
        (*models, SHUFFLED),
        pd.DataFrame(table),
    )


def _by_layer_and_head(headline: pd.DataFrame) -> Summary:
    parts = []
    found = headline[["layer", "head"]].drop_duplicates().astype(str).to_numpy().tolist()
    for layer, head in sorted(found, key=lambda part: [(k != "mean", k.zfill(9)) for k in part]):
        part = "mean of heads" if head == "mean" else f"head {head}"
        label = "all layers and heads" if layer == "mean" else f"layer {layer}, {part}"
        here = (headline["layer"] == layer) & (headline["head"] == head)
        parts.append(({"row": label, "layer": layer, "head": head}, here))
    return _means(headline, parts)


def _by_length(whole: pd.DataFrame) -> Summary:
    bins = length_bins(whole["length"])
    sizes = whole[whole["tau"].notna()].groupby(bins, observed=True)["user"].nunique()
    return _means(whole, [({"row": f"{b} items (n = {n:,})"}, bins == b) for b, n in sizes.items()])


def _means(frame: pd.DataFrame, groups: list[tuple[dict[str, str], pd.Series]]) -> Summary:
    """Mean tau with its interval, a row per group of rows, models side by side."""
    has_tau = frame["tau"].notna()
    table = []
    for label, group in groups:
        chosen = frame[group & has_tau]
        if len(chosen):
            table += rows(means_by(chosen, ["model"], "tau"), ["series"], panel="", **label)
    n = frame.loc[has_tau, "user"].nunique()
    return Summary(
        "dots",
        f"Agreement of attention with {called(METHOD)}, {people(n)}",
        f"mean tau-b with {called(METHOD)} for the held-out item, 95 % interval",
        names(frame["model"]),
        pd.DataFrame(table),
    )
