"""What the parts of the calibration are worth: the ablation and figures 3 and 4 of AC-TSR.

Models that differ in their calibration alone, against their backbone: quality, how evenly attention
is spread, and how it agrees with gradients. Trained by `python -m workbench sweep --study ...`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from analyses.diagnostic import Diagnostic, backbone
from analyses.report.conditions import difference_table, means_of, paired_means, with_intervals
from analyses.report.drawing import draw_all
from analyses.report.summaries import Summary, ends, names
from analyses.report.wording import change, listing, people, span, verdict
from analyses.running.passes import METRICS, SHARES, compact, held_out_batches, quality
from models import Batch
from workbench import attribute, record_attention
from workbench.data.sequences import SequenceData
from workbench.registry import variant
from workbench.statistics import Interval, entropy, kendall_tau_b

ATTENTION = {"evenness": "evenness", "tau": "tau-b with saliency"}


def measure(
    models: Mapping[str, Any],
    data: SequenceData,
    *,
    users: np.ndarray,
    seed: int,
    progress: Callable[[int], object],
) -> pd.DataFrame:
    """A row per model and user: rank, Hit@10, NDCG@10, evenness and tau-b of attention."""
    frames = []
    for name, model in models.items():
        for who, batch, targets in held_out_batches(model, data, users):
            columns = quality(model, batch, targets) | attention(model, batch, targets)
            label = variant(model.config)
            frames.append(pd.DataFrame({"model": name, "variant": label, "user": who, **columns}))
            progress(len(who))
    return compact(frames)


def attention(model: Any, batch: Batch, targets: Tensor) -> dict[str, np.ndarray]:
    """Of the prediction row, per user: entropy over log n, the mean over layers and heads; and
    tau-b of the mean row with saliency. NaN where a history has a single item, or all are equal.
    """
    with torch.no_grad():
        weights = record_attention(model, batch)["attention"]  # [B, layers, H, L]
        weights = weights / weights.sum(-1, keepdim=True)  # without what a mask token keeps
        nats = entropy(weights, batch.valid[:, None, None]).mean((1, 2))
        most = batch.lengths.to(nats).log()
    found = attribute(model, batch, targets, "saliency", detach_attention=True)
    row = weights.mean((1, 2)).float()
    tau = kendall_tau_b(row, found.values.float(), batch.valid)
    evenness = torch.where(most > 0, nats / most, torch.nan)
    return {"evenness": evenness.cpu().numpy(), "tau": tau.cpu().numpy()}


def families(frame: pd.DataFrame) -> dict[str, list[str]]:
    """The calibrated variants of every backbone that has a plain model beside them."""
    known = names(frame["variant"])
    return {
        name: calibrated
        for name in known
        if (calibrated := [v for v in known if v.startswith("AC-") and backbone(v) == name])
    }


def wide(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """A row per user, a column per variant: the mean of the seeds it was trained with."""
    text = frame.astype({"variant": str})
    return text.pivot_table(index="user", columns="variant", values=value, aggfunc="mean")


def differences(frame: pd.DataFrame, value: str) -> dict[tuple[str, str], Interval]:
    """Each calibrated variant minus its backbone, paired by user."""
    table = wide(frame, value)
    return {
        (one, plain): paired_means(table[one], table[plain])
        for plain, calibrated in families(frame).items()
        for one in calibrated
    }


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Every variant with its means, and with its differences from its backbone."""
    text = frame.astype({"variant": str, "model": str})
    seeds = text.groupby("variant", sort=False)["model"].nunique()
    found = {"variants": seeds.rename("trained").reset_index()}
    for value, label in (METRICS | ATTENTION).items():
        means = _means(frame, value)
        found["variants"] = with_intervals(
            found["variants"], {label: [means[v] for v in found["variants"]["variant"]]}
        )
    against = {label: differences(frame, m) for m, label in METRICS.items()}
    if pairs := list(next(iter(against.values()))):
        measures = {label: list(changes.values()) for label, changes in against.items()}
        found["differences"] = difference_table(pairs, measures, "variant")
    return found


def _means(frame: pd.DataFrame, value: str) -> dict[str, Interval]:
    table = wide(frame, value).reindex(columns=list(names(frame["variant"])))
    found = means_of(table.to_numpy(np.float64), share=value in SHARES)
    return dict(zip(table.columns, found, strict=True))


