"""What max-attention removal says: intervals per condition, the numbers of figures, findings."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analyses.report.claims import Claims
from analyses.report.conditions import means_by, paired, table_of
from analyses.report.summaries import Summary, not_empty, rows
from analyses.report.wording import number, people, percent, span
from analyses.running.passes import CUTOFF
from analyses.running.results import Results
from workbench.phrases import listing
from workbench.statistics import Interval

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
    "which takes as much weight elsewhere: below 0 for NDCG@10, or above 0 for the others, the "
    "largest weights matter more.",
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
    frame = measured(results.frame)
    by = ["model", "operator", "k", "layer", "rows"]
    conditions = table_of(frame, by, MEASURES, shares=["top1_changed", "hit_before"])
    counts = frame.groupby(by, observed=True)[["short", "equal"]].sum().astype(int)
    counts.columns = pd.Index(["users with k items or fewer", "users with equal weights"])
    labels = {c: MEASURES[c] for c in COMPARED}
    against = table_of(largest_minus_control(frame), ["model", "k", "layer", "rows"], labels)
    return {
        "conditions": conditions.merge(counts.reset_index(), on=by),
        "largest against control": against,
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


def findings(results: Results) -> list[str]:
    """Whether the paper's claim holds, and whether the largest weights matter more than others."""
    frame, claims = measured(results.frame), Claims()
    chosen = frame[of_all_layers(frame) & (frame["rows"] == HEADLINE_ROWS)]
    largest = chosen[(chosen["operator"] == "largest") & (chosen["k"] == CLAIMED[0])]
    for calibrated, plain in results.comparison.calibrated_pairs:
        difference = paired(largest, "d_ndcg", calibrated, plain)
        _add_paper_claim(claims, calibrated, plain, difference)
    differences = largest_minus_control(chosen)
    for model in results.comparison.names:
        removed = largest[largest["model"] == model]
        if not removed["jsd"].notna().any():
            claims.say(
                f"{model} has no largest weight to lose: of {people(len(removed))}, "
                f"{removed['equal'].sum():,} have equal weights in the prediction row, and "
                f"{removed['short'].sum():,} a single item."
            )
            continue
        _add_effect(claims, model, removed)
        own = differences[differences["model"] == model]
        for k in CLAIMED:
            condition = chosen[(chosen["model"] == model) & (chosen["k"] == k)]
            _add_against_control(claims, model, k, own[own["k"] == k], condition)
    return claims.sentences()


