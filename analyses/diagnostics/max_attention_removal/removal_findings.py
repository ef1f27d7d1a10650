"""What max-attention removal says: intervals per condition, the numbers of figures, findings."""

from collections.abc import Sequence

import pandas as pd

from analyses.report.claims import Claims
from analyses.report.conditions import means_by, paired, table_of
from analyses.report.summaries import Summary, not_empty, rows
from analyses.report.wording import people, percent
from analyses.running.results import Results
from workbench.phrases import in_order, listing
from workbench.statistics import Interval

MEASURES = {
    "d_hit": "dHit@10",
    "d_ndcg": "dNDCG@10",
    "rank_change": "rank change",
    "top1_changed": "top-1 changed",
    "jsd": "JSD (nats)",
}
HEADLINE_ROWS = "prediction"
CAPTIONS = {
    "effect on NDCG@10": "How much NDCG@10 changes when attention weights are edited in all layers "
    "and the whole model runs again: mean over users with its paired 95 % interval, for "
    "the prediction row alone and for every row; left of the line, ranking got worse. Largest, "
    "second largest, smallest and random set one weight to zero and renormalise the row; uniform "
    "and permuted replace the row. A small effect does not mean that the item was unused: it also "
    "reaches the prediction through other rows, layers and the residual path.",
    "effect by layer": "The same edits in one layer at a time: how far the whole score "
    "distribution moves (Jensen-Shannon divergence, 0 = unchanged, at most 0.693 nats), prediction "
    "row. A divergence has no direction: the ranking may have become better or worse.",
    "effect of deleting items": "A different operator: an item is deleted from the history itself. "
    "If attention pointed at what matters, deleting the most attended item would hurt more than "
    "deleting a random or the least attended one. Deleting also shifts the positions of the items "
    "before it relative to the end, which removing a weight does not. Where the item occurs again "
    "in the history, its copies stay.",
    "conditions": "Every condition: model, operator, layer and rows edited. Random "
    "is averaged over three draws per user. Of the last layer only the prediction row reaches "
    "the scores, so both choices of rows agree there. Users whose weights are all equal have no "
    "largest or smallest one, and are left out of the conditions that ask for it.",
    "largest against random": "Paired difference per user, largest minus random: below 0 for "
    "dNDCG@10, or above 0 for the divergence, the largest weight matters more than a random one.",
}


def of_all_layers(frame: pd.DataFrame) -> pd.Series:
    """Which rows stand for a whole model: those of all its layers, or of its only one."""
    deep = frame.loc[frame["layer"] == "all", "model"].unique()
    return (frame["layer"] == "all") | ((frame["layer"] == "1") & ~frame["model"].isin(deep))


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """All conditions with their intervals, and largest against random, paired."""
    frame = results.frame
    frame = frame.assign(rank_change=frame["rank_after"] - frame["rank_before"])
    by = ["model", "operator", "layer", "rows"]
    conditions = table_of(frame, by, MEASURES, shares=["top1_changed"])
    groups = frame.groupby(by, observed=True)
    counts = groups[["one_key", "one_key_rows", "equal"]].sum().astype(int)
    counts.columns = pd.Index(["one-key users", "one-key rows", "users with equal weights"])
    against = _largest_minus_random(frame, ["d_ndcg", "jsd"])
    labels = {c: MEASURES[c] for c in ("d_ndcg", "jsd")}
    return {
        "conditions": conditions.merge(counts.reset_index(), on=by),
        "largest against random": table_of(against, ["model", "layer", "rows"], labels),
    }


def _largest_minus_random(frame: pd.DataFrame, measures: list[str]) -> pd.DataFrame:
    """Effect of removing the largest weight minus that of a random one, per user."""
    by = ["user", "model", "layer", "rows"]
    largest, random = (
        frame[frame["operator"] == operator].set_index(by)[measures]
        for operator in ("largest", "random")
    )
    return (largest - random).reset_index()


