"""What attention is worth: learned attention against attention frozen to uniform.

After Wiegreffe & Pinter (EMNLP 2019, arXiv 1908.04626): the same model trained with uniform
attention bounds what any reading of the weights can explain.
"""

from collections.abc import Mapping
from functools import partial

import pandas as pd

from analyses.diagnostic import Diagnostic
from analyses.report.claims import Claims, Decision, evidence
from analyses.report.conditions import difference_table, means_by, paired, table_of
from analyses.report.summaries import Summary, ends
from analyses.report.wording import people, span
from analyses.running.comparison import Comparison
from analyses.running.held_out import HeldOutCases
from analyses.running.passes import METRICS, SHARES, quality
from analyses.running.results import Results
from workbench.model import Model
from workbench.phrases import listing
from workbench.statistics import Interval


def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """A row per user: the rank of the held-out item, Hit@10, NDCG@10."""
    return pd.DataFrame(quality(model, cases))


def compare(frame: pd.DataFrame, model: str, other: str) -> dict[str, Interval]:
    """Paired difference `model` minus `other` over the users both have, by metric."""
    return {metric: paired(frame, metric, model, other) for metric in METRICS}


def pairs_of(comparison: Comparison) -> list[tuple[str, str]]:
    """(model, what it is compared with): all against uniform, then calibrated against plain."""
    return comparison.uniform_pairs + comparison.calibrated_pairs


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Each model's metrics, and the paired differences."""
    made = {"models": table_of(results.frame, ["model"], METRICS, shares=SHARES)}
    pairs = pairs_of(results.comparison)
    if pairs:
        differences = [compare(results.frame, *pair) for pair in pairs]
        measures = {label: [pair[m] for pair in differences] for m, label in METRICS.items()}
        made["differences"] = difference_table(pairs, measures)
    return made


def findings(results: Results) -> list[str]:
    """What learned attention adds to uniform attention, and what calibration adds to either."""
    frame, comparison = results.frame, results.comparison
    if not comparison.uniform_pairs:
        return [
            "What attention is worth was not measured: no model with uniform attention stands "
            f"beside a learned one of its kind among {listing(comparison.names)}."
        ]
    claims = Claims()
    for model, uniform in comparison.uniform_pairs:
        differences = compare(frame, model, uniform)
        claims.compose(
            {METRICS[metric]: interval for metric, interval in differences.items()},
            partial(_sentence, model, uniform),
        )
    means = means_by(frame, ["model"], "ndcg")
    levels = "; ".join(f"{name} {span(mean)}" for (name,), mean in means.items())
    n = next(iter(means.values())).n
    claims.say(f"Test NDCG@10 of each model: {levels} ({people(n)}).")
    return claims.sentences()


def _sentence(model: str, uniform: str, decisions: Mapping[str, Decision]) -> str:
    """What was decided of a pair, by the label of the metric."""
    detected = [f"a {d.verdict} {label}" for label, d in decisions.items() if d.claims]
    rest = [label for label, d in decisions.items() if d.verdict == "undetected"]
    kind = f"{uniform}, the same kind of model trained with its attention frozen to uniform"
    if not detected and not rest:
        numbers = ", ".join(f"{label} {d.numbers()}" for label, d in decisions.items())
        return f"Whether {model} ranks otherwise than {kind}: {numbers}."
    if not detected:
        worth = (
            f"No difference was detected between {model} and {kind}, so its learned weights show "
            "no measurable benefit here"
        )
    else:
        worth = f"{model} has {listing(detected)} than {kind}"
        worth += f"; no difference was detected in {listing(rest)}" if rest else ""
        if {d.verdict for d in decisions.values()} == {"lower"}:
            worth += ", so its weights explain nothing that helps"
    return f"{worth} (paired difference: {evidence(decisions)})."


def summaries(results: Results) -> dict[str, Summary]:
    """The paired differences."""
    rows = [
        {"panel": METRICS[metric], "series": "difference", "row": f"{a} \N{MINUS SIGN} {b}"}
        | ends(interval)
        for a, b in pairs_of(results.comparison)
        for metric, interval in compare(results.frame, a, b).items()
    ]
    if not rows:
        return {}
    return {
        "differences": Summary(
            "dots",
            f"Paired differences between models, {people(rows[0]['n'])}, 95 % intervals",
            "difference per user",
            ("difference",),
            pd.DataFrame(rows),
        )
    }


def by_user(results: Results) -> pd.DataFrame:
    """Each user's rank and metrics."""
    return results.frame.rename(columns=METRICS)


DIAGNOSTIC = Diagnostic(
    name="attention_worth",
    title="What attention is worth",
    question="Does a model with learned attention rank better than one trained with uniform "
    "attention?",
    measure=measure,
    findings=findings,
    tables=tables,
    summaries=summaries,
    by_user=by_user,
    captions={
        "differences": "Each point is the mean over users of one model's metric minus another's, "
        "the bar its paired 95 % interval; right of the line, the first model ranks "
        "better. One training run stands behind each model, so the interval covers the choice of "
        "users, not the luck of training.",
        "models": "Test metrics, every item ranked, seen items not removed.",
    },
    order=0,
)
