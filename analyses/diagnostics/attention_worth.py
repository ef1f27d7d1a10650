"""What attention is worth: learned attention against attention frozen to uniform.

After Wiegreffe & Pinter (EMNLP 2019, arXiv 1908.04626): the same model trained with uniform
attention bounds what any reading of the weights can explain.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.diagnostic import Diagnostic, by_backbone, calibrated_pairs
from analyses.report.conditions import difference_table, means_by, paired, table_of
from analyses.report.drawing import draw_all
from analyses.report.summaries import Summary, ends
from analyses.report.wording import change, listing, people, span, verdict
from analyses.running.passes import METRICS, SHARES, compact, held_out_batches, quality
from workbench.data.sequences import SequenceData
from workbench.statistics import Interval


def measure(
    models: Mapping[str, Any],
    data: SequenceData,
    *,
    users: np.ndarray,
    seed: int,
    progress: Callable[[int], object],
) -> pd.DataFrame:
    """A row per model and user: the rank of the held-out item, Hit@10, NDCG@10."""
    frames = []
    for name, model in models.items():
        for who, batch, targets in held_out_batches(model, data, users):
            found = quality(model, batch, targets)
            frames.append(pd.DataFrame({"model": name, "user": who, **found}))
            progress(len(who))
    return compact(frames)


def compare(frame: pd.DataFrame, model: str, other: str) -> dict[str, Interval]:
    """Paired difference `model` minus `other` over the users both have, by metric."""
    return {metric: paired(frame, metric, model, other) for metric in METRICS}


def _names(frame: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(frame["model"]))


def _pairs(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """(model, model it is compared with): all against uniform, then calibrated against plain."""
    return _against_uniform(_names(frame)) + calibrated_pairs(_names(frame))


def _against_uniform(names: list[str]) -> list[tuple[str, str]]:
    """Each model with the uniform one of its backbone."""
    return [
        (name, parts.uniform)
        for parts in by_backbone(names).values()
        if parts.uniform
        for name in (parts.baseline, *parts.calibrated)
        if name
    ]


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Each model's metrics, and the paired differences."""
    result = {"models": table_of(frame, ["model"], METRICS, shares=SHARES)}
    pairs = _pairs(frame)
    if pairs:
        found = [compare(frame, *pair) for pair in pairs]
        measures = {label: [both[m] for both in found] for m, label in METRICS.items()}
        result["differences"] = difference_table(pairs, measures)
    return result


def conclude(frame: pd.DataFrame) -> list[str]:
    """What learned attention adds to uniform attention, and what calibration adds to either."""
    names = _names(frame)
    pairs = _against_uniform(names)
    if not pairs:
        return [
            "What attention is worth was not measured: no model with uniform attention is among "
            f"{listing(names)}."
        ]
    sentences = [_sentence(name, uniform, compare(frame, name, uniform)) for name, uniform in pairs]
    means = means_by(frame, ["model"], "ndcg")
    stand = "; ".join(f"{name} {span(mean)}" for (name,), mean in means.items())
    return [*sentences, f"Test NDCG@10 of each model: {stand} ({people(means[names[0],].n)})."]


def _sentence(model: str, uniform: str, both: dict[str, Interval]) -> str:
    numbers = ", ".join(f"{METRICS[m]} {change(i)}" for m, i in both.items())
    found = {METRICS[m]: verdict(i) for m, i in both.items()}
    detected = [f"a {word} {name}" for name, word in found.items() if word in ("higher", "lower")]
    rest = [name for name, word in found.items() if word == "undetected"]
    kind = f"{uniform}, the same kind of model trained with its attention frozen to uniform"
    if set(found.values()) == {"too few"}:
        return f"Whether {model} ranks otherwise than {kind}: {numbers}."
    if not detected:
        worth = (
            f"No difference was detected between {model} and {kind}, so its learned weights show "
            "no measurable benefit here"
        )
    else:
        worth = f"{model} has {listing(detected)} than {kind}"
        worth += f"; no difference was detected in {listing(rest)}" if rest else ""
        if set(found.values()) == {"lower"}:
            worth += ", so its weights explain nothing that helps"
    return f"{worth} (paired difference: {numbers}; {people(both['ndcg'].n)})."


def summaries(frame: pd.DataFrame) -> dict[str, Summary]:
    """The paired differences."""
    pairs = _pairs(frame)
    if not pairs:
        return {}
    rows = []
    for a, b in pairs:
        found = compare(frame, a, b)
        rows += [
            {"panel": METRICS[m], "series": "difference", "row": f"{a} \N{MINUS SIGN} {b}"}
            | ends(found[m])
            for m in METRICS
        ]
    return {
        "differences": Summary(
            "dots",
            f"Paired differences between models, {people(rows[0]['n'])}, 95 % intervals",
            "difference per user",
            ("difference",),
            pd.DataFrame(rows),
        )
    }


def plot(frame: pd.DataFrame) -> dict[str, Figure]:
    """The paired differences as points with their intervals."""
    return draw_all(summaries(frame))


def by_user(frame: pd.DataFrame) -> pd.DataFrame:
    """Each user's rank and metrics."""
    return frame.rename(columns=METRICS)


def exclusions(frame: pd.DataFrame) -> list[str]:
    """Nobody is left out here."""
    return []


DIAGNOSTIC = Diagnostic(
    name="attention_worth",
    title="What attention is worth",
    question="Does a model with learned attention rank better than one trained with uniform "
    "attention?",
    measure=measure,
    plot=plot,
    tables=tables,
    conclude=conclude,
    exclusions=exclusions,
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
