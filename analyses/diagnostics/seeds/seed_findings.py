"""What is said and shown of other seeds."""

import numpy as np
import pandas as pd

from analyses.diagnostics.seeds.deception import claim_deception, deception_table
from analyses.diagnostics.seeds.seed_pairs import DIFFERENCES, Trainings
from analyses.running.held_out import SAMPLE
from analyses.running.passes import METRICS
from analyses.running.results import Results, Rows
from analyses.telling.conditions import means_by, means_of, with_intervals
from analyses.telling.decisions import Claims
from analyses.telling.summaries import Summary, ends
from analyses.telling.wording import change, people, percent, span
from workbench.phrases import listing
from workbench.statistics import Interval
from workbench.writing import number

SEEDS, MODELS = "other seeds of one model", "two models"  # series
# of which differences it is said how far models differ beyond seeds
COMPARED = ("divergence", "effects", "lists")
CAPTIONS = {
    "differences": "How far two trainings differ, the mean over users and pairs of trainings with "
    "its 95 % interval over users: two that differ in nothing but their seed, and one of each of "
    "two models, which began with other seeds as well. Where the second is no larger than the "
    "first, what is seen between the models is no difference of the models. Uniform attention is "
    "no choice and has no difference.",
    "pairs": "The same as numbers. Effects are those of leaving an item out on the score of the "
    f"held-out item, for {SAMPLE} at most of the users measured together.",
    "attention kept off": "What a model that was trained to keep its attention off items, and the "
    "one trained without that, give to the item of largest effect in the latter (and to the cause, "
    "where it was planted), how often each attends most to its own item of largest effect, and "
    "their quality.",
    "trainings": "Test NDCG@10 over trainings that differ in nothing but their seed: the mean, the "
    "standard deviation over seeds, the lowest and the highest.",
}


def findings(results: Results) -> list[str]:
    """How far trainings of one model differ, and those of two; and what was trained only once."""
    trainings, claims = Trainings(results), Claims()
    for model in trainings.repeated:
        claims.say(_among_seeds(trainings, model))
    claim_deception(claims, trainings)
    for model, other in trainings.pairs():
        if sentence := _beyond_seeds(trainings, model, other):
            claims.say(sentence)
    spread = quality(results)
    several = spread[spread["trainings"] > 1]
    if len(several):
        levels = [
            f"{name} {number(mean)} \N{PLUS-MINUS SIGN} {number(sd)} in {count} trainings "
            f"({number(low)} to {number(high)})"
            for name, count, mean, sd, low, high in several.itertuples(index=False, name=None)
        ]
        claims.say(f"Test NDCG@10, mean and standard deviation over seeds: {'; '.join(levels)}.")
    once = [name for name in results.comparison.names if name not in trainings.repeated]
    if once:
        claims.say(
            f"What another seed changes is not known of {listing(once)}, of which one training was "
            "given: to a model in a folder `python -m workbench train` with the options of its "
            "card, the folder as --out and --seeds 3 adds two, to one at hand `siblings`."
        )
    return claims.sentences()


def _beyond_seeds(trainings: Trainings, model: str, other: str) -> str:
    """By how much two models differ more than seeds do; empty where nothing could be compared.

    Nothing is claimed: intervals are over users, and with three trainings of each model no test
    over trainings has a p value below 0.1.
    """
    excesses = [
        f"{DIFFERENCES[what].label}: {change(excess, 3)}"
        for what in COMPARED
        if (excess := trainings.excess(what, model, other)) is not None
    ]
    if not excesses:
        return ""
    counts = [len(trainings.comparison.trainings(name)) for name in (model, other)]
    return (
        f"How much further a training of {model} and one of {other} differ than two of the same "
        f"model, or less far where below 0: {'; '.join(excesses)} ({counts[0]} and {counts[1]} "
        "trainings; the intervals are over users alone, so that other trainings might differ "
        "otherwise)."
    )