def conclude(frame: pd.DataFrame) -> list[str]:
    """Which parts rank better or worse than the backbone, and how even their attention is."""
    families_ = families(frame)
    if not families_:
        return [
            "The parts of the calibration were not compared: no calibrated model stands beside the "
            "plain one of its backbone."
        ]
    changes, even = differences(frame, "ndcg"), _means(frame, "evenness")
    return [
        sentence
        for plain, calibrated in families_.items()
        for sentence in (
            _quality(plain, {v: changes[v, plain] for v in calibrated}),
            _evenness([plain, *calibrated], even),
        )
    ]


def _quality(plain: str, changes: dict[str, Interval]) -> str:
    told = {
        word: [f"{name} ({change(i)})" for name, i in changes.items() if verdict(i) == word]
        for word in ("higher", "lower", "undetected")
    }
    few = [f"{name}: {change(i)}" for name, i in changes.items() if verdict(i) == "too few"]
    parts = [
        f"{listing(told[word])} {'has' if len(told[word]) == 1 else 'have'} a {word} NDCG@10"
        for word in ("higher", "lower")
        if told[word]
    ]
    if told["undetected"]:
        parts.append(f"no difference was detected for {listing(told['undetected'])}")
    n = next(iter(changes.values())).n
    return f"Against {plain}, paired by user: {'; '.join(parts + few)} ({people(n)})."


def _evenness(variants: list[str], found: dict[str, Interval]) -> str:
    ranked = sorted((v for v in variants if found[v].n), key=lambda v: found[v].estimate)
    if not ranked:
        return "No history has two items, so that attention has no evenness to compare."
    least, most = ranked[0], ranked[-1]
    return (
        f"Attention of the prediction is most concentrated in {least}, with an entropy of "
        f"{span(found[least], 3)} of what uniform attention has, and most even in {most}, with "
        f"{span(found[most], 3)} ({people(found[least].n)})."
    )


def summaries(frame: pd.DataFrame) -> dict[str, Summary]:
    """Differences from the backbone; and evenness and agreement of attention."""
    found: dict[str, Summary] = {}
    rows: list[dict[str, Any]] = []
    for metric, label in METRICS.items():
        for (one, plain), interval in differences(frame, metric).items():
            head = {"panel": label, "series": f"minus {plain}", "row": one}
            rows.append(head | ends(interval))
    if rows:
        found["differences"] = Summary(
            "dots",
            f"Calibration varied, against the backbone, {people(rows[0]['n'])}, 95 % intervals",
            "difference per user",
            tuple(dict.fromkeys(row["series"] for row in rows)),
            pd.DataFrame(rows),
        )
    rows = [
        {"panel": label, "series": "variant", "row": name} | ends(interval)
        for value, label in ATTENTION.items()
        for name, interval in _means(frame, value).items()
    ]
    found["attention"] = Summary(
        "dots",
        f"Attention of the prediction row, {people(rows[0]['n'])}, 95 % intervals",
        "mean over users",
        ("variant",),
        pd.DataFrame(rows),
    )
    return found


def plot(frame: pd.DataFrame) -> dict[str, Figure]:
    """Points with their intervals."""
    return draw_all(summaries(frame))


def by_user(frame: pd.DataFrame) -> pd.DataFrame:
    """Each user's rank, metrics, evenness and agreement."""
    return frame.rename(columns=METRICS | ATTENTION)


def exclusions(frame: pd.DataFrame) -> list[str]:
    """Who has no entropy, or no rank correlation."""
    one = frame[frame["model"] == frame["model"].iloc[0]]
    alone = int(one["evenness"].isna().sum())
    return [
        f"Evenness leaves out {alone:,} of {len(one):,} users, whose history has a single item; "
        "tau-b those whose attention or saliency is constant."
    ]


DIAGNOSTIC = Diagnostic(
    name="calibration_variants",
    title="The parts of the calibration",
    question="Which parts of the calibration change what a model ranks, and how it attends?",
    measure=measure,
    plot=plot,
    tables=tables,
    conclude=conclude,
    exclusions=exclusions,
    summaries=summaries,
    by_user=by_user,
    captions={
        "differences": "Each point is the mean over users of a calibrated variant's metric minus "
        "its backbone's, the bar its paired 95 % interval. Where a variant was trained "
        "with several seeds, a user's values are their mean; the interval covers the choice of "
        "users, not the luck of training.",
        "attention": "Evenness is the entropy of the prediction row over its bound log n: 1 is "
        "uniform attention. Tau-b is with saliency, attention detached, for the held-out item; it "
        "is what even weights cannot have by their size, only by their order.",
        "variants": "Options that are not named have their defaults: gate, two levels, order and "
        "distance, softmax.",
    },
    order=40,
)
