"""Gradient agreement, told: mean, median, interval, share significant, against a shuffled null."""

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.base import roles
from analyses.conditions import means_by, paired, table_of, with_intervals
from analyses.drawing import draw_all
from analyses.summaries import SHUFFLED, Summary, names, rows
from analyses.wording import change, listing, people, span, verdict
from workbench.statistics import Interval, bootstrap_mean, bootstrap_median, paired_bootstrap

MEASURED = ("held-out item", "input_x_gradient")  # what the findings rest on
LEVEL = 0.05
LENGTHS = (3, 5, 10, 20, 35, 50)  # lower edges of the bins of history length
CAUTION = (
    "Agreement is agreement, not faithfulness: gradients are another view of the model, not its "
    "truth, and two explanations may agree and both mislead (Neely et al. 2021, arXiv 2105.03287)."
)
CAPTIONS = {
    "distribution": "Kendall's tau-b per user between attention (mean over layers and heads, "
    "prediction row) and gradient importance of the same items; 1 = the same order, 0 = unrelated, "
    "-1 = the reverse. Grey: the same attention shuffled within each history. Boxes hold the "
    "middle half of the users, whiskers 5 to 95 %, the dot is the mean. " + CAUTION,
    "agreement by layer and head": "Mean tau-b with its 95 % interval by layer (mean over heads) "
    "and by head, input x gradient of the held-out item. " + CAUTION,
    "agreement by history length": "Mean tau-b with its 95 % interval by history length. Short "
    "histories have few pairs to order, so their taus scatter more. " + CAUTION,
    "by method and target": "Mean over layers and heads. Significant: p below 0.05 for that user, "
    "of which 5 % are expected by chance. Input x gradient and saliency with attention detached "
    "from the graph, integrated gradients on the full graph and for a random part of the users. "
    "The convergence delta is what integrated gradients leave unexplained of the score. " + CAUTION,
    "by layer and head": "The same by layer and head ('mean': over all of them). " + CAUTION,
    "by history length": "The same by history length. " + CAUTION,
    "calibrated against baseline": "Paired difference of tau-b per user, for users with a tau in "
    "both models. " + CAUTION,
}


def _models(frame: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(frame["model"]))


def _whole(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["layer"] == "mean") & (frame["head"] == "mean")]


def _headline(frame: pd.DataFrame) -> pd.DataFrame:
    target, method = MEASURED
    return frame[(frame["target"] == target) & (frame["method"] == method)]


def _bins(lengths: pd.Series) -> pd.Series:
    edges = [*LENGTHS, np.inf]
    labels = [f"{a}-{b - 1}" for a, b in pairwise(LENGTHS)]
    return pd.cut(lengths, edges, right=False, labels=[*labels, f"{LENGTHS[-1]} and more"])


