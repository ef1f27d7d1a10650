"""What attention maps say: entropy and distance over all users, findings, and exclusions."""

from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from analyses.running.results import Results, Rows
from analyses.telling.conditions import means_by, paired, table_of, table_of_means
from analyses.telling.decisions import Claims
from analyses.telling.summaries import UNIFORM, Summary, not_empty, people_in, rows
from analyses.telling.wording import NOBODY, people, span, stage_in_words
from workbench.explore.shown import LAST
from workbench.phrases import in_order
from workbench.statistics import Interval

NOT_DRAWN = (
    "A model with attention frozen to uniform is drawn only where its backbone has no other, since "
    "all its weights are the same. "
)
SCALE = (
    "Every panel has its own colour scale, from 0 to the number written above it, the largest "
    "weight of the later half of its rows; earlier rows have few items to look at, and larger "
    "weights by necessity, which have the brightest colour too"
)
KINDS = {
    "prediction row": "The weights the prediction is made from: a column per item of the history, "
    "oldest first, a line per head, plain models above calibrated ones. Every panel has its own "
    f"colour scale, from 0 to the maximum written beside it. {NOT_DRAWN}",
    "layers and heads": "The full matrices, plain models before calibrated ones: each row is an "
    f"item (last, a mask token where there is one) and what it attends to, of the last {LAST} at "
    f"most. {SCALE}; blank cells are not allowed. {NOT_DRAWN}",
    "stages": "Every stage of a calibrated model on the same user, from the input up: layers and "
    f"heads down, stages across. {SCALE}.",
}
DISTANCES = (0, 1, 2, 3, 5, 10, 20)  # lower edges of the bins of the table
RULE = (
    "The user was not picked by hand: of all users, the one whose attention agrees {} with the "
    "saliency of the held-out item in the baseline model (tau-b, mean over layers and heads)."
)
NOT_INFLUENCE = "A dark or bright cell is where a weight went, not what caused the recommendation."
SHOWN = {"highest": "most", "median": "at the median", "lowest": "least"}
CAPTIONS = {
    "distance": "Mean weight the prediction row gives to the item so many steps before the last "
    "(0 = the last item), as a share of what all items get, mean over users and heads, with its "
    "95 % interval; dashed: what uniform attention would give the same histories. Only users with "
    "a history that long enter each point. " + NOT_INFLUENCE,
    "stages of": "The same for every stage of a calibrated model: before and after the "
    "spatial calibrator, the adversarial mask, the calibrated weights, and what is finally used "
    "(attention).",
    "entropy": "How evenly the prediction row spreads its weight: entropy as a share of its upper "
    "bound log n (100 % = uniform), mean over users and heads with its 95 % interval. The pale bar "
    "is the attainable range. Where a softmax runs over numbers between 0 and 1, no weight can "
    "exceed another e times over, so the range is narrow and flat maps are forced, not learned.",
    **{
        f"{kind} {choice}": f"{text} {RULE.format(how)} {NOT_INFLUENCE}"
        for kind, text in KINDS.items()
        for choice, how in SHOWN.items()
    },
    "weight by distance": "Mean weight by distance from the last item, stage 'attention'.",
    "entropy by layer": "Mean entropy of the prediction row as a share of log n, in percent.",
    "users shown": "Whom the heatmaps show, and by which agreement they were chosen.",
}


def _entropies(rows: Rows) -> Rows:
    """Entropy and the least possible as percent of log n, for histories of two items or more."""
    return rows.where(kind="entropy").map(_in_percent)


