"""What gradient agreement says: mean, median, share significant, against a shuffled null."""

from itertools import pairwise

import numpy as np
import pandas as pd

from analyses.report.claims import Claims
from analyses.report.conditions import paired, table_of, with_intervals
from analyses.report.wording import NOBODY, people, percent, span
from analyses.running.results import Results
from workbench.phrases import listing
from workbench.statistics import (
    Interval,
    exact_share,
    mean_interval,
    median_interval,
    paired_interval,
)

TARGET, METHOD = "held-out item", "saliency"  # what the findings rest on: all models have one
PRODUCT = "input_x_gradient"
METHODS = (METHOD, PRODUCT)  # of which something is claimed
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
    "middle half of the users, whiskers 5 to 95 %, the dot is the mean. With attention detached an "
    "item's gradient is scaled by its own weights, so some agreement of saliency is by "
    "construction; integrated gradients have no part in that. A model without value has a gradient "
    "that vanishes, or constant attention. " + CAUTION,
    "agreement by layer and head": "Mean tau-b with its 95 % interval by layer (mean over heads) "
    "and by head, saliency for the held-out item. " + CAUTION,
    "agreement by history length": "Mean tau-b with its 95 % interval by history length. Short "
    "histories have few pairs to order, so their taus scatter more. " + CAUTION,
    "by method and target": "Mean over layers and heads. Significant: p below 0.05 for that user, "
    "of which 5 % are expected by chance. Input x gradient and saliency with attention detached "
    "from the graph, integrated gradients on the full graph and for a random part of the users. "
    "The convergence delta is what integrated gradients leave unexplained of the score. A model "
    "that normalises bare item embeddings has input x gradient 0 at every item, since their length "
    "does not reach the scores, and integrated gradients with it: such users are without tau. "
    + CAUTION,
    "by layer and head": "The same by layer and head ('mean': over all of them). " + CAUTION,
    "by history length": "The same by history length. " + CAUTION,
    "calibrated against baseline": "Paired difference of tau-b per user, for users with a tau in "
    "both models. " + CAUTION,
}


def mean_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of the mean over layers and heads."""
    return frame[(frame["layer"] == "mean") & (frame["head"] == "mean")]


def headline_rows(frame: pd.DataFrame, method: str = METHOD) -> pd.DataFrame:
    """Rows of the target and the method that findings rest on."""
    return frame[(frame["target"] == TARGET) & (frame["method"] == method)]


def length_bins(lengths: pd.Series) -> pd.Series:
    """The bin of each history length."""
    edges = [*LENGTHS, np.inf]
    labels = [f"{a}-{b - 1}" for a, b in pairwise(LENGTHS)]
    return pd.cut(lengths, edges, right=False, labels=[*labels, f"{LENGTHS[-1]} and more"])


def _table(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean, median, shuffled null and share significant of tau for each condition."""
    labels = {"tau": "mean tau", "null_tau": "shuffled tau", "significant": "share significant"}
    significant = (frame["p_value"] < LEVEL).where(frame["p_value"].notna()).astype(float)
    frame = frame.assign(significant=significant)
    table = table_of(frame, by, labels, digits=3, shares=["significant"])
    groups = frame.groupby(by, observed=True, sort=False)
    medians = [median_interval(group["tau"].to_numpy()) for _, group in groups]
    rest = groups.agg(
        **{
            "without tau": ("tau", lambda v: int(v.isna().sum())),
            "median |delta|": ("delta", lambda v: round(float(v.abs().median()), 4)),
        }
    )
    rest = with_intervals(rest.reset_index(), {"median tau": medians}, digits=3)
    return table.merge(rest.dropna(axis="columns", how="all"), on=by)


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """By method and target, by layer and head, by history length, and AC against its baseline."""
    frame = results.frame
    headline, means = headline_rows(frame), mean_rows(frame)
    binned = mean_rows(headline).assign(history=lambda f: length_bins(f["length"]).astype(str))
    binned = binned[binned["length"] >= LENGTHS[0]]
    made = {
        "by method and target": _table(means, ["model", "method", "target"]),
        "by layer and head": _table(headline, ["model", "layer", "head"]),
    }
    if len(binned):
        made["by history length"] = _table(binned, ["model", "history"])
    conditions = [
        (*pair, target, method)
        for pair in results.comparison.calibrated_pairs
        for target, method in means[["target", "method"]].drop_duplicates().to_numpy()
    ]
    if conditions:
        differences = [_difference(frame, *condition) for condition in conditions]
        columns = ["model", "compared with", "target", "method"]
        table = pd.DataFrame(conditions, columns=columns)
        table["n users"] = [interval.n for interval in differences]
        made["calibrated against baseline"] = with_intervals(
            table, {"difference of tau": differences}, digits=3
        )
    return made


def _difference(frame: pd.DataFrame, model: str, other: str, target: str, method: str) -> Interval:
    means = mean_rows(frame)
    chosen = means[(means["target"] == target) & (means["method"] == method)]
    return paired(chosen, "tau", model, other)


