"""The numbers of gradient agreement's figures: beside controls, by layer, head and length."""

import numpy as np
import pandas as pd

from analyses.diagnostics.gradient_agreement.agreement_findings import (
    METHOD,
    beyond,
    by_control,
    headline_rows,
    length_bins,
    mean_rows,
    trained_rows,
)
from analyses.report.conditions import means_by
from analyses.report.summaries import Summary, ends, not_empty, rows
from analyses.report.wording import people
from analyses.running.results import Results
from workbench.phrases import in_order

ACROSS = 4  # models in a figure of distributions
QUANTILES = (5, 25, 50, 75, 95)


def summaries(results: Results) -> dict[str, Summary]:
    """The distribution over users beside controls, the difference from them, and means by part."""
    frame, models = results.frame, tuple(results.comparison.names)
    headline = headline_rows(trained_rows(frame))
    shown = [models[start : start + ACROSS] for start in range(0, len(models), ACROSS)]
    parts = ["", *(f", part {k}" for k in range(2, 1 + len(shown)))]
    return not_empty(
        {
            **{
                f"distribution{part}": _distribution(frame, some)
                for part, some in zip(parts, shown, strict=True)
            },
            "beyond controls": _beyond(frame, models),
            "agreement by layer and head": _by_layer_and_head(headline, models),
            "agreement by history length": _by_length(mean_rows(headline), models),
        }
    )


def _distribution(frame: pd.DataFrame, models: tuple[str, ...]) -> Summary:
    table = []
    for model in models:
        for control, taus in by_control(frame, model).items():
            values = taus.dropna().to_numpy()
            if len(values):
                table.append(
                    {
                        "panel": f"{METHOD} / {model}",
                        "row": control,
                        "series": control,
                        "estimate": values.mean(),
                        "n": len(values),
                    }
                    | {f"p{q}": np.percentile(values, q) for q in QUANTILES}
                )
    return Summary(
        "boxes",
        "Agreement of attention with gradients, beside controls of the same model",
        "tau-b of attention with saliency, per user",
        in_order(row["row"] for row in table),
        pd.DataFrame(table),
    )


def _beyond(frame: pd.DataFrame, models: tuple[str, ...]) -> Summary:
    marks = [
        {"panel": "", "series": model, "row": control} | ends(interval)
        for model in models
        for control, interval in beyond(frame, model).items()
        if interval.n
    ]
    n = max((mark["n"] for mark in marks), default=0)
    return Summary(
        "dots",
        f"Agreement of attention with saliency beyond controls, {people(n)}",
        "tau-b of the trained model minus that of its control, 95 % interval",
        models,
        pd.DataFrame(marks),
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
        f"Agreement of attention with {METHOD}, {people(n)}",
        f"mean tau-b with {METHOD} for the held-out item, 95 % interval",
        models,
        pd.DataFrame(table),
    )
