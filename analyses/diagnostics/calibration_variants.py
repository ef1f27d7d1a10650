"""What the parts of the calibration are worth: the ablation and figures 3 and 4 of AC-TSR.

Models that differ in their calibration alone, against their backbone: quality, how evenly attention
is spread, and how it agrees with gradients. Trained by `python -m workbench sweep --study ...`.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from torch import Tensor

from analyses.diagnostic import Diagnostic
from analyses.running.comparison import Comparison
from analyses.running.held_out import HeldOutCases
from analyses.running.passes import METRICS, SHARES, quality
from analyses.running.results import Results, Rows
from analyses.telling import conditions
from analyses.telling.conditions import difference_table, means_of, paired_means, with_intervals
from analyses.telling.decisions import Claims, Decision, users
from analyses.telling.summaries import Summary, ends, people_in
from analyses.telling.wording import span
from workbench import explain
from workbench.attention.recording import recording
from workbench.faithfulness.agreement import rank_agreement
from workbench.model import Model
from workbench.phrases import in_order, listing
from workbench.statistics import Interval, normalised_entropy
from workbench.statistics.distributions import shares
from workbench.writing import number

RANKING = {"higher": "a higher NDCG@10", "lower": "a lower NDCG@10"}
ATTENDING = {"higher": "more even attention", "lower": "more concentrated attention"}
ATTENTION = {"evenness": "evenness", "tau": "tau-b with saliency"}


def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """A row per user: rank, Hit@10, NDCG@10, evenness and tau-b of attention."""
    with recording(model, cases.batch) as recorded:
        columns = quality(model, cases)
    return pd.DataFrame(columns | attention(model, cases, recorded["attention"]))


def attention(model: Model, cases: HeldOutCases, weights: Tensor) -> dict[str, np.ndarray]:
    """Of the prediction row, per user: evenness, and the mean row's tau-b with saliency.

    `weights` are those of the row, [B, layers, H, L].

    Evenness is the entropy over log n, the mean over layers and heads. NaN where a history has a
    single item; tau-b needs three, not all equal.
    """
    batch = cases.batch
    of_items = shares(weights)  # without what a mask token keeps
    evenness = normalised_entropy(of_items, batch.valid[:, None, None]).mean((1, 2))
    saliency = explain(model, batch, cases.targets, "saliency, attention held")
    tau = rank_agreement(weights.mean((1, 2)), saliency, batch).tau
    return {"evenness": evenness.cpu().numpy(), "tau": tau.cpu().numpy()}


def variants_of(comparison: Comparison) -> list[str]:
    """All variants, in order."""
    return list(in_order(comparison.variants.values()))


def variant_pairs(comparison: Comparison) -> list[tuple[str, str]]:
    """Each calibrated variant with that of the baseline of its family."""
    labels = comparison.variants
    pairs = [
        (labels[calibrated], labels[plain]) for calibrated, plain in comparison.calibrated_pairs
    ]
    return list(dict.fromkeys(pairs))


def by_variant(results: Results, value: str) -> pd.DataFrame:
    """A row per user, a column per variant: the mean of the seeds it was trained with."""
    wide = conditions.by_condition(results.rows, "model", value)
    table = wide.T.groupby(pd.Series(dict(results.comparison.variants))).mean().T
    return table.reindex(columns=variants_of(results.comparison))


def differences(results: Results, value: str) -> dict[tuple[str, str], Interval]:
    """Each calibrated variant minus its baseline, paired by user."""
    table = by_variant(results, value)
    return {
        (calibrated, plain): paired_means(table[calibrated], table[plain])
        for calibrated, plain in variant_pairs(results.comparison)
    }


def means(results: Results, value: str) -> dict[str, Interval]:
    """The mean of each variant over users."""
    table = by_variant(results, value)
    intervals = means_of(table.to_numpy(np.float64), share=value in (*SHARES, "evenness"))
    return dict(zip(table.columns, intervals, strict=True))


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """The means of each variant, and its differences from its baseline."""
    labels = pd.Series(list(results.comparison.variants.values()), name="variant")
    trained = labels.value_counts(sort=False).rename("trained").reset_index()
    levels = {label: means(results, value) for value, label in (METRICS | ATTENTION).items()}
    made = {
        "variants": with_intervals(
            trained,
            {label: [mean[v] for v in trained["variant"]] for label, mean in levels.items()},
        )
    }
    changes = {label: differences(results, metric) for metric, label in METRICS.items()}
    if pairs := variant_pairs(results.comparison):
        measures = {label: list(change.values()) for label, change in changes.items()}
        made["differences"] = difference_table(pairs, measures, "variant")
    return made


def findings(results: Results) -> list[str]:
    """Which variants rank better or worse than their baseline, or attend more evenly or less."""
    changes = {value: differences(results, value) for value in ("ndcg", "evenness")}
    if not changes["ndcg"]:
        return [
            "The parts of the calibration were not compared: no calibrated model stands beside the "
            "plain one of its backbone."
        ]
    claims, evenness = Claims(), means(results, "evenness")
    for plain in in_order(plain for _, plain in changes["ndcg"]):
        of_plain = {
            value: {variant: change for (variant, other), change in all_.items() if other == plain}
            for value, all_ in changes.items()
        }
        claims.compose(of_plain["ndcg"], partial(_against, plain, "NDCG@10", RANKING))
        if not evenness[plain].n:
            claims.say("No history has two items, so that attention has no evenness to compare.")
            continue
        whose = (
            f"{plain}, whose attention of the prediction has an entropy of "
            f"{span(evenness[plain], 3)} of what uniform attention has"
        )
        claims.compose(of_plain["evenness"], partial(_against, whose, "evenness", ATTENDING))
    again = [m for m in results.comparison.names if len(results.comparison.trainings(m)) > 1]
    if again:
        claims.say(
            f"Of {listing(again)}, trained with several seeds, the first training alone is "
            "compared here; what attention is worth is told of all of them."
        )
    return claims.sentences()


def _against(
    plain: str, what: str, ways: Mapping[str, str], decisions: Mapping[str, Decision]
) -> str:
    """What was decided of all variants of a baseline; `ways` says what a side of 0 means."""
    by_side: dict[str, list[str]] = {}
    for name, decision in decisions.items():
        by_side.setdefault(decision.detected, []).append(f"{name} ({decision.numbers()})")
    parts = [
        f"{listing(by_side[side])} {'has' if len(by_side[side]) == 1 else 'have'} {way}"
        for side, way in ways.items()
        if side in by_side
    ]
    if "undetected" in by_side:
        names = listing(by_side["undetected"])
        parts.append(f"no difference in {what} was detected for {names}")
    parts += [
        f"{name}: {decision.numbers(what=what)}"
        for name, decision in decisions.items()
        if decision.detected in ("too few", "nobody")
    ]
    n = next(iter(decisions.values())).interval.n
    reaches = sorted(number(d.reach) for d in decisions.values() if d.reach > 0)
    reach = " to ".join(dict.fromkeys(reaches[:1] + reaches[-1:]))
    return f"Against {plain}, paired by user: {'; '.join(parts)} ({users(n, reach)})."


def summaries(results: Results) -> dict[str, Summary]:
    """Differences from the baseline; and evenness and agreement of attention."""
    made: dict[str, Summary] = {}
    changes = [
        {"panel": label, "series": f"minus {plain}", "row": variant} | ends(interval)
        for metric, label in METRICS.items()
        for (variant, plain), interval in differences(results, metric).items()
    ]
    if changes:
        table = pd.DataFrame(changes)
        made["differences"] = Summary(
            "dots",
            f"Calibration varied, against the backbone, {people_in(table)}, 95 % intervals",
            "difference per user",
            in_order(row["series"] for row in changes),
            table,
        )
    levels = [
        {"panel": label, "series": "variant", "row": variant} | ends(interval)
        for value, label in ATTENTION.items()
        for variant, interval in means(results, value).items()
    ]
    attention = pd.DataFrame(levels)
    made["attention"] = Summary(
        "dots",
        f"Attention of the prediction row, {people_in(attention)}, 95 % intervals",
        "mean over users",
        ("variant",),
        attention,
        alike=False,
    )
    return made


def by_user(results: Results) -> Rows:
    """Each user's rank, metrics, evenness and agreement."""
    return results.rows.renamed(METRICS | ATTENTION)


