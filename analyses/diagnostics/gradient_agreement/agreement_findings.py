"""What gradient agreement says: how far it goes beyond the controls of the same model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from analyses.running.held_out import sampled
from analyses.running.results import Results, Rows
from analyses.telling.conditions import (
    by_condition,
    means_by,
    paired,
    paired_means,
    table_of,
    totals,
    values_by,
    with_intervals,
)
from analyses.telling.decisions import Claims, Decision, evidence
from analyses.telling.wording import CONTRARY, NOBODY, NOT_SEEN, REPORTED, SEEN, people
from workbench.faithfulness.randomization import SHUFFLED
from workbench.phrases import listing
from workbench.statistics import Interval, mean_interval, median_interval
from workbench.statistics.moments import FEWEST_NONZERO
from workbench.writing import number

TARGET, METHOD = "held-out item", "saliency"  # what the findings rest on: all models have one
PRODUCT, PATHS = "input_x_gradient", "integrated_gradients"
TRAINED, FLATTENED = "trained", "attention flattened"
DIFFERENCE, NET = "paired difference of tau", "difference of the differences"
STATUSES = ["ok", "short", "constant", "incomplete"]  # of a tau
LEVEL = 0.05
LENGTHS = (3, 5, 10, 20, 35, 50)  # lower edges of the bins of history length
BINS = [*(f"{a}-{b - 1}" for a, b in pairwise(LENGTHS)), f"{LENGTHS[-1]} and more"]
CAUTION = (
    "Agreement is agreement, not faithfulness: gradients are another view of the model, not its "
    "truth, and two explanations may agree and both mislead (Neely et al. 2021, arXiv 2105.03287)."
)
CONTROLS = (
    "Controls are the same model with all weights shuffled within their tensors, with those of "
    "queries and keys shuffled, with layers re-initialised one after another from the top, and "
    "with the weights of every row of attention dealt out at random in the forward pass "
    "(Adebayo et al. 2018, arXiv 1810.03292). With attention detached, an item's gradient is "
    "scaled by its own weight, so that sharp attention agrees with saliency by construction; only "
    "what goes beyond the controls was learned. Flattened: each weight of the trained model to the "
    "power 0.1, which keeps the order in each row. A few users share a draw of a control, "
    "and intervals are over draws, so that they cover the luck of the draw, too; "
    f"of fewer than {FEWEST_NONZERO} draws there are none. "
)
CAPTIONS = {
    "distribution": "Kendall's tau-b per user between attention (mean over layers and heads, "
    "prediction row) and saliency of the same items for the held-out item; 1 = the same order, 0 = "
    "unrelated, -1 = the reverse; of the model and of its controls, for the same users, a random "
    "part of all. Boxes hold the middle half of the users, whiskers 5 to 95 %, the dot is the "
    "mean. " + CONTROLS + CAUTION,
    "beyond controls": "Mean over users of the model's tau-b minus that of each of its controls, "
    "for the same users, with its 95 % interval; right of the line the model agrees more than the "
    "control. " + CONTROLS + CAUTION,
    "agreement by layer and head": "Mean tau-b with its 95 % interval by layer (mean over heads) "
    "and by head, saliency for the held-out item, of the trained models. It is to be read beside "
    "the controls above. " + CAUTION,
    "agreement by history length": "Mean tau-b with its 95 % interval by history length, of the "
    "trained models. Short histories have few pairs to order, so their taus scatter more. It is to "
    "be read beside the controls above. " + CAUTION,
    "controls": "Saliency for the held-out item; difference: the model's tau-b minus the "
    "control's, paired by user. " + CONTROLS + CAUTION,
    "by method and target": "Mean over layers and heads, of the trained models. Significant: p "
    "below 0.05 for that user, of which 5 % are expected by chance. Input x gradient and saliency "
    "with attention detached from the graph, integrated gradients on the full graph and for "
    "the users of a sample: those whose importances add up to the score, but for 5 % of what "
    "the items do to it, which is the gap. A model that normalises bare item embeddings has "
    "input x gradient 0 at every item, since their length does not reach the scores: such users "
    "are without tau, and integrated gradients are not computed. " + CAUTION,
    "by layer and head": "The same by layer and head ('mean': over all of them). " + CAUTION,
    "by history length": "The same by history length. " + CAUTION,
    "calibrated against baseline": "Paired difference of tau-b per user, for users with a tau in "
    "both models. " + CAUTION,
}


def trained_rows(rows: Rows) -> Rows:
    """Rows of the models themselves."""
    return rows.where(control=TRAINED)


def mean_rows(rows: Rows) -> Rows:
    """Rows of the mean over layers and heads."""
    return rows.where(layer="mean", head="mean")


def headline_rows(rows: Rows) -> Rows:
    """Rows of the target and the method that findings rest on."""
    return rows.where(target=TARGET, method=METHOD)


def by_control(rows: Rows, model: str, value: str = "tau") -> pd.DataFrame:
    """A value of a model and of its controls, [users, controls], for users who have a control.

    The column of the model comes first; there is none but that where nobody has a control.
    """
    wide = by_condition(mean_rows(headline_rows(rows.where(model=model))), "control", value)
    others = wide.drop(columns=TRAINED)
    return wide[others.notna().any(axis=1)] if len(others.columns) else wide


def beyond(rows: Rows, model: str) -> dict[str, Interval]:
    """Mean tau of a model minus that of each of its controls, paired by user."""
    taus, draws = (by_control(rows, model, value) for value in ("tau", "draw"))
    return {
        control: over_draws(taus[TRAINED] - taus[control], draws[control])
        for control in taus.columns
        if control != TRAINED
    }


def over_draws(values: pd.Series, draws: pd.Series) -> Interval:
    """The mean over draws of the mean of their users, with its interval.

    Draws have users of their own, so that it covers the choice of users and the luck of the draw.

    Parameters
    ----------
    values, draws : a value and the number of a draw, by user.
    """
    known = values.dropna()
    means = known.groupby(draws.reindex(known.index)).mean()
    return replace(
        mean_interval(means.to_numpy(np.float64)), n=len(known), dropped=len(values) - len(known)
    )


def length_bins(lengths: pd.Series) -> pd.Series:
    """The bin of each history length."""
    return pd.cut(lengths, [*LENGTHS, np.inf], right=False, labels=BINS)


def _table(rows: Rows, by: list[str]) -> pd.DataFrame:
    """Mean, median and share significant of tau for each condition."""
    labels = {"tau": "mean tau", "significant": "share significant"}
    table = table_of(rows.map(_decided), by, labels, digits=3, shares=["significant"])
    taus, gaps = (values_by(rows, by, value) for value in ("tau", "gap"))
    rest = pd.DataFrame(list(taus), columns=by)
    rest["without tau"] = [int(np.isnan(tau).sum()) for tau in taus.values()]
    known = [gap[~np.isnan(gap)] for gap in gaps.values()]
    rest["median gap"] = [round(np.median(gap), 4) if len(gap) else np.nan for gap in known]
    medians = [median_interval(tau) for tau in taus.values()]
    rest = with_intervals(rest, {"median tau": medians}, digits=3)
    return table.merge(rest.dropna(axis="columns", how="all"), on=by)


def _decided(frame: pd.DataFrame) -> pd.DataFrame:
    """Whether each tau is significant."""
    significant = (frame["p_value"] < LEVEL).where(frame["p_value"].notna()).astype(float)
    return frame.assign(significant=significant)


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Against the controls; by method and target, layer and head, length; AC and its baseline."""
    rows = trained_rows(results.rows)
    headline, means = headline_rows(rows), mean_rows(rows)
    binned = mean_rows(headline).map(_binned)
    against = _controls(results)
    made = {"controls": against} if len(against) else {}
    made |= {
        "by method and target": _table(means, ["model", "method", "target"]),
        "by layer and head": _table(headline, ["model", "layer", "head"]),
    }
    if binned.n_users:
        made["by history length"] = _table(binned, ["model", "history"])
    measured = means.once(["model", "target", "method"]).astype(str)
    differences = {
        (*pair, target, method): paired(means.where(target=target, method=method), "tau", *pair)
        for (target, method), chosen in measured.groupby(["target", "method"], sort=False)
        for pair in results.comparison.calibrated_pairs
        if set(pair) <= set(chosen["model"])
    }
    if differences:
        columns = ["model", "compared with", "target", "method"]
        table = pd.DataFrame(list(differences), columns=columns)
        table["n users"] = [interval.n for interval in differences.values()]
        made["calibrated against baseline"] = with_intervals(
            table, {"difference of tau": list(differences.values())}, digits=3
        )
    return made


