"""What attention is worth: learned attention against attention frozen to uniform.

After Wiegreffe & Pinter (EMNLP 2019, arXiv 1908.04626): the same model trained with uniform
attention bounds what any reading of the weights can explain.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from analyses.diagnostic import Diagnostic
from analyses.running.comparison import Comparison
from analyses.running.held_out import HeldOutCases
from analyses.running.passes import METRICS, SHARES, quality
from analyses.running.results import Results, Rows
from analyses.telling import conditions
from analyses.telling.conditions import difference_table, table_of
from analyses.telling.decisions import Claims, Decision, evidence
from analyses.telling.summaries import Summary, ends, people_in
from analyses.telling.wording import people, span
from workbench.model import Model
from workbench.phrases import listing
from workbench.statistics import (
    Interval,
    difference_over_seeds,
    mean_interval,
)


def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """A row per user: the rank of the held-out item, Hit@10, NDCG@10."""
    return pd.DataFrame(quality(model, cases))


def compare(
    results: Results, pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, Interval]]:
    """Of each pair the difference of the first minus the second, by metric.

    It is over all trainings and the users they have. The interval is over users and seeds where
    both were trained more than once, else over users.
    """
    differences: dict[tuple[str, str], dict[str, Interval]] = {pair: {} for pair in pairs}
    for metric in METRICS if pairs else ():
        levels = by_training(results, metric)
        for pair in pairs:
            values, others = (levels[name] for name in pair)
            if min(len(values), len(others)) > 1:
                differences[pair][metric] = difference_over_seeds(values, others)
            else:
                differences[pair][metric] = mean_interval(values.mean(0) - others.mean(0))
    return differences


def by_training(results: Results, metric: str) -> dict[str, np.ndarray]:
    """A metric of every training of each model and of every user, [trainings, users]."""
    wide = conditions.by_condition(results.rows, "model", metric)
    return {
        name: wide[results.comparison.trainings(name)].to_numpy().T
        for name in results.comparison.names
    }


def trainings_of(comparison: Comparison, model: str, other: str) -> str:
    """How many trainings stand behind a difference, and what its interval covers."""
    counts = {name: len(comparison.trainings(name)) for name in (model, other)}
    once = [name for name, count in counts.items() if count == 1]
    if not once:
        return f"{counts[model]} and {counts[other]} trainings, users and seeds in the interval"
    runs = "one training of each" if len(once) == 2 else f"one training of {once[0]}"
    return f"{runs}, so users and not seeds are in the interval"


def pairs_of(comparison: Comparison) -> list[tuple[str, str]]:
    """(model, what it is compared with): all against uniform, then calibrated against plain."""
    return comparison.uniform_pairs + comparison.calibrated_pairs


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Each model's metrics, and the paired differences."""
    made = {"models": table_of(results.rows, ["model"], METRICS, shares=SHARES)}
    pairs = pairs_of(results.comparison)
    if pairs:
        differences = list(compare(results, pairs).values())
        measures = {label: [pair[m] for pair in differences] for m, label in METRICS.items()}
        table = difference_table(pairs, measures)
        counts = [[len(results.comparison.trainings(name)) for name in pair] for pair in pairs]
        table.insert(3, "trainings", [f"{a} and {b}" for a, b in counts])
        made["differences"] = table
    return made


def findings(results: Results) -> list[str]:
    """What learned attention adds to uniform attention, and what calibration adds to either."""
    comparison = results.comparison
    if not comparison.uniform_pairs:
        return [
            "What attention is worth was not measured: that takes a learned model and one of its "
            "kind with uniform attention, and there is no such pair in "
            f"{listing(comparison.names)}."
        ]
    claims = Claims()
    for (model, uniform), differences in compare(results, comparison.uniform_pairs).items():
        claims.compose(
            {METRICS[metric]: interval for metric, interval in differences.items()},
            partial(_sentence, model, uniform, trainings_of(comparison, model, uniform)),
        )
    values = by_training(results, "ndcg")
    means = {name: mean_interval(each.mean(0)) for name, each in values.items()}
    levels = "; ".join(
        f"{name} {span(mean)}" + (f" in {len(values[name])} trainings" * (len(values[name]) > 1))
        for name, mean in means.items()
    )
    n = next(iter(means.values())).n
    claims.say(f"Test NDCG@10 of each model: {levels} ({people(n)}).")
    return claims.sentences()


def _sentence(model: str, uniform: str, trainings: str, decisions: Mapping[str, Decision]) -> str:
    """What was decided of a pair, by the label of the metric."""
    detected = [f"a {d.detected} {label}" for label, d in decisions.items() if d.claims]
    rest = [label for label, d in decisions.items() if d.detected == "undetected"]
    kind = f"{uniform}, the same kind of model trained with its attention frozen to uniform"
    if not detected and not rest:
        numbers = ", ".join(d.numbers(what=label) for label, d in decisions.items())
        return f"Whether {model} ranks otherwise than {kind}: {numbers}."
    if not detected:
        worth = (
            f"No difference was detected between {model} and {kind}, so its learned weights show "
            "no measurable benefit here"
        )
    else:
        worth = f"{model} has {listing(detected)} than {kind}"
        worth += f"; no difference was detected in {listing(rest)}" if rest else ""
        if {d.detected for d in decisions.values()} == {"lower"}:
            worth += ", so its weights explain nothing that helps"
    return f"{worth} (paired difference: {evidence(decisions)}; {trainings})."


def summaries(results: Results) -> dict[str, Summary]:
    """The paired differences."""
    rows = [
        {"panel": METRICS[metric], "series": "difference", "row": f"{a} \N{MINUS SIGN} {b}"}
        | ends(interval)
        for (a, b), differences in compare(results, pairs_of(results.comparison)).items()
        for metric, interval in differences.items()
    ]
    if not rows:
        return {}
    table = pd.DataFrame(rows)
    return {
        "differences": Summary(
            "dots",
            f"Paired differences between models, {people_in(table)}, 95 % intervals",
            "difference per user",
            ("difference",),
            table,
        )
    }


def by_user(results: Results) -> Rows:
    """Each user's rank and metrics."""
    return results.rows.renamed(METRICS)


DIAGNOSTIC = Diagnostic(
    name="attention_worth",
    title="What attention is worth",
    question="Does a model with learned attention rank better than one trained with uniform "
    "attention?",
    measure=measure,
    across_seeds=True,
    findings=findings,
    tables=tables,
    summaries=summaries,
    by_user=by_user,
    captions={
        "differences": "Each point is the mean over users of one model's metric minus another's, "
        "the bar its paired 95 % interval; right of the line, the first model ranks better. Where "
        "both were trained with several seeds, the interval covers the choice of users and the "
        "luck of training; else the choice of users alone.",
        "models": "Test metrics of every training, every item ranked, seen items not removed.",
    },
    order=0,
)
