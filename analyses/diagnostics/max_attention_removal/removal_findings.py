"""Max-attention removal, told: intervals per condition, pictures, findings."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from analyses.diagnostic import calibrated_pairs
from analyses.report.conditions import means_by, paired, table_of
from analyses.report.drawing import draw_all
from analyses.report.summaries import Summary, names, rows
from analyses.report.wording import change, listing, people, span, verdict
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
    "and the whole model runs again: mean over users with its 95 % paired bootstrap interval, for "
    "the prediction row alone and for every row; left of the line, ranking got worse. Largest, "
    "second largest, smallest and random set one weight to zero and renormalise the row; uniform "
    "and permuted replace the row. A small effect does not mean that the item was unused: it also "
    "reaches the prediction through other rows, layers and the residual path.",
    "effect by layer": "The same edits in one layer at a time, told by how far the whole score "
    "distribution moves (Jensen-Shannon divergence, 0 = unchanged, at most 0.693 nats), prediction "
    "row. A divergence has no direction: the ranking may have become better or worse.",
    "effect of deleting items": "A different operator: an item is deleted from the history itself. "
    "If attention pointed at what matters, deleting the most attended item would hurt more than "
    "deleting a random or the least attended one. Deleting also shifts the positions of the items "
    "before it relative to the end, which removing a weight does not.",
    "conditions": "Every condition: model, operator, layer and rows edited. Random "
    "is averaged over three draws per user. Of the last layer only the prediction row reaches "
    "the scores, so both choices of rows agree there.",
    "largest against random": "Paired difference per user, largest minus random: below 0 for "
    "dNDCG@10, or above 0 for the divergence, the largest weight matters more than a random one.",
}


def _models(frame: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(frame["model"]))


def _layer(frame: pd.DataFrame) -> str:
    """What stands for the whole model: all layers, or the only one."""
    return "all" if (frame["layer"] == "all").any() else "1"


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Every condition with its intervals, and largest against random, paired."""
    frame = frame.assign(rank_change=frame["rank_after"] - frame["rank_before"])
    by = ["model", "operator", "layer", "rows"]
    conditions = table_of(frame, by, MEASURES)
    lone = frame.groupby(by, observed=True)[["one_key", "one_key_rows"]].sum().astype(int)
    lone.columns = pd.Index(["one-key users", "one-key rows"])
    against = _largest_minus_random(frame, ["d_ndcg", "jsd"])
    labels = {c: MEASURES[c] for c in ("d_ndcg", "jsd")}
    return {
        "conditions": conditions.merge(lone.reset_index(), on=by),
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


def conclude(frame: pd.DataFrame) -> list[str]:
    """What removing the largest weight does to each model, and whether AC is hurt more."""
    layer = _layer(frame)
    where = "the prediction row, " + ("all layers" if layer == "all" else "its only layer")
    whole = frame[(frame["layer"] == layer) & (frame["rows"] == HEADLINE_ROWS)]
    whole = whole.assign(percent=100 * whole["top1_changed"])
    largest = whole[whole["operator"] == "largest"]
    effects, tops = (means_by(largest, ["model"], c) for c in ("d_ndcg", "percent"))
    relative = means_by(_largest_minus_random(whole, ["d_ndcg"]), ["model"], "d_ndcg")
    effects_told = [
        _effect(model, where, effects[model,], relative[model,], tops[model,])
        for (model,) in effects
    ]
    claims = [_claim(largest, ac, plain) for ac, plain in calibrated_pairs(_models(frame))]
    return claims + effects_told


def _effect(model: str, where: str, effect: Interval, relative: Interval, top: Interval) -> str:
    told = {
        "higher": "raises NDCG@10",
        "lower": "lowers NDCG@10",
        "undetected": "does not detectably change NDCG@10",
    }[verdict(effect)]
    against = {
        "higher": "less harmful than removing a random other weight",
        "lower": "more harmful than removing a random other weight",
        "undetected": "not detectably different from removing a random other weight",
    }[verdict(relative)]
    return (
        f"Removing the largest attention weight of {model} ({where}) {told}: {change(effect)}; "
        f"this is {against} (paired difference {change(relative)}); the top item changes for "
        f"{span(top, 1)} % of users ({people(effect.n)})."
    )


def _claim(largest: pd.DataFrame, calibrated: str, baseline: str) -> str:
    """The paper's claim: removal hurts the calibrated model more than its baseline."""
    difference = paired(largest, "d_ndcg", calibrated, baseline)
    told = {
        "lower": f"As the paper reports, removing the largest weight hurts {calibrated} more than "
        f"{baseline}",
        "higher": f"Against the paper, removing the largest weight hurts {calibrated} less than "
        f"{baseline}",
        "undetected": "The paper's claim is not seen on these data: no difference was detected "
        f"between {calibrated} and {baseline} in what removing the largest weight does to NDCG@10",
    }[verdict(difference)]
    return f"{told} (paired difference {change(difference)}; {people(difference.n)})."


def summaries(frame: pd.DataFrame) -> dict[str, Summary]:
    """The effect of every operator, over all layers and by layer, and of deleting items."""
    weights = [str(o) for o in dict.fromkeys(frame["operator"]) if not o.startswith("delete")]
    items = [str(o) for o in dict.fromkeys(frame["operator"]) if o.startswith("delete")]
    n = frame["user"].nunique()
    layer = _layer(frame)
    return {
        "effect on NDCG@10": _summary(
            frame,
            weights,
            {
                f"{rows} row" + "s" * (rows == "all"): (layer, rows)
                for rows in ("prediction", "all")
            },
            "d_ndcg",
            f"Change of NDCG@10 when attention is edited in all layers, {people(n)}",
        ),
        "effect by layer": _summary(
            frame,
            weights,
            {
                f"layer {k}" if k != "all" else "all layers": (k, "prediction")
                for k in _layers(frame)
            },
            "jsd",
            f"How far scores move, by layer edited (prediction row), {people(n)}",
        ),
        "effect of deleting items": _summary(
            frame,
            items,
            {"items of the history": ("history", "history")},
            "d_ndcg",
            f"Change of NDCG@10 when an item is deleted, {people(n)}",
        ),
    }


def plot(frame: pd.DataFrame) -> dict[str, Figure]:
    """The summaries, drawn."""
    return draw_all(summaries(frame))


def by_user(frame: pd.DataFrame) -> pd.DataFrame:
    """What each condition does to a user; that of all layers first."""
    conditions = ["model", "user", "length", "operator", "layer", "rows"]
    measures = ["d_ndcg", "top1_changed", "jsd", "rank_before", "rank_after"]
    table = frame[conditions + measures].sort_values(
        "layer", key=lambda layer: layer != _layer(frame), kind="stable"
    )
    labels = {"rank_before": "rank before", "rank_after": "rank after"}
    return table.rename(columns=MEASURES | labels)


def _layers(frame: pd.DataFrame) -> list[str]:
    return [str(k) for k in dict.fromkeys(frame["layer"]) if k != "history"]


def _summary(
    frame: pd.DataFrame,
    operators: Sequence[str],
    panels: dict[str, tuple[str, str]],
    measure: str,
    title: str,
) -> Summary:
    """A panel per choice of layer and rows; operators down, models side by side in each."""
    models = names(frame["model"])
    table = []
    for label, (layer, edited) in panels.items():
        chosen = frame[(frame["layer"] == layer) & (frame["rows"] == edited)]
        found = means_by(chosen, ["operator", "model"], measure)
        found = {(o, m): found[o, m] for o in operators for m in models}
        table += rows(found, ["row", "series"], panel=label, layer=layer)
    return Summary("dots", title, MEASURES[measure], models, pd.DataFrame(table))


def exclusions(frame: pd.DataFrame) -> list[str]:
    """How many users had a prediction row with nothing to remove; models that agree share one."""
    largest = frame[(frame["operator"] == "largest") & (frame["layer"] == _layer(frame))]
    told: dict[str, list[str]] = {}
    for model, own in largest[largest["rows"] == "all"].groupby("model", sort=False, observed=True):
        text = (
            f"nobody was left out of {people(len(own))}; a row with a single key keeps it: the "
            f"prediction row of {int(own['one_key'].sum()):,} users, and, where all rows are "
            f"edited, {int(own['one_key_rows'].sum()):,} rows"
        )
        told.setdefault(text, []).append(str(model))
    return [f"Max-attention removal, {listing(names)}: {text}." for text, names in told.items()]