def exclusions(results: Results) -> list[str]:
    """The users without entropy, or without rank correlation."""
    first = conditions.by_condition(results.rows, "model", "evenness")[results.comparison.names[0]]
    alone = int(first.isna().sum())
    return [
        f"Evenness leaves out {alone:,} of {len(first):,} users, whose history has a single item; "
        "tau-b those whose attention or saliency is constant."
    ]


DIAGNOSTIC = Diagnostic(
    name="calibration_variants",
    title="The parts of the calibration",
    question="Which parts of the calibration change what a model ranks, and how it attends?",
    measure=measure,
    findings=findings,
    tables=tables,
    summaries=summaries,
    exclusions=exclusions,
    by_user=by_user,
    captions={
        "differences": "Each point is the mean over users of a calibrated variant's metric minus "
        "its backbone's, the bar its paired 95 % interval. Where several models are of one "
        "variant, a user's values are their mean; else one training of each is compared, and none "
        "with another seed: 'What attention is worth' takes these too, so that it may have other "
        "numbers for the same pair. The interval covers the choice of users, not the "
        "luck of training.",
        "attention": "Evenness is the entropy of the prediction row over its bound log n: 1 is "
        "uniform attention. Tau-b is the rank correlation of the weights with saliency of the "
        "held-out item, attention detached. It looks at the order of the weights and not at how "
        "much they differ; where all are equal there is none.",
        "variants": "Options that are not named have their defaults: gate, two levels, order and "
        "distance, softmax.",
    },
    needs_attention=True,
    needs_gradients=True,
    order=40,
)