def _add_effect(claims: Claims, model: str, removed: pd.DataFrame) -> None:
    """What removing the largest weight does, whatever it weighs: the paper's figure."""
    layers = "all layers" if (removed["layer"] == "all").any() else "its only layer"
    weight = f"the largest attention weight of {model} (the prediction row, {layers})"
    tops = means_by(removed, ["model"], "top1_changed", share=True)[model,]
    hits = means_by(removed, ["model"], "hit_before")[model,]
    more = (
        f"; Hit@10 is {number(hits.estimate)} before, and the top item changes for {percent(tops)}"
    )
    equal = int(removed["equal"].sum())
    rest = f"; for {equal:,} more all weights are equal, so that none is the largest"
    claims.add(
        means_by(removed, ["model"], "d_ndcg")[model,],
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
    claims: Claims, model: str, k: int, differences: pd.DataFrame, condition: pd.DataFrame
) -> None:
    """Whether the k largest matter more than as much attention elsewhere, to metric and scores."""
    weights = f"the largest weight of {model}" if k == 1 else f"the {k} largest weights of {model}"
    other = "removing as much attention elsewhere"
    means = {
        value: {key[0]: mean for key, mean in means_by(condition, ["operator"], value).items()}
        for value in ("mass", "per_size")
    }
    taken = " and ".join(span(means["mass"][name], 3) for name in ("largest", "control"))
    claims.add(
        means_by(differences, ["k"], "d_ndcg")[k,],
        {
            "higher": f"Removing {weights} is less harmful than {other}",
            "lower": f"Removing {weights} is more harmful than {other}",
            "undetected": f"Removing {weights} is not detectably more or less harmful than {other}",
        },
        f"removing {weights} is more harmful than {other}",
        "paired difference of changes of NDCG@10",
        more=f"; they take {taken} of the row" if means["mass"]["largest"].n else "",
    )
    removing = f"removing {weights}"
    moved = " against ".join(span(means["per_size"][name]) for name in ("largest", "control"))
    claims.add(
        means_by(differences, ["k"], "per_size")[k,],
        {
            "higher": f"For how far weights change, {removing} moves scores further than {other}",
            "lower": f"For how far weights change, {removing} moves scores less far than {other}",
            "undetected": f"For how far weights change, {removing} does not detectably move scores "
            f"further or less far than {other}",
        },
        f"{removing} moves scores further than {other}, for how far weights change",
        "paired difference of the Jensen-Shannon distance per change",
        more=f"; {moved}" if means["per_size"]["largest"].n else "",
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
    """The effect of every removal and its control, over all layers and by layer."""
    frame, models = measured(results.frame), results.comparison.names
    n = people(frame["user"].nunique())
    layers = _layers(frame)
    all_layers = frame[of_all_layers(frame)].assign(layer=layers[-1])
    alone = frame[frame["rows"] == HEADLINE_ROWS]
    by_layer = {f"layer {k}": alone[alone["layer"] == k] for k in layers if k != "all"}
    if layers[-1] == "all":
        by_layer["all layers"] = all_layers[
            (all_layers["rows"] == HEADLINE_ROWS) & all_layers["k"].isin(CLAIMED)
        ]
    return not_empty(
        {
            "effect on NDCG@10": _summary(
                {
                    "prediction row": all_layers[all_layers["rows"] == HEADLINE_ROWS],
                    "all rows": all_layers[all_layers["rows"] == "all"],
                },
                *(models, "d_ndcg"),
                f"What removing attention in all layers does to ranking, {n}",
                "change of NDCG@10",
            ),
            "effect by layer": _summary(
                by_layer,
                *(models, "jsd"),
                f"How far scores move, by layer edited (prediction row), {n}",
                "Jensen-Shannon divergence, nats",
            ),
            "distance per change": _summary(
                by_layer,
                *(models, "per_size"),
                f"How far scores move for how far weights change, {n}",
                "Jensen-Shannon distance per change of weights",
            ),
        }
    )


def _layers(frame: pd.DataFrame) -> list[str]:
    """Layers by number, and "all" last where any model has several."""
    layers = {str(k) for k in frame["layer"].unique()}
    return sorted(layers, key=lambda k: (k == "all", int(k) if k.isdigit() else 0))


def _summary(
    panels: Mapping[str, pd.DataFrame],
    models: Sequence[str],
    value: str,
    title: str,
    measure: str,
) -> Summary:
    """A panel for each choice of rows; each removal above its control, models side by side."""
    table = []
    for label, chosen in panels.items():
        means = means_by(chosen, ["layer", "k", "operator", "model"], value)
        keys = sorted(means, key=lambda key: (key[1], key[2] == "control", models.index(key[3])))
        named = {(key[0], _label(*key[1:3]), key[3]): means[key] for key in keys}
        table += rows(named, ["layer", "row", "series"], panel=label)
    return Summary("dots", title, measure, tuple(models), pd.DataFrame(table))


def _label(k: int, operator: str) -> str:
    largest = "largest" if k == 1 else f"{k} largest"
    return largest if operator == "largest" else f"as much as the {largest}, elsewhere"


def by_user(results: Results) -> pd.DataFrame:
    """What each condition does to a user; that of all layers first."""
    frame = measured(results.frame)
    conditions = ["model", "user", "length", "operator", "k", "layer", "rows"]
    measures = ["d_ndcg", "top1_changed", "jsd", "mass", "rank_before", "rank_after"]
    first = of_all_layers(frame)
    table = pd.concat([frame[first], frame[~first]])[conditions + measures]
    labels = {"rank_before": "rank before", "rank_after": "rank after"}
    return table.rename(columns=MEASURES | labels)


def exclusions(results: Results) -> list[str]:
    """Prediction rows with nothing that is largest, or too little to lose, by model.

    Models that agree share a sentence.
    """
    frame = results.frame
    chosen = frame[
        (frame["operator"] == "largest") & of_all_layers(frame) & (frame["rows"] == HEADLINE_ROWS)
    ]
    models: dict[str, list[str]] = {}
    for name in results.comparison.names:
        models.setdefault(_counts(chosen[chosen["model"] == name]), []).append(name)
    return [f"Max-attention removal, {listing(names)}: {text}." for text, names in models.items()]


def _counts(largest: pd.DataFrame) -> str:
    """How many users of one model are left out, by how many weights are removed."""
    of_one = largest[largest["k"] == largest["k"].min()]
    short = largest.groupby("k")["short"].sum()
    few = [
        f"{n:,} with {'a single item' if k == 1 else f'at most {k} items'}"
        for k, n in zip(short.index, short, strict=True)
        if n
    ]
    return (
        f"of {people(len(of_one))}, {of_one['equal'].sum():,} are left out because the weights of "
        "the prediction row are equal, "
        + (f"and {listing(few)} cannot lose as many" if few else "and none has too few items")
        + "; where all rows are edited, a row that sees a single item keeps it"
    )
