"""The numbers of the figures of faithfulness: deletion curves, and whose first item is right."""

import pandas as pd

from analyses.diagnostics.faithfulness.importance_choices import (
    ERASURES,
    HELD_OUT,
    LOST,
    SIZES,
    attentions,
    chosen,
    conditions,
    explanations,
    of_model,
    trained,
    with_means,
)
from analyses.report.conditions import means_by
from analyses.report.summaries import Summary, ends, not_empty, rows
from analyses.report.wording import people
from analyses.running.results import Results

CURVES = "deletion curves"


def summaries(results: Results) -> dict[str, Summary]:
    """Deletion curves of each model, and how often each importance names what matters most."""
    return not_empty({CURVES: curves(results), "first item": _first(results)})


def curves(results: Results) -> Summary:
    """What is lost without the most important items, and with them alone."""
    table, series = [], {}
    names = [name for name in results.comparison.names if (results.frame["model"] == name).any()]
    for model in names:
        chosen_rows = with_means(of_model(results.frame, model))
        for label, importance in shown(chosen_rows).items():
            series[label] = True
            part = chosen_rows[chosen_rows["importance"] == importance]
            for kind, panel in (("without", "without them"), ("alone", "with them alone")):
                for k in SIZES:
                    value = part.assign(lost=part[f"{kind} {k}"], all="")
                    for interval in means_by(value, ["all"], "lost").values():
                        table.append(
                            {
                                "panel": f"{model}: {panel}",
                                "series": label,
                                "at": k,
                                **ends(interval),
                            }
                        )
    n = people(results.frame["user"].nunique())
    return Summary(
        "lines",
        f"Nats of log probability that the held-out item loses, {n}",
        "nats lost",
        tuple(series),
        pd.DataFrame(table),
        at="items, the most important first",
    )


def shown(frame: pd.DataFrame) -> dict[str, str]:
    """The curves of a model: attention, the best control, the best importance, and the ruler."""
    lines = {}
    if attentions(frame):
        lines["attention (mean)"] = "attention"
        lines["attention (best)"] = chosen(frame, attentions(frame))
    lines["recency"] = "recency"
    lines["random"] = "random"
    rivals = [name for name in explanations(frame) if name not in ERASURES]
    if rivals:
        lines["best other importance"] = chosen(frame, rivals, LOST)
    ruler = conditions(frame)[0][0]
    lines["one-item " + ruler] = ruler
    return lines


def _first(results: Results) -> Summary:
    """How often each importance names the item that matters most, by condition."""
    frame, models = trained(results.frame), results.comparison.names
    table = []
    for operator, last in conditions(frame):
        here = frame[
            (frame["operator"] == operator)
            & (frame["last"] == last)
            & (frame["target"] == HELD_OUT)
            & ~frame["importance"].isin(ERASURES)
        ]
        means = means_by(here, ["importance", "model"], "align", share=True)
        panel = f"{operator}, last item {last}"
        table += rows(means, ["row", "series"], panel=panel)
    n = people(frame["user"].nunique())
    title = f"How often the most important item is the one whose removal costs most, {n}"
    return Summary("dots", title, "share of users", tuple(models), pd.DataFrame(table))