def findings(results: Results) -> list[str]:
    """What removing the largest weight does to each model, and whether AC is hurt more."""
    frame, claims = results.frame, Claims()
    chosen = frame[of_all_layers(frame) & (frame["rows"] == HEADLINE_ROWS)]
    largest = chosen[chosen["operator"] == "largest"]
    for calibrated, plain in results.comparison.calibrated_pairs:
        difference = paired(largest, "d_ndcg", calibrated, plain)
        _add_paper_claim(claims, calibrated, plain, difference)
    effects = means_by(largest, ["model"], "d_ndcg")
    tops = means_by(largest, ["model"], "top1_changed", share=True)
    relative = means_by(_largest_minus_random(chosen, ["d_ndcg"]), ["model"], "d_ndcg")
    for (model,), effect in effects.items():
        removed = largest[largest["model"] == model]
        if not effect.n:
            claims.say(
                f"{model} gives all items of a row the same weight, so that it has no largest one "
                f"to remove ({people(len(removed))})."
            )
            continue
        layers = "all layers" if (removed["layer"] == "all").any() else "its only layer"
        weight = f"the largest attention weight of {model} (the prediction row, {layers})"
        rest = f"; the top item changes for {percent(tops[model,])} of users"
        equal = int(removed["equal"].sum())
        if equal:
            rest += f"; for {equal:,} more all weights are equal, so that none is the largest"
        _add_effect(claims, weight, effect, rest)
        _add_against_random(claims, model, relative[model,])
    return claims.sentences()


def _add_effect(claims: Claims, weight: str, effect: Interval, rest: str) -> None:
    claims.add(
        effect,
        {
            "higher": f"Removing {weight} raises NDCG@10",
            "lower": f"Removing {weight} lowers NDCG@10",
            "undetected": f"Removing {weight} does not detectably change NDCG@10",
        },
        f"removing {weight} changes NDCG@10",
        "mean change",
        more=rest,
    )


def _add_against_random(claims: Claims, model: str, relative: Interval) -> None:
    weight, random = f"the largest weight of {model}", "removing a random other weight"
    claims.add(
        relative,
        {
            "higher": f"Removing {weight} is less harmful than {random}",
            "lower": f"Removing {weight} is more harmful than {random}",
            "undetected": f"Removing {weight} is not detectably more or less harmful than {random}",
        },
        f"removing {weight} is more harmful than {random}",
        "paired difference",
    )


def _add_paper_claim(claims: Claims, calibrated: str, plain: str, difference: Interval) -> None:
    """The paper's claim: removal hurts the calibrated model more than its baseline."""
    hurts = f"removing the largest weight hurts {calibrated}"
    claims.add(
        difference,
        {
            "lower": f"As the paper reports, {hurts} more than {plain}",
            "higher": f"Against the paper, {hurts} less than {plain}",
            "undetected": "The paper's claim is not seen on these data: no difference was detected "
            f"between {calibrated} and {plain} in what removing the largest weight does to NDCG@10",
        },
        f"{hurts} more than {plain}, as the paper reports",
        "paired difference",
    )


def summaries(results: Results) -> dict[str, Summary]:
    """The effect of every operator, over all layers and by layer, and of deleting items."""
    frame, models = results.frame, results.comparison.names
    operators = in_order(frame["operator"])
    weights = [operator for operator in operators if not operator.startswith("delete")]
    items = [operator for operator in operators if operator.startswith("delete")]
    n = people(frame["user"].nunique())
    layers = _layers(frame)
    all_layers = frame[of_all_layers(frame)].assign(layer=layers[-1])
    alone = frame[frame["rows"] == "prediction"]
    by_layer = {f"layer {k}": alone[alone["layer"] == k] for k in layers if k != "all"}
    if layers[-1] == "all":
        by_layer["all layers"] = all_layers[all_layers["rows"] == "prediction"]
    return not_empty(
        {
            "effect on NDCG@10": _summary(
                {
                    "prediction row": all_layers[all_layers["rows"] == "prediction"],
                    "all rows": all_layers[all_layers["rows"] == "all"],
                },
                *(weights, models, "d_ndcg"),
                f"Change of NDCG@10 when attention is edited in all layers, {n}",
            ),
            "effect by layer": _summary(
                by_layer,
                *(weights, models, "jsd"),
                f"How far scores move, by layer edited (prediction row), {n}",
            ),
            "effect of deleting items": _summary(
                {"items of the history": frame[frame["layer"] == "history"]},
                *(items, models, "d_ndcg"),
                f"Change of NDCG@10 when an item is deleted, {n}",
            ),
        }
    )


