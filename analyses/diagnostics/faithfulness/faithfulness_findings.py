"""What is said of what moves the prediction: attention against the best control, and the best."""

from collections.abc import Mapping

import pandas as pd

from analyses.diagnostics.faithfulness.importance_choices import (
    ERASURES,
    HALVES,
    HELD_OUT,
    LEFT,
    LOST,
    OWN,
    SIZES,
    TRAINED,
    advantage,
    attentions,
    by_importance,
    chosen,
    conditions,
    controls,
    explanations,
    of_model,
    with_means,
)
from analyses.running.held_out import sampled
from analyses.running.results import Results, Rows
from analyses.telling.conditions import means_by, table_of_means, with_intervals
from analyses.telling.decisions import Claims, Decision
from analyses.telling.wording import NOBODY, people, percent
from workbench.statistics import exact_share

CAPTIONS = {
    "deletion curves": "What the item that a model recommends first loses when the items that an "
    "importance names are replaced by the mean embedding: higher is better. One-item replacement "
    "is the ruler: the effects of taking away each by itself, in order. Best are the part of "
    "attention, and the other importance, that do best here for these users. Bands are "
    "95 % intervals.",
    "sufficiency curves": "The same when only the items named are left: lower is better.",
    "first item": "For how many users the most important item is the one without which the score "
    "of the held-out item falls most. Recency always names the last item that is ranked; random is "
    "chance. Masking cannot take away the last item of a causal model, so the last item is kept "
    "and not ranked there.",
    "users": "The users measured, and for how many of them the held-out item was among the first "
    "ten of the model: what moves the predictions of a model that hits nobody is about nothing.",
    "": "A row per model and importance. align: share of users whose most important item is that "
    "without which the score falls most; tau and Spearman with what the score loses without each; "
    "lost without / lost alone: comprehensiveness and sufficiency in nats of log probability, "
    "means over 1, 2, 3 and 5 items (ERASER), so that the item without which most nats are lost "
    "may be another; attained: the former on the scale from what a greedy search leaves to what "
    "the opposite one attains, each among the ten items whose own effects on the score are "
    "largest, so that an importance that names better ones may have more than 1; names the cause: "
    "share of users whose most important item is a planted cause, of those that have one; stays: "
    "share of removals, most or least important first, after which the item is still in the top "
    "10 (POS@10, NEG@10). Equal items come in random order: what is the same at every item names "
    "one by chance, and has no correlation. So it is with uniform attention, and with input x "
    "gradient and integrated gradients of a model that normalises item embeddings before anything "
    "else.",
}
MEASURES = {
    "align": "align",
    "tau": "tau",
    "spearman": "Spearman",
    LOST: LOST,
    LEFT: LEFT,
    "attained": "attained",
    "cause": "names the cause",
    "stays": "stays, most first",
    "stays least": "stays, least first",
}
# the verdict has other numbers for the same questions
TARGETS = (
    "All this is about the score of the held-out item, which did happen; the verdict asks the same "
    "of the recommended item, which is what a reason is shown for, so that its numbers are others. "
    "The tables have both."
)


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    """With every measure of the tables."""
    frame = with_means(frame)
    steps = {
        name: frame[[f"{name} {k}" for k in SIZES]].mean(axis=1, skipna=False)
        for name in ("stays", "stays least")
    }
    return frame.assign(**steps)


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Every importance by target and condition."""
    rows = results.rows.where(control=TRAINED)
    by = ["operator", "last", "target", "model", "importance"]
    means = means_by(
        rows.map(_complete), by, [*MEASURES], shares=["align", "cause", "stays", "stays least"]
    )
    made = {"users": _users(results)}
    for operator, last in conditions(rows):
        for target in (HELD_OUT, OWN):
            here = {
                value: {k[3:]: i for k, i in each.items() if k[:3] == (operator, last, target)}
                for value, each in means.items()
            }
            known = {k: v for k, v in MEASURES.items() if any(i.n for i in here[k].values())}
            if known:
                made[f"{target}, {operator}, last item {last}"] = table_of_means(
                    here, ["model", "importance"], known, digits=3
                )
    return made


def _users(results: Results) -> pd.DataFrame:
    """How many users of each model were measured, and how often it was right about them."""
    users = results.rows.where(control=TRAINED, target=HELD_OUT).once(["model", "user"], ["hit"])
    rows = []
    for name in results.comparison.names:
        hits = users.loc[users["model"] == name, "hit"].to_numpy()
        rows.append({"model": name, "n users": len(hits), "Hit@10": exact_share(hits)})
    table = pd.DataFrame(rows)
    return with_intervals(table[["model", "n users"]], {"Hit@10": table["Hit@10"].tolist()}, 3)


def findings(results: Results) -> list[str]:
    """For each model: attention against the best control, and what does best."""
    claims, measured = Claims(), set(results.rows.once(["model"])["model"])
    for model in results.comparison.names:
        if model in measured:
            _of_model(claims, results.rows, model)
        else:
            claims.say(f"What moves the prediction of {model}: {NOBODY}.")
    if measured:
        claims.say(TARGETS)
    return claims.sentences()


def _of_model(claims: Claims, every: Rows, model: str) -> None:
    rows = of_model(every, model)
    aligned, lost = by_importance(rows, "align"), by_importance(rows, LOST)
    hits = exact_share(rows.drop_duplicates("user")["hit"].to_numpy())
    known = controls(rows)
    if attentions(rows):
        name = chosen(rows, attentions(rows))
        share = exact_share(aligned[name].to_numpy())
        control = chosen(rows, known)
        first = exact_share(aligned[control].to_numpy())
        what = "the item that matters most to the score of the held-out item"
        shares = f"{name} for {percent(share)} of users, {control} for {percent(first)}"
        claims.add(
            advantage(aligned, attentions(rows), known),
            {
                "higher": f"In {model} attention names {what} more often than any control: "
                f"{shares}",
                "lower": f"In {model} attention names {what} less often than a control that knows "
                f"nothing of the model: {shares}",
                "undetected": f"In {model} attention was not seen to name {what} more often than "
                f"a control: {shares}",
            },
            f"attention of {model} names the item that matters most more often than a control",
            f"difference in share of users, {HALVES}",
            digits=3,
            more=f"; the model has the held-out item in its top 10 for {percent(hits)} of them",
        )
        _without_the_last(claims, every, model)
        _planted(claims, rows, model, name)
    rivals = [name for name in explanations(rows) if name not in ERASURES]
    if rivals:
        better = chosen(rows, rivals, LOST)
        base = attentions(rows) or known
        what = "attention" if attentions(rows) else "the best control"
        claims.add(
            advantage(lost, rivals, base),
            {
                "higher": f"Taking away what {better} names costs {model} more than what {what} "
                f"names",
                "lower": f"Taking away what {better} names costs {model} less than what {what} "
                "names",
                "undetected": f"No difference was detected in {model} between taking away what "
                f"{better} names, the best importance that needs no removals of its own, and what "
                f"{what} names",
            },
            f"another importance finds what moves {model} better than {what}",
            "difference in nats, mean over 1, 2, 3 and 5 items",
            digits=3,
        )


def _without_the_last(claims: Claims, every: Rows, model: str) -> None:
    """Whether attention beats the controls with the last item kept, by both ways of removal."""
    kept = [c for c in conditions(every.where(model=model)) if c[1] == "kept"]
    intervals = {}
    for condition in kept:
        rows = of_model(every, model, HELD_OUT, condition)
        wide = by_importance(rows, "align")
        intervals[f"by {condition[0]}"] = advantage(wide, attentions(rows), controls(rows))

    def tell(decisions: Mapping[str, Decision]) -> str:
        detected = {d.detected for d in decisions.values()}
        numbers = "; ".join(f"{what}: {d.numbers(3)}" for what, d in decisions.items())
        n = max(d.interval.n for d in decisions.values())
        begin = f"With the last item kept and not ranked, attention of {model} "
        if detected == {"higher"}:
            text = "names the item that matters most more often than any control"
        elif detected == {"lower"}:
            text = "names the item that matters most less often than a control"
        elif "higher" in detected:
            text = (
                "names it more often than any control by one way of taking items away and not by "
                "the other, so nothing is claimed"
            )
        else:
            text = "was not seen to name it more often than a control"
        return f"{begin}{text} ({numbers}; {people(n)})."

    claims.compose(intervals, tell)


def _planted(claims: Claims, rows: pd.DataFrame, model: str, attention: str) -> None:
    """How often attention and others name a planted cause, where causes are known."""
    named = by_importance(rows, "cause").dropna()
    if len(named):
        others = [*controls(rows), *(name for name in ERASURES if name in named)]
        shares = ", ".join(
            f"{name} for {percent(exact_share(named[name].to_numpy()))}"
            for name in (attention, *others)
        )
        claims.say(
            f"Where the held-out item has a planted cause, these name one first in {model}: "
            f"{shares} ({people(len(named))})."
        )


def by_user(results: Results) -> Rows:
    """What each importance is worth for a user, the held-out item and the first condition first."""
    columns = [
        "model",
        "user",
        "length",
        "target",
        "operator",
        "last",
        "importance",
        "align",
        "tau",
    ]
    rows = results.rows.where(control=TRAINED).map(with_means).only([*columns, LOST, LEFT])
    return rows.renamed({"tau": "tau-b", "align": "names the item that matters most"})


def exclusions(results: Results) -> list[str]:
    """The sample, and short histories."""
    n = results.rows.n_users
    return [
        f"What moves the prediction was measured on {sampled(n)}, with three items or more, since "
        "every item taken away costs a pass."
    ]
