"""What max-attention removal says: intervals per condition, the numbers of figures, findings."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from analyses.running.results import Results, Rows
from analyses.telling.conditions import means_by, paired, table_of, totals
from analyses.telling.decisions import Claims
from analyses.telling.summaries import Summary, not_empty, people_in, rows
from analyses.telling.wording import CONTRARY, NOT_SEEN, REPORTED, SEEN, people, percent, span
from workbench.metrics import CUTOFF
from workbench.phrases import listing
from workbench.statistics import Interval
from workbench.writing import number

MEASURES = {
    "d_hit": "change of Hit@10",
    "d_ndcg": "change of NDCG@10",
    "rank_change": "rank change",
    "top1_changed": "top-1 changed",
    "jsd": "JSD (nats)",
    "mass": "weight taken",
    "size": "change of weights",
    "per_size": "distance per change",
    "hit_before": "Hit@10 before",
}
SHARES = ("top1_changed", "hit_before", "mass")
COMPARED = ("d_ndcg", "jsd", "per_size")  # of the largest and its control
HEADLINE_ROWS = "prediction"
CLAIMED = (1, 5)  # of how many largest weights the findings speak
CAPTIONS = {
    "effect on NDCG@10": "How much NDCG@10 changes when attention weights are removed in all "
    "layers and what follows runs again: mean over users with its paired 95 % interval, for the "
    "prediction row alone and for every row; left of the line, ranking got worse. The k largest "
    "weights of each head are set to zero and the row renormalised. Each has a control below it: "
    "as much weight is taken from other keys, in the same pattern over heads and layers, the last "
    "key in part; where the others hold less than the largest, all they have. A small effect does "
    "not mean that the item was unused: it also reaches the prediction through other rows, layers "
    "and the residual path.",
    "effect by layer": "The same in one layer at a time: how far the whole score distribution "
    "moves (Jensen-Shannon divergence, 0 = unchanged, at most 0.693 nats), prediction row. A "
    "divergence has no direction: the ranking may have become better or worse. The largest moves "
    "scores further than its control in any attention, since the control is spread over several "
    "keys whose values partly cancel; what tells more is the distance per change.",
    "distance per change": "How far scores move for how far the weights of the prediction row "
    "change: the Jensen-Shannon distance (square root of the divergence) divided by the length of "
    "the change of weights. Where weights say nothing of what matters, as when they are dealt to "
    "items at random, removal and control have the same, however unequal the weights are.",
    "conditions": "Every condition: model, operator, how many weights (k), layer and rows edited. "
    "Weight taken: the part of the prediction row that goes, the mean over heads and layers; the "
    "control takes less where the other keys hold less. Change of weights: its length over keys, "
    "root mean square over heads and layers; smaller where it is spread over more keys. Users "
    "whose weights are all equal have no largest one, and those with at most k items cannot lose "
    "k: they are left out of the condition, and counted.",
    "largest against control": "Paired difference per user, the k largest minus their control, "
    "which takes as much weight elsewhere, as far as there is: below 0 for NDCG@10, or above 0 for "
    "the others, the largest weights matter more.",
}


def of_all_layers(frame: pd.DataFrame) -> pd.Series:
    """Which rows stand for a whole model: those of all its layers, or of its only one."""
    deep = frame.loc[frame["layer"] == "all", "model"].unique()
    return (frame["layer"] == "all") | ((frame["layer"] == "1") & ~frame["model"].isin(deep))


def measured(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with what follows from its columns."""
    with np.errstate(invalid="ignore", divide="ignore"):
        per_size = np.sqrt(frame["jsd"]) / frame["size"]
    return frame.assign(
        rank_change=frame["rank_after"] - frame["rank_before"],
        per_size=per_size.where(frame["size"] > 0),
        hit_before=(frame["rank_before"] <= CUTOFF).astype(float).where(frame["jsd"].notna()),
    )


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """All conditions with their intervals, and the largest against their control, paired."""
    rows = results.rows.map(measured)
    by = ["model", "operator", "k", "layer", "rows"]
    conditions = table_of(rows, by, MEASURES, shares=SHARES)
    counts = totals(rows, by, ["short", "equal"])
    keys = list(conditions[by].itertuples(index=False, name=None))
    conditions["users with k items or fewer"] = [counts[key]["short"] for key in keys]
    conditions["users with equal weights"] = [counts[key]["equal"] for key in keys]
    labels = {c: MEASURES[c] for c in COMPARED}
    differences = rows.map(largest_minus_control)
    return {
        "conditions": conditions,
        "largest against control": table_of(differences, ["model", "k", "layer", "rows"], labels),
    }


def largest_minus_control(frame: pd.DataFrame) -> pd.DataFrame:
    """Effects of removing the k largest weights minus those of their control, per user.

    Parameters
    ----------
    frame : what `measured` returns.
    """
    by = ["user", "model", "k", "layer", "rows"]
    largest, control = (
        frame[frame["operator"] == operator].set_index(by)[list(COMPARED)]
        for operator in ("largest", "control")
    )
    return (largest - control).reset_index()