def _binned(frame: pd.DataFrame) -> pd.DataFrame:
    """Histories long enough for a tau, by the bin of their length."""
    frame = frame[frame["length"] >= LENGTHS[0]]
    return frame.assign(history=length_bins(frame["length"]).astype(str))


def _controls(results: Results) -> pd.DataFrame:
    """A row per model and control: users, mean tau of the control, and the model's minus it."""
    conditions, means, differences = [], [], []
    for name in results.comparison.names:
        taus, draws = (by_control(results.rows, name, value) for value in ("tau", "draw"))
        for control, difference in beyond(results.rows, name).items():
            conditions.append({"model": name, "control": control, "n users": difference.n})
            means.append(over_draws(taus[control], draws[control]))
            differences.append(difference)
    measures = {"mean tau": means, "difference": differences}
    return with_intervals(pd.DataFrame(conditions), measures, digits=3)


def findings(results: Results) -> list[str]:
    """Whether attention agrees with gradients beyond the controls, and whether AC agrees more."""
    comparison, claims = results.comparison, Claims()
    for calibrated, plain in comparison.calibrated_pairs:
        _add_paper_claim(claims, results.rows, calibrated, plain)
    for name in comparison.names:
        _add_agreement(claims, results.rows, name)
    claims.say(CAUTION)
    return claims.sentences()