def _table(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean, median, shuffled null and share significant of tau for each condition."""
    labels = {"tau": "mean tau", "null_tau": "shuffled tau", "significant": "share significant"}
    significant = (frame["p_value"] < LEVEL).where(frame["p_value"].notna()).astype(float)
    frame = frame.assign(significant=significant)
    table = table_of(frame, by, labels, digits=3)
    groups = frame.groupby(by, observed=True, sort=False)
    medians = [bootstrap_median(group["tau"].to_numpy()) for _, group in groups]
    rest = groups.agg(
        **{
            "without tau": ("tau", lambda v: int(v.isna().sum())),
            "median |delta|": ("delta", lambda v: round(float(v.abs().median()), 4)),
        }
    )
    rest = with_intervals(rest.reset_index(), {"median tau": medians}, digits=3)
    return table.merge(rest.dropna(axis="columns", how="all"), on=by)


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By method and target, by layer and head, by history length, and AC against its baseline."""
    headline, whole = _headline(frame), _whole(frame)
    binned = _whole(headline).assign(history=lambda f: _bins(f["length"]).astype(str))
    binned = binned[binned["length"] >= LENGTHS[0]]
    result = {
        "by method and target": _table(whole, ["model", "method", "target"]),
        "by layer and head": _table(headline, ["model", "layer", "head"]),
        "by history length": _table(binned, ["model", "history"]),
    }
    parts = roles(_models(frame))
    pairs = [
        {"model": ac, "compared with": parts.baseline, "target": target, "method": method}
        for ac in parts.calibrated
        for target, method in whole[["target", "method"]].drop_duplicates().to_numpy()
    ]
    if parts.baseline and pairs:
        found = [
            _difference(frame, p["model"], parts.baseline, p["target"], p["method"]) for p in pairs
        ]
        table = pd.DataFrame(pairs).assign(**{"n users": [interval.n for interval in found]})
        result["calibrated against baseline"] = with_intervals(
            table, {"difference of tau": found}, digits=3
        )
    return result


def _difference(frame: pd.DataFrame, model: str, other: str, target: str, method: str) -> Interval:
    whole = _whole(frame)
    return paired(
        whole[(whole["target"] == target) & (whole["method"] == method)], "tau", model, other
    )


def conclude(frame: pd.DataFrame) -> list[str]:
    """How far attention and gradients agree in each model, and whether AC agrees more."""
    headline = _whole(_headline(frame))
    names = _models(frame)
    parts = roles(names)
    claims = [
        _claim(ac, parts.baseline, _difference(frame, ac, parts.baseline, *MEASURED))
        for ac in parts.calibrated
        if parts.baseline
    ]
    agreements = [_agreement(name, headline[headline["model"] == name]) for name in names]
    return [*claims, *agreements, CAUTION]


def _agreement(model: str, own: pd.DataFrame) -> str:
    tau, null = own["tau"].dropna(), own["null_tau"].dropna()
    if tau.empty:
        return (
            f"In {model} attention is constant within every history, so it orders no items and "
            f"has no rank correlation with their gradients ({people(len(own))})."
        )
    mean, chance = bootstrap_mean(tau.to_numpy()), bootstrap_mean(null.to_numpy())
    difference = paired_bootstrap((own["tau"] - own["null_tau"]).dropna().to_numpy())
    told = {
        "higher": "more than shuffled attention does",
        "lower": "less than shuffled attention does",
        "undetected": "no more than shuffled attention does",
    }[verdict(difference)]
    share = 100 * float((own["p_value"].dropna() < LEVEL).mean())
    return (
        f"In {model} attention agrees with input x gradient of the held-out item {told}: mean tau "
        f"{span(mean, 3, sign=True)} against {span(chance, 3, sign=True)} shuffled, significant "
        f"for {share:.1f} % of users ({people(mean.n)})."
    )


def _claim(model: str, baseline: str, difference: Interval) -> str:
    if not difference.n:
        return (
            f"{model} and {baseline} cannot be compared: no user has a rank correlation of "
            "attention with input x gradient in both."
        )
    told = {
        "higher": f"As the paper reports, attention agrees with gradients more in {model} than in "
        f"{baseline}",
        "lower": f"Against the paper, attention agrees with gradients less in {model} than in "
        f"{baseline}",
        "undetected": "The paper's claim is not seen on these data: no difference in agreement "
        f"with gradients was detected between {model} and {baseline}",
    }[verdict(difference)]
    return f"{told} (paired difference of tau {change(difference, 3)}; {people(difference.n)})."


def summaries(frame: pd.DataFrame) -> dict[str, Summary]:
    """The distribution over users, and means by layer and head and by history length."""
    return {
        "distribution": _distribution(_whole(frame)),
        "agreement by layer and head": _by_layer_and_head(_headline(frame)),
        "agreement by history length": _by_length(_whole(_headline(frame))),
    }


def plot(frame: pd.DataFrame) -> dict[str, Figure]:
    """The summaries, drawn."""
    return draw_all(summaries(frame))


def by_user(frame: pd.DataFrame) -> pd.DataFrame:
    """Each user's tau and its p value."""
    columns = ["model", "user", "length", "target", "method", "layer", "head", "tau", "p_value"]
    return frame[columns].rename(columns={"tau": "tau-b", "p_value": "p value"})


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
                        "panel": f"{target} / {method.replace('_', ' ')}",
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
    for layer, head in headline[["layer", "head"]].drop_duplicates().astype(str).to_numpy():
        part = "mean of heads" if head == "mean" else f"head {head}"
        label = "all layers and heads" if layer == "mean" else f"layer {layer}, {part}"
        here = (headline["layer"] == layer) & (headline["head"] == head)
        parts.append(({"row": label, "layer": layer, "head": head}, here))
    return _means(headline, parts)


def _by_length(whole: pd.DataFrame) -> Summary:
    bins = _bins(whole["length"])
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
        f"Agreement of attention with input x gradient, {people(n)}",
        "mean tau-b with input x gradient of the held-out item, 95 % interval",
        names(frame["model"]),
        pd.DataFrame(table),
    )


def exclusions(frame: pd.DataFrame) -> list[str]:
    """Histories too short, and constant vectors; models that agree share a sentence."""
    told: dict[str, list[str]] = {}
    whole = _whole(_headline(frame))
    for model, own in whole.groupby("model", sort=False, observed=True):
        counts = own["status"].value_counts()
        text = (
            f"of {people(len(own))}, {counts.get('short', 0):,} had fewer than {LENGTHS[0]} items "
            f"and {counts.get('constant', 0):,} a constant attention or importance, and so no tau"
        )
        told.setdefault(text, []).append(str(model))
    paths = frame.loc[frame["method"] == "integrated_gradients", "user"].nunique()
    return [
        *(f"Gradient agreement, {listing(names)}: {text}." for text, names in told.items()),
        f"Integrated gradients were computed for {people(paths)}, drawn at random, because each "
        "takes many passes.",
    ]