def headline(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of whole models in which the prediction row is edited, with what follows."""
    return measured(frame[of_all_layers(frame) & (frame["rows"] == HEADLINE_ROWS)])


def _counts(chosen: Rows) -> dict[tuple, dict[str, int]]:
    """Users, and those with nothing largest or too little to lose, by model and k."""
    largest = chosen.where(operator="largest").map(lambda frame: frame.assign(users=1))
    return totals(largest, ["model", "k"], ["users", "equal", "short"])


def findings(results: Results) -> list[str]:
    """Whether the paper's claim holds, and whether the largest weights matter more than others."""
    claims, chosen = Claims(), results.rows.map(headline)
    values = ["d_ndcg", "top1_changed", "hit_before", "jsd", "mass", "per_size"]
    means = means_by(chosen, ["model", "operator", "k"], values, shares=SHARES)
    differences = means_by(
        chosen.map(largest_minus_control), ["model", "k"], ["d_ndcg", "per_size"]
    )
    counts, deep = _counts(chosen), set(chosen.where(layer="all").once(["model"])["model"])
    for calibrated, plain in results.comparison.calibrated_pairs:
        largest = chosen.where(operator="largest", k=CLAIMED[0])
        difference = paired(largest, "d_ndcg", calibrated, plain)
        _add_paper_claim(claims, calibrated, plain, difference)
    for model in results.comparison.names:
        of_one = counts[model, CLAIMED[0]]
        if not means["jsd"][model, "largest", CLAIMED[0]].n:
            claims.say(
                f"{model} has no largest weight to lose: of {people(of_one['users'])}, "
                f"{of_one['equal']:,} have equal weights in the prediction row, and "
                f"{of_one['short']:,} a single item."
            )
            continue
        layers = "all layers" if model in deep else "its only layer"
        _add_effect(claims, model, layers, means, of_one["equal"])
        for k in CLAIMED:
            _add_against_control(claims, model, k, differences, means)
    return claims.sentences()


Means = Mapping[str, Mapping[tuple, Interval]]  # by value, then by condition


def _add_effect(claims: Claims, model: str, layers: str, means: Means, equal: int) -> None:
    """What removing the largest weight does, whatever it weighs: the paper's figure."""
    weight = f"the largest attention weight of {model} (the prediction row, {layers})"
    key = (model, "largest", CLAIMED[0])
    tops, hits = means["top1_changed"][key], means["hit_before"][key]
    more = (
        f"; Hit@10 is {number(hits.estimate)} before, and the top item changes for {percent(tops)}"
    )
    rest = f"; for {equal:,} more all weights are equal, so that none is the largest"
    claims.add(
        means["d_ndcg"][key],
        {
            "higher": f"Removing {weight} raises NDCG@10",
            "lower": f"Removing {weight} lowers NDCG@10",
            "undetected": f"Removing {weight} does not detectably change NDCG@10",
        },
        f"removing {weight} changes NDCG@10",
        "mean change",
        more=f"{more} of users{rest * bool(equal)}",
    )


def _add_against_control(
    claims: Claims, model: str, k: int, differences: Means, means: Means
) -> None:
    """Whether the k largest matter more than as much attention elsewhere, to metric and scores."""
    weights = f"the largest weight of {model}" if k == 1 else f"the {k} largest weights of {model}"
    masses, sizes = (
        [means[value][model, operator, k] for operator in ("largest", "control")]
        for value in ("mass", "per_size")
    )
    other = f"removing as much attention elsewhere{as_far(*masses)}"
    taken = " and ".join(span(mass, 3) for mass in masses)
    claims.add(
        differences["d_ndcg"][model, k],
        {
            "higher": f"Removing {weights} is less harmful than {other}",
            "lower": f"Removing {weights} is more harmful than {other}",
            "undetected": f"Removing {weights} is not detectably more or less harmful than {other}",
        },
        f"removing {weights} is more harmful than {other}",
        "paired difference of changes of NDCG@10",
        more=f"; they take {taken} of the row" if masses[0].n else "",
    )
    removing = f"removing {weights}"
    moved = " against ".join(span(size) for size in sizes)
    claims.add(
        differences["per_size"][model, k],
        {
            "higher": f"For how far weights change, {removing} moves scores further than {other}",
            "lower": f"For how far weights change, {removing} moves scores less far than {other}",
            "undetected": f"For how far weights change, {removing} does not detectably move scores "
            f"further or less far than {other}",
        },
        f"{removing} moves scores further than {other}, for how far weights change",
        "paired difference of the Jensen-Shannon distance per change",
        more=f"; {moved}" if sizes[0].n else "",
    )


def as_far(largest: Interval, control: Interval) -> str:
    """What is said behind "as much elsewhere", where less is taken than the largest weights."""
    return ", as far as there is" if control.estimate < largest.estimate else ""


def _add_paper_claim(claims: Claims, calibrated: str, plain: str, difference: Interval) -> None:
    """The paper's claim: removal hurts the calibrated model more than its baseline."""
    hurts = "removing the largest weight hurts"
    claims.add(
        difference,
        {
            "lower": f"{SEEN} {calibrated}: {hurts} it more than {plain}",
            "higher": f"{CONTRARY} {calibrated}: {hurts} it less than {plain}",
            "undetected": f"{NOT_SEEN} {calibrated}: no difference from {plain} was detected in "
            "what removing the largest weight does to NDCG@10",
        },
        f"{hurts} {calibrated} more than {plain}, {REPORTED}",
        "paired difference of changes of NDCG@10",
    )


def summaries(results: Results) -> dict[str, Summary]:
    """The effect of every removal and its control, over all layers and by layer."""
    models = results.comparison.names
    by = ["layer", "rows", "k", "operator", "model"]
    means = means_by(results.rows.map(measured), by, ["d_ndcg", "jsd", "per_size"])
    every = list(means["jsd"])
    layers = _layers({layer for layer, *_ in every})
    of_all = of_all_layers(pd.DataFrame(every, columns=by))
    whole = {
        rows: [key for key in itertools.compress(every, of_all) if key[1] == rows]
        for rows in (HEADLINE_ROWS, "all")
    }
    by_layer = {
        f"layer {k}": [key for key in every if key[:2] == (k, HEADLINE_ROWS)]
        for k in layers
        if k != "all"
    }
    if layers[-1] == "all":
        by_layer["all layers"] = [key for key in whole[HEADLINE_ROWS] if key[2] in CLAIMED]

    def summary(
        panels: Mapping[str, Sequence[tuple]], value: str, title: str, measure: str
    ) -> Summary:
        """A panel for each choice of keys; each removal above its control, models side by side."""
        table = []
        for label, keys in panels.items():
            layer = layers[-1] if label in WHOLE else None
            ordered = sorted(
                keys, key=lambda key: (key[2], key[3] == "control", models.index(key[4]))
            )
            named = {
                (layer or key[0], _label(*key[2:4]), key[4]): means[value][key] for key in ordered
            }
            table += rows(named, ["layer", "row", "series"], panel=label)
        marks = pd.DataFrame(table)
        return Summary("dots", f"{title}, {people_in(marks)}", measure, tuple(models), marks)

    return not_empty(
        {
            "effect on NDCG@10": summary(
                {"prediction row": whole[HEADLINE_ROWS], "all rows": whole["all"]},
                "d_ndcg",
                "What removing attention in all layers does to ranking",
                "change of NDCG@10",
            ),
            "effect by layer": summary(
                by_layer,
                "jsd",
                "How far scores move, by layer edited (prediction row)",
                "Jensen-Shannon divergence, nats",
            ),
            "distance per change": summary(
                by_layer,
                "per_size",
                "How far scores move for how far weights change",
                "Jensen-Shannon distance per change of weights",
            ),
        }
    )


WHOLE = ("prediction row", "all rows", "all layers")  # panels about all layers of a model


def _layers(layers: Iterable[str]) -> list[str]:
    """Layers by number, and "all" last where any model has several."""
    return sorted(layers, key=lambda k: (k == "all", int(k) if k.isdigit() else 0))


def _label(k: int, operator: str) -> str:
    largest = "largest" if k == 1 else f"{k} largest"
    return largest if operator == "largest" else f"as much as the {largest}, elsewhere"


def by_user(results: Results) -> Rows:
    """What each condition does to a user; that of all layers first."""
    conditions = ["model", "user", "length", "operator", "k", "layer", "rows"]
    measures = ["d_ndcg", "top1_changed", "jsd", "mass", "rank_before", "rank_after"]
    labels = {"rank_before": "rank before", "rank_after": "rank after"}
    rows = results.rows.only(conditions + measures).map(_all_layers_first)
    return rows.renamed(MEASURES | labels)


def _all_layers_first(frame: pd.DataFrame) -> pd.DataFrame:
    first = of_all_layers(frame)
    return pd.concat([frame[first], frame[~first]])


def exclusions(results: Results) -> list[str]:
    """Prediction rows with nothing that is largest, or too little to lose, by model.

    Models that agree share a sentence.
    """
    counts = _counts(results.rows.map(headline))
    models: dict[str, list[str]] = {}
    for name in results.comparison.names:
        by_count = {k: count for (model, k), count in counts.items() if model == name}
        models.setdefault(_told(by_count), []).append(name)
    return [f"Max-attention removal, {listing(names)}: {text}." for text, names in models.items()]


def _told(counts: Mapping[int, Mapping[str, int]]) -> str:
    """How many users of one model are left out, by how many weights are removed."""
    of_one = counts[min(counts)]
    few = [
        f"{count['short']:,} with {'a single item' if k == 1 else f'at most {k} items'}"
        for k, count in sorted(counts.items())
        if count["short"]
    ]
    return (
        f"of {people(of_one['users'])}, {of_one['equal']:,} are left out because the weights of "
        "the prediction row are equal, "
        + (f"and {listing(few)} cannot lose as many" if few else "and none has too few items")
        + "; where all rows are edited, a row that sees a single item keeps it"
    )
