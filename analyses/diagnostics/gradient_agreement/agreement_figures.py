"""The numbers of gradient agreement's figures: beside controls, by layer, head and length."""

import numpy as np
import pandas as pd

from analyses.diagnostics.gradient_agreement.agreement_findings import (
    BINS,
    METHOD,
    beyond,
    by_control,
    headline_rows,
    length_bins,
    mean_rows,
    trained_rows,
)
from analyses.running.results import Results, Rows
from analyses.telling.conditions import means_by
from analyses.telling.summaries import Summary, ends, not_empty, people_in, rows
from analyses.telling.wording import people
from workbench.phrases import in_order
from workbench.statistics import Interval

ACROSS = 4  # models in a figure of distributions
QUANTILES = (5, 25, 50, 75, 95)


def summaries(results: Results) -> dict[str, Summary]:
    """The distribution over users beside controls, the difference from them, and means by part."""
    every, models = results.rows, tuple(results.comparison.names)
    headline = headline_rows(trained_rows(every))
    shown = [models[start : start + ACROSS] for start in range(0, len(models), ACROSS)]
    parts = ["", *(f", part {k}" for k in range(2, 1 + len(shown)))]
    return not_empty(
        {
            **{
                f"distribution{part}": _distribution(every, some)
                for part, some in zip(parts, shown, strict=True)
            },
            "beyond controls": _beyond(every, models),
            "agreement by layer and head": _by_layer_and_head(headline, models),
            "agreement by history length": _by_length(mean_rows(headline), models),
        }
    )


def _distribution(every: Rows, models: tuple[str, ...]) -> Summary:
    table = []
    for model in models:
        for control, taus in by_control(every, model).items():
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


def _beyond(every: Rows, models: tuple[str, ...]) -> Summary:
    marks = [
        {"panel": "", "series": model, "row": control} | ends(interval)
        for model in models
        for control, interval in beyond(every, model).items()
        if interval.n
    ]
    table = pd.DataFrame(marks)
    return Summary(
        "dots",
        f"Agreement of attention with saliency beyond controls, {people_in(table)}",
        "tau-b of the trained model minus that of its control, 95 % interval",
        models,
        table,
    )


def _by_layer_and_head(headline: Rows, models: tuple[str, ...]) -> Summary:
    means = means_by(headline, ["layer", "head", "model"], ["tau"])["tau"]
    parts = {key[:2] for key in means}
    groups = []
    for layer, head in sorted(parts, key=lambda part: [(k != "mean", k.zfill(9)) for k in part]):
        heads = "mean of heads" if head == "mean" else f"head {head}"
        label = "all layers and heads" if layer == "mean" else f"layer {layer}, {heads}"
        here = {key[2:]: mean for key, mean in means.items() if key[:2] == (layer, head)}
        groups.append(({"row": label, "layer": layer, "head": head}, here))
    return _means(models, groups, headline.map(_with_tau).n_users)


def _by_length(rows: Rows, models: tuple[str, ...]) -> Summary:
    known = rows.map(_with_tau)
    binned = known.map(lambda frame: frame.assign(history=length_bins(frame["length"]).astype(str)))
    means = means_by(binned, ["history", "model"], ["tau"])["tau"]
    sizes = binned.once(["user", "history"])["history"].value_counts()
    groups = [
        (
            {"row": f"{b} items (n = {sizes[b]:,})"},
            {key[1:]: mean for key, mean in means.items() if key[0] == b},
        )
        for b in BINS
        if b in sizes
    ]
    return _means(models, groups, known.n_users)


def _with_tau(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["tau"].notna()]


def _means(
    models: tuple[str, ...],
    groups: list[tuple[dict[str, str], dict[tuple, Interval]]],
    n: int,
) -> Summary:
    """Mean tau of `n` users with its interval, a row per group, models side by side."""
    table = []
    for label, means in groups:
        table += rows(means, ["series"], panel="", **label)
    return Summary(
        "dots",
        f"Agreement of attention with {METHOD}, {people(n)}",
        f"mean tau-b with {METHOD} for the held-out item, 95 % interval",
        models,
        pd.DataFrame(table),
    )