def _among_seeds(trainings: Trainings, model: str) -> str:
    """How far two trainings of a model differ."""
    every = {what: _mean_within(trainings, what, model) for what in DIFFERENCES}
    means = {what: mean for what, mean in every.items() if mean is not None and mean.n}
    parts = []
    if "attended" in means:
        parts.append(
            f"attend most to another item for {percent(means['attended'])} of users (divergence "
            f"{span(means['divergence'], 3)} nats)"
        )
    if "largest" in means:
        parts.append(
            f"owe the most to another item for {percent(means['largest'])} ("
            f"{people(means['largest'].n)})"
        )
    parts.append(f"do not share {percent(means['lists'])} of their top 10")
    count = len(trainings.comparison.trainings(model))
    return (
        f"Trainings of {model} that differ in nothing but their seed {listing(parts)} ({count} "
        f"trainings; {people(means['lists'].n)})."
    )


def _mean_within(trainings: Trainings, what: str, model: str) -> Interval | None:
    values = trainings.within(what, model)
    return None if values is None else _mean(what, values)


def _mean(what: str, values: np.ndarray) -> Interval:
    return means_of(values[:, None], share=DIFFERENCES[what].share)[0]


def quality(results: Results) -> pd.DataFrame:
    """A row per model: trainings, mean, sd, lowest and highest test NDCG@10 over them."""
    found = means_by(results.rows.where(kind="ndcg"), ["model"], ["value"])["value"]
    means = pd.Series({model: mean.estimate for (model,), mean in found.items()})
    rows = []
    for name in results.comparison.names:
        levels = means[results.comparison.trainings(name)]
        spread = {"mean": levels.mean(), "sd": levels.std()}
        spread |= {"lowest": levels.min(), "highest": levels.max()}
        rows.append({"model": name, "trainings": len(levels), **spread})
    return pd.DataFrame(rows)


def _intervals(trainings: Trainings) -> list[tuple[str, str, str, Interval]]:
    """(what, series, row, interval) of all that is drawn and tabulated."""
    made = []
    for what in DIFFERENCES:
        for model in trainings.repeated:
            interval = _mean_within(trainings, what, model)
            if interval is not None and interval.n:
                made.append((what, SEEDS, model, interval))
        for model, other in trainings.pairs():
            values = trainings.between(what, model, other)
            interval = None if values is None else _mean(what, values)
            if interval is not None and interval.n:
                made.append((what, MODELS, f"{model} and {other}", interval))
    return made


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Quality over seeds, and all differences."""
    made, trainings = {"trainings": quality(results).round(4)}, Trainings(results)
    kept_off = deception_table(trainings)
    if kept_off is not None:
        made["attention kept off"] = kept_off
    rows = _intervals(trainings)
    if rows:
        table = pd.DataFrame(
            [
                {
                    "difference": DIFFERENCES[what].label,
                    "between": series,
                    "of": row,
                    "n users": i.n,
                }
                for what, series, row, i in rows
            ]
        )
        made["pairs"] = with_intervals(table, {"mean": [i for *_, i in rows]})
    return made


def summaries(results: Results) -> dict[str, Summary]:
    """All differences, drawn."""
    marks = [
        {"panel": DIFFERENCES[what].label, "series": series, "row": row} | ends(interval)
        for what, series, row, interval in _intervals(Trainings(results))
    ]
    if not marks:
        return {}
    title = "Trainings of one model, and of two: how far they differ, 95 % intervals over users"
    return {
        "differences": Summary(
            "dots",
            title,
            "difference of two trainings",
            (SEEDS, MODELS),
            pd.DataFrame(marks),
            alike=False,
        )
    }


def by_user(results: Results) -> Rows:
    """Each user's NDCG@10 in every training."""
    rows = results.rows.where(kind="ndcg").only(["model", "user", "value"])
    return rows.renamed({"value": METRICS["ndcg"]})