def findings(results: Results) -> list[str]:
    """How far attention and gradients agree in each model, and whether AC agrees more.

    By saliency, and by input x gradient where a model has any.
    """
    comparison, claims = results.comparison, Claims()
    methods = {method: mean_rows(headline_rows(results.frame, method)) for method in METHODS}
    for method, means in methods.items():
        for calibrated, plain in comparison.calibrated_pairs:
            if _has_tau(means, calibrated) and _has_tau(means, plain):
                difference = paired(means, "tau", calibrated, plain)
                _add_paper_claim(claims, calibrated, plain, method, difference)
    for method, means in methods.items():
        for name in comparison.names:
            if method == METHOD or _has_tau(means, name):
                _add_agreement(claims, name, method, means[means["model"] == name])
    for sentence in (*_vanishing(results), CAUTION):
        claims.say(sentence)
    return claims.sentences()


def _has_tau(means: pd.DataFrame, model: str) -> bool:
    return bool(means.loc[means["model"] == model, "tau"].notna().any())


def _vanishing(results: Results) -> list[str]:
    """Of which models input x gradient is nothing, though saliency is something."""
    by_product, by_norm = (
        mean_rows(headline_rows(results.frame, method)) for method in (PRODUCT, METHOD)
    )
    vanishing = [
        name
        for name in results.comparison.names
        if (by_product["model"] == name).any()
        and _has_tau(by_norm, name)
        and not _has_tau(by_product, name)
    ]
    if not vanishing:
        return []
    return [
        f"Input x gradient says nothing of {listing(vanishing)}: it is 0 at every item, because "
        "the first thing done to an item embedding is to normalise it, without a position "
        "embedding added, so that its length does not reach the scores."
    ]


def _add_agreement(claims: Claims, model: str, method: str, rows: pd.DataFrame) -> None:
    """Whether attention of a model agrees with its gradients more than by chance."""
    tau, null = rows["tau"].dropna(), rows["null_tau"].dropna()
    if (rows["status"] == "short").all():
        claims.say(f"How far attention agrees with gradients in {model}: {NOBODY}.")
        return
    if tau.empty:
        claims.say(
            f"In {model} attention is constant within every history, so it orders no items and "
            f"has no rank correlation with their gradients ({people(len(rows))})."
        )
        return
    mean, chance = mean_interval(tau.to_numpy()), mean_interval(null.to_numpy())
    significant = exact_share(rows["p_value"].dropna().to_numpy() < LEVEL)
    agrees = f"attention agrees with the {called(method)} of the held-out item"
    claims.add(
        paired_interval((rows["tau"] - rows["null_tau"]).to_numpy()),
        {
            "higher": f"In {model} {agrees} more than shuffled attention does",
            "lower": f"In {model} {agrees} less than shuffled attention does",
            "undetected": f"In {model} {agrees} no more than shuffled attention does",
        },
        f"in {model} {agrees} more than shuffled attention does",
        "paired difference of tau",
        digits=3,
        more=f"; mean tau {span(mean, 3, sign=True)} against {span(chance, 3, sign=True)} "
        f"shuffled, significant for {percent(significant)} of users",
    )


def called(method: str) -> str:
    """A method in words."""
    return method.replace("_", " ")


def _add_paper_claim(
    claims: Claims, calibrated: str, plain: str, method: str, difference: Interval
) -> None:
    """The paper's claim: attention of the calibrated model agrees more than its baseline's."""
    claims.add(
        difference,
        {
            "higher": "As the paper reports, attention agrees with gradients more in "
            f"{calibrated} than in {plain}",
            "lower": "Against the paper, attention agrees with gradients less in "
            f"{calibrated} than in {plain}",
            "undetected": "The paper's claim is not seen on these data: no difference in agreement "
            f"with gradients was detected between {calibrated} and {plain}",
        },
        f"attention agrees with gradients ({called(method)}) more in {calibrated} than in {plain}, "
        "as the paper reports",
        f"{called(method)}, paired difference of tau",
        digits=3,
    )


def by_user(results: Results) -> pd.DataFrame:
    """Each user's tau and its p value; that of the findings first."""
    columns = ["model", "user", "length", "target", "method", "layer", "head", "tau", "p_value"]
    table = results.frame[columns]
    table = table.sort_values("method", key=lambda method: method != METHOD, kind="stable")
    return table.rename(columns={"tau": "tau-b", "p_value": "p value"})


def exclusions(results: Results) -> list[str]:
    """Histories too short, and constant vectors; models that agree share a sentence."""
    frame = results.frame
    models: dict[str, list[str]] = {}
    means = mean_rows(headline_rows(frame))
    for name in results.comparison.names:
        status = means.loc[means["model"] == name, "status"]
        counts = status.value_counts()
        text = (
            f"of {people(len(status))}, {counts.get('short', 0):,} had fewer than {LENGTHS[0]} "
            f"items and {counts.get('constant', 0):,} a constant attention or importance, and so "
            "no tau"
        )
        models.setdefault(text, []).append(name)
    paths = frame.loc[frame["method"] == "integrated_gradients", "user"].nunique()
    return [
        *(f"Gradient agreement, {listing(names)}: {text}." for text, names in models.items()),
        f"Integrated gradients were computed for {people(paths)}, drawn at random, because each "
        "takes many passes.",
    ]