def _add_agreement(claims: Claims, every: Rows, model: str) -> None:
    """Whether attention of a model agrees with its saliency more than that of every control."""
    rows = mean_rows(headline_rows(trained_rows(every.where(model=model))))
    tau = means_by(rows, ["model"], ["tau"])["tau"][model,]
    statuses = set(rows.once(["status"])["status"])
    if statuses == {"short"}:
        claims.say(f"How far attention agrees with gradients in {model}: {NOBODY}.")
        return
    if not tau.n:
        claims.say(
            f"In {model} attention is constant within every history, so it orders no items and "
            f"has no rank correlation with their gradients ({people(tau.dropped)})."
        )
        return
    users = by_control(every, model).dropna(subset=TRAINED)  # of whom differences are
    taus, differences = users.mean(), beyond(every, model)
    mean, n = (taus[TRAINED], len(users)) if len(users) else (tau.estimate, tau.n)

    def tell(decisions: Mapping[str, Decision]) -> str:
        agrees = f"{number(mean, 3, sign=True)} for {people(n)}"
        compared = {name: d for name, d in decisions.items() if name != FLATTENED}
        return _told(model, agrees, compared, taus) + _flat(decisions.get(FLATTENED), taus)

    claims.compose(differences, tell)


def _told(model: str, agrees: str, decisions: Mapping[str, Decision], taus: pd.Series) -> str:
    """The sentence about the controls, those first that the model does not exceed."""

    def those(*detected: str) -> dict[str, Decision]:
        return {name: d for name, d in decisions.items() if d.detected in detected}

    def levels(names: Sequence[str]) -> str:
        return listing([f"{number(taus[name], 3, sign=True)} with {name}" for name in names])

    passed = those("lower", "undetected")
    attention = f"attention agrees with saliency of the held-out item (mean tau {agrees})"
    if passed:
        shown = {f"difference from {name}": decision for name, decision in passed.items()}
        return (
            f"In {model} {attention} not detectably more than in the same model after what it "
            f"learned was taken out, {levels(list(passed))}: its agreement is no evidence of what "
            f"it learned ({evidence(shown, 3)})."
        )
    untold = those("nobody", "too few")
    if untold or not decisions:
        numbers = next(map(_open, untold.values()), NOBODY)
        known = [name for name in untold if pd.notna(taus[name])]
        beside = f", {levels(known)}" if known else ""
        return f"Whether in {model} {attention} more than in its controls{beside}: {numbers}."
    closest = min(decisions, key=lambda name: decisions[name].interval.estimate)
    shown = {f"least difference, from {closest}": decisions[closest]}
    return (
        f"In {model} {attention} more than in any of its {len(decisions)} controls, "
        f"{levels(list(decisions))} ({evidence(shown, 3)})."
    )


def _open(decision: Decision) -> str:
    """Why an interval over draws of a control tells nothing."""
    interval = decision.interval
    if decision.detected == "too few" and interval.nonzero:
        return f"too few draws of a control to tell ({interval.nonzero:,}, {people(interval.n)})"
    return decision.numbers()


def _flat(flattened: Decision | None, taus: pd.Series) -> str:
    """What the sharpness of attention does to agreement by itself."""
    if flattened is None or not flattened.claims:
        return ""
    numbers = flattened.numbers(3, "difference of tau")
    return (
        f" Its own weights in the same order, but flattened, agree at "
        f"{number(taus[FLATTENED], 3, sign=True)} ({numbers}): tau depends on how sharp attention "
        "is, too."
    )