def _in_percent(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame[frame["length"] > 1]
    bound = np.log(rows["length"])
    return rows.assign(value=100 * rows["value"] / bound, least=100 * rows["least"] / bound)


def _distance(rows: Rows) -> Rows:
    return rows.where(kind="distance", stage="attention")


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Weight by distance, entropy by stage and layer, and the users shown."""
    by, bins = ["model", "layer", "distance"], _labels()
    weights = {"value": "mean weight", "uniform": "if uniform"}
    distance = table_of(_distance(results.rows).map(_binned), by, weights, shares=weights)
    distance["distance"] = pd.Categorical(distance["distance"], bins, ordered=True)
    shown = ["choice", "user id", "length", "tau"]
    return {
        "weight by distance": distance.sort_values(by, ignore_index=True).astype({"distance": str}),
        "entropy by layer": _by_layer(results.rows),
        "users shown": results.rows.where(kind="weight")
        .once(shown)
        .rename(columns={"tau": "tau-b"})
        .round(3),
    }


def _by_layer(rows: Rows) -> pd.DataFrame:
    """Entropy by model, stage and layer, and the least that it can be, which is no measurement."""
    by = ["model", "stage", "layer"]
    means = means_by(_entropies(rows), by, ["value", "least"])
    table = table_of_means(means, by, {"value": "% of log n"}, digits=2)
    least = [round(bound.estimate, 2) for bound in means["least"].values()]
    return table.assign(**{"least possible %": least})


def _binned(distance: pd.DataFrame) -> pd.DataFrame:
    """Mean weight in every bin of distance, a row per model, layer, user and bin."""
    bins = pd.cut(distance["key"], [*DISTANCES, np.inf], right=False, labels=_labels())
    binned = distance.assign(distance=bins.astype(str), uniform=1 / distance["length"])
    by = binned.groupby(["model", "layer", "distance", "user"], observed=True, sort=False)
    return by[["value", "uniform"]].mean().reset_index()


def _labels() -> list[str]:
    """Names of the bins of distance."""
    spans = [str(a) if b - a == 1 else f"{a}-{b - 1}" for a, b in pairwise(DISTANCES)]
    return [*spans, f"{DISTANCES[-1]} and more"]


def findings(results: Results) -> list[str]:
    """How evenly each model attends, against its bound; whether AC is sharper; the last item."""
    rows, comparison = results.rows.where(stage="attention"), results.comparison
    spread = _entropies(rows).map(partial(_per_user, columns=["value", "least", "kept"]))
    last = _distance(rows).map(_last).map(partial(_per_user, columns=["value", "excess"]))
    means, least, kept = means_by(spread, ["model"], ["value", "least", "kept"]).values()
    weights, excess = means_by(last, ["model"], ["value", "excess"]).values()
    claims = Claims()
    for name in comparison.names:
        if comparison.parts[name].role == "uniform":
            continue
        if (name,) not in means:
            claims.say(f"How {name} spreads its attention: {NOBODY}.")
            continue
        told = _spread(name, means[name,], least[name,].estimate)
        claims.say(told + _kept(kept[name,].estimate))
        _add_last(claims, name, weights[name,], excess[name,])
    for calibrated, plain in comparison.calibrated_pairs:
        if (calibrated,) in means:
            difference = paired(spread, "value", calibrated, plain)
            _add_sharper(claims, calibrated, plain, difference)
    return claims.sentences()


def _last(distance: pd.DataFrame) -> pd.DataFrame:
    """What the last item of two or more gets, and how much that is above an even share."""
    rows = distance[(distance["length"] > 1) & (distance["key"] == 0)]
    return rows.assign(excess=rows["value"] - 1 / rows["length"])


def _per_user(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Mean over layers, a row per model and user."""
    by = frame.groupby(["model", "user"], sort=False, observed=True)
    return by[columns].mean().reset_index()


def _spread(model: str, mean: Interval, least: float) -> str:
    """A sentence on how even the attention of a model is."""
    bound = f" (it cannot fall below {least:.1f} %)" if least > 0 else ""
    return (
        f"{model} spreads its attention at {span(mean, 1)} % of the highest possible entropy"
        f"{bound} ({people(mean.n)})."
    )


def _kept(share: float) -> str:
    """A sentence on the weight that goes to no item, where there is any."""
    percent = 100 * share
    return f" A further {percent:.1f} % of the row's weight goes to no item of it." if share else ""


def _add_last(claims: Claims, model: str, weight: Interval, excess: Interval) -> None:
    gives, uniform = f"{model} gives the last item", "uniform attention would give it"
    claims.add(
        excess,
        {
            "higher": f"{gives} a weight of {span(weight)}, more than {uniform}",
            "lower": f"{gives} a weight of {span(weight)}, less than {uniform}",
            "undetected": f"{gives} a weight of {span(weight)}, not detectably different from what "
            f"{uniform}",
        },
        f"{gives} another weight than {uniform}",
        "difference of weights",
    )


def _add_sharper(claims: Claims, calibrated: str, plain: str, difference: Interval) -> None:
    claims.add(
        difference,
        {
            "lower": f"{calibrated} attends more sharply than {plain}",
            "higher": f"{calibrated} attends more evenly than {plain}",
            "undetected": f"No difference in sharpness was detected between {calibrated} and "
            f"{plain}",
        },
        f"{calibrated} attends more sharply than {plain}",
        "paired difference of entropy in percentage points",
        digits=1,
    )


def summaries(results: Results) -> dict[str, Summary]:
    """What holds over all users: weight by distance, entropy, and all stages of AC."""
    made = {
        "distance": _by_distance(_distance(results.rows), "model", "attention"),
        "entropy": _by_stage(_entropies(results.rows)),
    }
    for model in results.comparison.with_role("calibrated"):
        of_model = results.rows.where(kind="distance", model=model).map(_in_words)
        made[f"stages of {model}"] = _by_distance(of_model, "stage", model)
    return not_empty(made)


def _in_words(frame: pd.DataFrame) -> pd.DataFrame:
    words = {stage: stage_in_words(str(stage)) for stage in frame["stage"].unique()}
    return frame.assign(stage=frame["stage"].map(words).astype(str))


def _by_distance(distance: Rows, lines: str, title: str) -> Summary:
    """Mean weight by distance, a panel per layer, a line per value of the column `lines`."""
    shares = distance.map(lambda frame: frame.assign(even=1 / frame["length"]))
    means, shared = means_by(shares, ["layer", lines, "key"], ["value", "even"]).values()
    series = in_order(line for _, line, _ in means)
    # of each layer the histories of the first that has it
    first = {layer: line for layer, line, _ in reversed(means)}
    even = {
        (layer, UNIFORM, key): mean
        for (layer, line, key), mean in shared.items()
        if line == first[layer]
    }
    table = pd.DataFrame(rows(means | even, ["layer", "series", "at"]))
    table = table.assign(panel="layer " + table["layer"].astype(str))
    return Summary(
        "lines",
        f"Where the prediction row's weight goes: {title}, {people_in(table)}",
        "mean share of the attention",
        (*series, UNIFORM),
        table.sort_values(["panel", "at"], kind="stable", ignore_index=True),
        at="items before the last",
    )


def _by_stage(spread: Rows) -> Summary:
    """Entropy by model, stage and layer over the range it can take."""
    by = ["model", "stage", "layer"]
    means, least = means_by(spread, by, ["value", "least"]).values()
    table = pd.DataFrame(rows(means, by, panel="", series="entropy", most=100.0))
    if len(table):
        table["least"] = [least[key].estimate for key in means if means[key].n]
        stage = table["stage"].astype(str).map(stage_in_words)
        table["row"] = table["model"].astype(str) + ", " + stage + ", layer " + table["layer"]
    return Summary(
        "dots",
        f"How evenly attention is spread, {people_in(table)}",
        "entropy in percent of that of even attention, and the range it can take",
        ("entropy",),
        table,
    )


def by_user(results: Results) -> Rows:
    """Each user's entropy and weight of the last item by stage and layer, the used stage first."""
    return results.rows.map(_entropies_and_lasts).map(_side_by_side)


def _entropies_and_lasts(frame: pd.DataFrame) -> pd.DataFrame:
    kind = frame["kind"]
    return frame[(kind == "entropy") | ((kind == "distance") & (frame["key"] == 0))]


def _side_by_side(frame: pd.DataFrame) -> pd.DataFrame:
    by = ["model", "user", "length", "stage", "layer"]
    entropy, last = (
        rows[[*by, "value"]].rename(columns={"value": label})
        for rows, label in (
            (_in_percent(frame[frame["kind"] == "entropy"]), "entropy, % of log n"),
            (frame[frame["kind"] == "distance"], "weight of the last item"),
        )
    )
    table = entropy.merge(last, on=by)
    return table.sort_values("stage", key=lambda stage: stage != "attention", kind="stable")


def exclusions(results: Results) -> list[str]:
    """Histories of one item have no entropy to speak of; short ones are not drawn."""
    users = results.rows.where(kind="entropy").once(["user"], ["length"])
    alone = int((users["length"] == 1).sum())
    return [
        f"Attention heatmaps: of {people(len(users))}, {alone:,} had a single item and no entropy; "
        "the users shown are chosen among those with at least 5 items."
    ]
