"""The numbers of gradient agreement's figures: distribution, means by layer, head and length."""

import numpy as np
import pandas as pd

from analyses.diagnostics.gradient_agreement.agreement_findings import (
    METHOD,
    called,
    headline_rows,
    length_bins,
    mean_rows,
)
from analyses.report.conditions import means_by
from analyses.report.summaries import SHUFFLED, Summary, not_empty, rows
from analyses.report.wording import people
from analyses.running.results import Results


def summaries(results: Results) -> dict[str, Summary]:
    """The distribution over users, and means by layer and head and by history length."""
    frame, models = results.frame, tuple(results.comparison.names)
    return not_empty(
        {
            "distribution": _distribution(mean_rows(frame), models),
            "agreement by layer and head": _by_layer_and_head(headline_rows(frame), models),
            "agreement by history length": _by_length(mean_rows(headline_rows(frame)), models),
        }
    )


def _distribution(means: pd.DataFrame, models: tuple[str, ...]) -> Summary:
    table = []
    for keys, group in means.groupby(["target", "method", "model"], sort=False, observed=True):
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


def _by_layer_and_head(headline: pd.DataFrame, models: tuple[str, ...]) -> Summary:
    groups = []
    parts = headline[["layer", "head"]].drop_duplicates().astype(str).to_numpy().tolist()
    for layer, head in sorted(parts, key=lambda part: [(k != "mean", k.zfill(9)) for k in part]):
        heads = "mean of heads" if head == "mean" else f"head {head}"
        label = "all layers and heads" if layer == "mean" else f"layer {layer}, {heads}"
        here = (headline["layer"] == layer) & (headline["head"] == head)
        groups.append(({"row": label, "layer": layer, "head": head}, here))
    return _means(headline, models, groups)


def _by_length(means: pd.DataFrame, models: tuple[str, ...]) -> Summary:
    bins = length_bins(means["length"])
    sizes = means[means["tau"].notna()].groupby(bins, observed=True)["user"].nunique()
    groups = [({"row": f"{b} items (n = {n:,})"}, bins == b) for b, n in sizes.items()]
    return _means(means, models, groups)


def _means(
    frame: pd.DataFrame, models: tuple[str, ...], groups: list[tuple[dict[str, str], pd.Series]]
) -> Summary:
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
        models,
        pd.DataFrame(table),
    )