def _add_paper_claim(claims: Claims, every: Rows, calibrated: str, plain: str) -> None:
    """The paper's claim, that calibrated attention agrees more, and what shuffled weights do."""
    rows = mean_rows(headline_rows(trained_rows(every)))
    own, other = (by_control(every, name) for name in (calibrated, plain))
    intervals = {DIFFERENCE: paired(rows, "tau", calibrated, plain)}
    if SHUFFLED in own and SHUFFLED in other:
        draws = by_control(every, calibrated, "draw")[SHUFFLED]
        learned = (own[TRAINED] - own[SHUFFLED]) - (other[TRAINED] - other[SHUFFLED])
        intervals[NET] = over_draws(learned, draws)

    def tell(decisions: Mapping[str, Decision]) -> str:
        difference = decisions[DIFFERENCE]
        if difference.detected in ("nobody", "too few"):
            return (
                f"Whether attention agrees with gradients more in {calibrated} than in {plain}, "
                f"{REPORTED}: {difference.numbers()}."
            )
        agrees = "attention agrees with saliency"
        begins = {
            "higher": f"{SEEN} {calibrated}: its {agrees} more than that of {plain}",
            "lower": f"{CONTRARY} {calibrated}: its {agrees} less than that of {plain}",
            "undetected": f"{NOT_SEEN} {calibrated}: no difference from {plain} in agreement with "
            "saliency was detected",
        }[difference.detected]
        told = f"{begins} ({evidence({DIFFERENCE: difference}, 3)})"
        if NET in decisions:
            shuffled = paired_means(own[SHUFFLED], other[SHUFFLED])
            told += _net(difference, decisions[NET], shuffled)
        return f"{told}."

    claims.compose(intervals, tell)


def _net(difference: Decision, net: Decision, shuffled: Interval) -> str:
    """What the difference of two models is with all weights shuffled, and what learning adds."""
    if net.detected in ("nobody", "too few"):
        return f"; how it compares with the same two, all weights shuffled: {_open(net)}"
    level = number(shuffled.estimate, 3, sign=True)
    moves = {
        "higher": "what they learned moves it up",
        "lower": "what they learned moves it down",
        "undetected": "what they learned does not detectably move it",
    }[net.detected]
    told = (
        f"; between the same two with all weights shuffled it is {level}, and {moves} "
        f"({evidence({NET: net}, 3)})"
    )
    if difference.detected == "higher" and net.detected != "higher":
        told += ", so that agreeing more is no evidence of what was learned"
    return told


def by_user(results: Results) -> Rows:
    """Each user's tau and its p value, of the trained models; that of the findings first."""
    columns = ["model", "user", "length", "target", "method", "layer", "head", "tau", "p_value"]
    rows = trained_rows(results.rows).only(columns).map(_method_of_findings_first)
    return rows.renamed({"tau": "tau-b", "p_value": "p value"})


def _method_of_findings_first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("method", key=lambda method: method != METHOD, kind="stable")


def exclusions(results: Results) -> list[str]:
    """Histories too short, constant vectors, and importances that are none."""
    rows = trained_rows(results.rows)
    models: dict[str, list[str]] = {}
    counts = totals(mean_rows(headline_rows(rows)).map(_statuses), ["model"], STATUSES)
    for name in results.comparison.names:
        of = counts[name,]
        text = (
            f"of {people(sum(of.values()))}, {of['short']:,} had fewer than {LENGTHS[0]} items and "
            f"{of['constant']:,} a constant attention or importance, and so no tau"
        )
        models.setdefault(text, []).append(name)
    paths = totals(rows.where(method=PATHS).map(_statuses), ["model"], ["incomplete"])
    incomplete = {name: count["incomplete"] for (name,), count in paths.items()}
    chosen = results.rows.map(_of_sample).n_users
    return [
        *(f"Gradient agreement, {listing(names)}: {text}." for text, names in models.items()),
        f"Controls were measured, and integrated gradients computed, for {sampled(chosen)}, "
        "because they take many passes.",
        *_incomplete(incomplete),
        *_vanishing(results),
    ]


def _statuses(frame: pd.DataFrame) -> pd.DataFrame:
    """Why there is a tau or none, a column for each reason."""
    return frame.assign(**{status: frame["status"] == status for status in STATUSES})


def _of_sample(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of users on whom costly measures run."""
    return frame[(frame["control"] != TRAINED) | (frame["method"] == PATHS)]


def _incomplete(counts: Mapping[str, int]) -> list[str]:
    """For whom integrated gradients do not add up: how many users, by model."""
    known = [f"{count:,} in {name}" for name, count in counts.items() if count]
    if not known:
        return []
    return [
        "Integrated gradients that leave more than 5 % of the difference of scores unexplained "
        f"were left out: users, {listing(known)}."
    ]


def _vanishing(results: Results) -> list[str]:
    """Of which models input x gradient is nothing, though saliency is something."""
    rows = mean_rows(trained_rows(results.rows)).where(target=TARGET)
    taus = means_by(rows, ["method", "model"], ["tau"])["tau"]
    vanishing = [
        name
        for name in results.comparison.names
        if (PRODUCT, name) in taus and taus[METHOD, name].n and not taus[PRODUCT, name].n
    ]
    if not vanishing:
        return []
    return [
        f"Input x gradient says nothing of {listing(vanishing)}: it is 0 at every item, because "
        "the first thing done to an item embedding is to normalise it, without a position "
        "embedding added, so that its length does not reach the scores. Integrated gradients are "
        "nothing with it, and were not computed."
    ]