def _layers(frame: pd.DataFrame) -> list[str]:
    """Layers by number, and "all" last where any model has several."""
    layers = {str(k) for k in frame["layer"].unique()} - {"history"}
    return sorted(layers, key=lambda k: (k == "all", int(k) if k.isdigit() else 0))


def _summary(
    panels: dict[str, pd.DataFrame],
    operators: Sequence[str],
    models: Sequence[str],
    measure: str,
    title: str,
) -> Summary:
    """A panel for each choice of rows; operators down, models side by side in each."""
    table = []
    for label, chosen in panels.items():
        means = means_by(chosen, ["layer", "operator", "model"], measure)
        keys = sorted(means, key=lambda key: (operators.index(key[1]), models.index(key[2])))
        ordered = {key: means[key] for key in keys}
        table += rows(ordered, ["layer", "row", "series"], panel=label)
    return Summary("dots", title, MEASURES[measure], tuple(models), pd.DataFrame(table))


def by_user(results: Results) -> pd.DataFrame:
    """What each condition does to a user; that of all layers first."""
    conditions = ["model", "user", "length", "operator", "layer", "rows"]
    measures = ["d_ndcg", "top1_changed", "jsd", "rank_before", "rank_after"]
    first = of_all_layers(results.frame)
    table = pd.concat([results.frame[first], results.frame[~first]])[conditions + measures]
    labels = {"rank_before": "rank before", "rank_after": "rank after"}
    return table.rename(columns=MEASURES | labels)


def exclusions(results: Results) -> list[str]:
    """Prediction rows with nothing to remove, or nothing that is largest, and copies that stay.

    Models that agree share a sentence.
    """
    frame = results.frame
    largest = frame[(frame["operator"] == "largest") & of_all_layers(frame)]
    models: dict[str, list[str]] = {}
    for name in results.comparison.names:
        counts = _counts(largest[largest["model"] == name])
        text = f"{counts}; {_copies(frame[frame['model'] == name])}"
        models.setdefault(text, []).append(name)
    return [f"Max-attention removal, {listing(names)}: {text}." for text, names in models.items()]


def _counts(largest: pd.DataFrame) -> str:
    """How many rows have equal weights or a single key, of one model."""
    row, several = (largest[largest["rows"] == rows] for rows in (HEADLINE_ROWS, "all"))
    equal = int(row["equal"].sum())
    text = f"nobody was left out of {people(len(row))}"
    if equal:
        text = (
            f"of {people(len(row))}, {equal:,} have equal weights in the prediction row, and "
            "are left out of what asks for the largest, second largest or smallest"
        )
    return (
        f"{text}; a row with a single key keeps it: the prediction row of "
        f"{row['one_key'].sum():,} users, and, where all rows are edited, "
        f"{several['one_key_rows'].sum():,} rows"
    )


def _copies(frame: pd.DataFrame) -> str:
    """For how many users an item that was deleted occurs again in the history, in one model."""
    known = frame[frame["copies"].notna()]
    if not known["copies"].any():
        return "no item that is deleted occurs again in the history"
    counts = [
        f"{str(operator).removeprefix('delete ')} {copies.sum():,.0f} of {copies.count():,}"
        for operator, copies in known.groupby("operator", observed=True, sort=False)["copies"]
    ]
    return (
        "an item that is deleted occurs again in the history, where its copies stay, for so many "
        f"users: {', '.join(counts)}"
    )
