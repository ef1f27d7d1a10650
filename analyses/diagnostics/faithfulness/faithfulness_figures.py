"""The numbers of the figures of faithfulness: deletion curves, and whose first item is right."""

from collections.abc import Mapping

import pandas as pd

from analyses.diagnostics.faithfulness.importance_choices import (
    ERASURES,
    HELD_OUT,
    LEFT,
    LOST,
    OWN,
    SIZES,
    TRAINED,
    attentions,
    chosen,
    conditions,
    explanations,
    is_attention,
    of_model,
)
from analyses.running.results import Results
from analyses.telling.conditions import means_by
from analyses.telling.summaries import Summary, ends, not_empty, people_in, rows
from workbench.statistics import Interval
from workbench.writing import number

CURVES = "deletion curves"


def summaries(results: Results) -> dict[str, Summary]:
    """Curves of each model, and how often each importance names what matters most."""
    return not_empty(
        {
            CURVES: _curves(results, "without", "loses without the most important items"),
            "sufficiency curves": _curves(results, "alone", "loses with the most important alone"),
            "first item": _first(results),
        }
    )


def _curves(results: Results, kind: str, what: str) -> Summary:
    """What the recommended item loses in removals of a kind, a panel per model."""
    series, message = dict[str, bool](), ""
    rows = results.rows.where(target=OWN, control=TRAINED)
    values = {k: f"{kind} {k}" for k in SIZES}
    means = means_by(rows, ["model", "operator", "last", "importance"], [*values.values()])
    table = []
    for model in results.comparison.names:
        rows_of, first = of_model(results.rows, model, OWN), conditions(rows.where(model=model))
        lines = shown(rows_of, kind, first[0][0]) if len(rows_of) else {}
        ends_at = {}
        for label, importance in lines.items():
            series[label] = True
            for k, value in values.items():
                interval = means[value].get((model, *first[0], importance))
                if interval is not None:
                    table.append({"panel": model, "series": label, "at": k, **ends(interval)})
                    ends_at[label] = interval.estimate
        message = message or _message(model, kind, ends_at)
    marks = pd.DataFrame(table)
    return Summary(
        "lines",
        f"Nats of log probability that the recommended item {what}, {people_in(marks)}",
        "nats lost",
        tuple(series),
        marks,
        at="items, the most important first",
        message=message,
    )


def _message(model: str, kind: str, lost: Mapping[str, float]) -> str:
    """What the curves of the first model come to, in a sentence."""
    if "attention (best)" not in lost:
        return ""
    how = "without the" if kind == "without" else "with only the"
    return (
        f"{model}: {how} {SIZES[-1]} items that attention names, the recommended item loses "
        f"{number(lost['attention (best)'], 1)} nats; {how} last {SIZES[-1]} items, "
        f"{number(lost['recency'], 1)}"
    )


def shown(frame: pd.DataFrame, kind: str, ruler: str) -> dict[str, str]:
    """The curves of a model: attention, the best control, the best importance, and the ruler.

    The best loses the most without its items, or the least with them alone, by the mean over the
    numbers of items.
    """
    frame = frame.assign(best=frame[LOST] if kind == "without" else -frame[LEFT])
    lines = {}
    if attentions(frame):
        lines["attention (mean)"] = "attention"
        lines["attention (best)"] = chosen(frame, attentions(frame), "best")
    lines["recency"] = "recency"
    lines["random"] = "random"
    rivals = [name for name in explanations(frame) if name not in ERASURES]
    if rivals:
        lines["best other importance"] = chosen(frame, rivals, "best")
    lines["one-item " + ruler] = ruler
    return lines


def _first(results: Results) -> Summary:
    """How often each importance names the item that matters most, by condition."""
    models = results.comparison.names
    of_target = results.rows.where(control=TRAINED, target=HELD_OUT)
    by = ["operator", "last", "importance", "model"]
    means = means_by(of_target, by, ["align"], shares=["align"])["align"]
    table, message = [], ""
    for condition in conditions(of_target):
        here = {
            key[2:]: mean
            for key, mean in means.items()
            if key[:2] == condition and key[2] not in ERASURES
        }
        panel = f"{condition[0]}, last item {condition[1]}"
        table += rows(here, ["row", "series"], panel=panel)
        message = message or _named_first(models[0], here)
    marks = pd.DataFrame(table)
    title = (
        "How often an importance names the item that the held-out item's score needs most, "
        f"{people_in(marks)}"
    )
    return Summary("dots", title, "share of users", tuple(models), marks, message=message)


def _named_first(model: str, shares: Mapping[tuple, Interval]) -> str:
    """What the marks of a model come to in the first condition, in a sentence."""
    of_model = {name: share.estimate for (name, of), share in shares.items() if of == model}
    parts = [name for name in of_model if is_attention(name)]
    if not parts:
        return ""
    best = max(parts, key=lambda name: of_model[name])
    return (
        f"{model}: {best} names that item for {100 * of_model[best]:.0f} % of users, recency for "
        f"{100 * of_model['recency']:.0f} %"
    )
