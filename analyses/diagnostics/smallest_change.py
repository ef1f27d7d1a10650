"""Smallest change: the fewest items without which another item is recommended first (CLEANN).

Whoever shows attention as a reason says that without the most attended item this would not have
been recommended. So it should be among the fewest items whose removal takes what the model
recommends from the first place (counterfactual explanation, CLEANN, arXiv 2310.20307), more often
than the last item, which needs no model to be named, and than an item drawn at random. Items that
the user has had are not recommended.
"""

import numpy as np
import pandas as pd
import torch

from analyses.diagnostic import Diagnostic
from analyses.diagnostics.faithfulness.importance_choices import (
    advantage,
    attentions,
    by_importance,
    chosen,
)
from analyses.running.held_out import HeldOutCases, sampled, seen_items
from analyses.running.results import Results, Rows
from analyses.telling.conditions import means_by, means_of, table_of
from analyses.telling.decisions import Claims
from analyses.telling.summaries import Summary, ends, not_empty, people_in, rows
from analyses.telling.wording import NOBODY, people, percent, span
from workbench import explain
from workbench.explaining.attention_weights import every_reduction
from workbench.faithfulness.agreement import most_important
from workbench.faithfulness.counterfactual import MOST, POOL, smallest_change
from workbench.metrics import CUTOFF, hit, target_ranks
from workbench.model import Model
from workbench.phrases import counted, in_order
from workbench.statistics import Interval, median_interval
from workbench.writing import number

SHORTEST = 2  # of a lone item there is nothing to choose
RANDOM, RECENCY = "random", "recency"


@torch.no_grad()
def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """A row per user of the sample and importance: whether its first item is in the smallest set.

    `size` of that set, NaN if none was found; `successor`, the title of what comes first without
    it, and its `old_rank`; `passes` that the search took; `hit`, whether the held-out item is among
    the ten best; all repeated in each row. `holds` is of equally important items the share
    that is in the set, of a random item the chance; NaN where no set was found, and for a history
    of a single item.
    """
    cases = cases.take(cases.in_sample)
    if not len(cases.users):
        return pd.DataFrame({"user": np.zeros(0, np.int64)})
    batch, targets = cases.batch, cases.targets
    change = smallest_change(model, batch, hidden=seen_items(cases.data, cases.users))
    ranks = target_ranks(model.scores(batch), targets)
    titles = [cases.data.title(item) if item else "" for item in change.successor.tolist()]
    columns = {
        "user": cases.users,
        "length": batch.lengths.cpu().numpy(),
        "size": change.size.cpu().numpy(),
        "successor": titles,
        "old_rank": change.old_rank.cpu().numpy(),
        "passes": change.passes.cpu().numpy(),
        "hit": hit(ranks.cpu().numpy(), CUTOFF),
    }
    values = every_reduction(model, batch) | {RECENCY: explain(model, batch, targets, RECENCY)}
    first = {name: most_important(each, batch.valid) for name, each in values.items()}
    first[RANDOM] = batch.valid.double() / batch.lengths[:, None]
    unknown = change.size.isnan() | (batch.lengths < SHORTEST)  # nothing found, nothing to choose
    frames = []
    for name, share in first.items():
        holds = (share * change.removed).sum(1).masked_fill(unknown, torch.nan)
        frames.append(pd.DataFrame(columns | {"importance": name, "holds": holds.cpu().numpy()}))
    return pd.concat(frames)


def findings(results: Results) -> list[str]:
    """For each model: how few items it takes, and whether attention names them."""
    claims, users = Claims(), _users(results, "size", "old_rank", "hit")
    for model in results.comparison.names:
        rows_of = results.rows.where(model=model).map(_holds).whole()
        if len(rows_of):
            claims.say(_how_few(model, users[users["model"] == model]))
            if attentions(rows_of):
                _named(claims, model, rows_of)
        else:
            claims.say(f"The smallest change in {model}: {NOBODY}.")
    return claims.sentences()


def _holds(frame: pd.DataFrame) -> pd.DataFrame:
    """Whether each importance names one of the items."""
    return frame[["user", "importance", "holds"]]


def _users(results: Results, *columns: str) -> pd.DataFrame:
    """What does not depend on an importance, a row per model and user."""
    return results.rows.once(["model", "user"], columns)


def _how_few(model: str, users: pd.DataFrame) -> str:
    """How few items it takes, from a row per user."""
    one, found, hits = means_of(_within(users, [1, MOST]), share=True) + means_of(
        users[["hit"]].to_numpy(), share=True
    )
    successor = _successor(median_interval(users["old_rank"].to_numpy()))
    return (
        f"In {model} taking a single item away puts another item in the first place for "
        f"{percent(one)} of users, and taking up to {MOST} away for {percent(found)}{successor} "
        f"({people(found.n)}, of whom {percent(hits)} have the held-out item in the top 10)."
    )


def _successor(rank: Interval) -> str:
    """At which rank what then comes first was before; empty where nothing is known to."""
    if not rank.n:
        return ""
    told = "; what then comes first was at rank"
    digits = 0 if rank.estimate.is_integer() else 1  # of an even number of users
    if rank.has_ends:
        return f"{told} {span(rank, digits)} before (median)"
    few = f"of {counted(rank.n, 'user')}, too few for an interval"
    return f"{told} {number(rank.estimate, digits)} before (median {few})"


def _within(users: pd.DataFrame, sizes: list[int]) -> np.ndarray:
    """Whether so many items suffice, [users, sizes] of 0 and 1."""
    return (users["size"].to_numpy()[:, None] <= np.array(sizes)).astype(np.float64)


def _named(claims: Claims, model: str, rows_of: pd.DataFrame) -> None:
    wide = by_importance(rows_of, "holds").dropna()
    if len(wide) < 2:  # no half that could choose for the other
        claims.say(f"Whether attention of {model} names the smallest change: {NOBODY}.")
        return
    rows_of = rows_of[rows_of["user"].isin(wide.index)]
    names, rivals = attentions(rows_of), [RECENCY, RANDOM]
    mine, control = (chosen(rows_of, each, "holds") for each in (names, rivals))
    means = means_by(Rows([rows_of]), ["importance"], ["holds"], shares=["holds"])["holds"]
    shares = (
        f"{mine} for {percent(means[mine,])} of users, {control} for {percent(means[control,])}"
    )
    holds = "the most attended item is among the fewest that have to go"
    claims.add(
        advantage(wide, names, rivals),
        {
            "higher": f"In {model} {holds} more often than the best control: {shares}",
            "lower": f"In {model} {holds} less often than a control that knows nothing of the "
            f"model: {shares}",
            "undetected": f"In {model} {holds} not detectably more or less often than the best "
            f"control: {shares}",
        },
        question=f"in {model} {holds} more often than a control",
        what="difference in share of users, each half judged by what the other chose",
        digits=3,
    )


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """How few items it takes, and how often each importance names one of them."""
    users = _users(results, "size", "old_rank", "passes", "hit")
    one, found = _within(users, [1, MOST]).T
    users = users.assign(one=one, found=found)
    sizes = {
        "one": "one item suffices",
        "found": f"up to {MOST} suffice",
        "size": "items (where found)",
        "old_rank": "old rank of the new first",
        "passes": "passes",
        "hit": "Hit@10",
    }
    return {
        "size": table_of(Rows([users]), ["model"], sizes, digits=3, shares=["one", "found", "hit"]),
        "named": table_of(
            results.rows,
            ["model", "importance"],
            {"holds": "names one of them"},
            digits=3,
            shares=["holds"],
        ),
    }


def summaries(results: Results) -> dict[str, Summary]:
    """How often each importance names one of the items, and for how many users how few suffice."""
    models, everyone = tuple(results.comparison.names), _users(results, "size")
    means = means_by(results.rows, ["importance", "model"], ["holds"], shares=["holds"])["holds"]
    keys = [(i, m) for i in in_order(i for i, _ in means) for m in models if (i, m) in means]
    marks = pd.DataFrame(rows({key: means[key] for key in keys}, ["row", "series"], panel=""))
    sizes, counts = list(range(1, MOST + 1)), []
    for model in models:
        users = everyone[everyone["model"] == model]
        shares = means_of(_within(users, sizes), share=True)
        for k, share in zip(sizes, shares, strict=True):
            if share.n:
                counts.append({"panel": "", "series": model, "at": k, **ends(share)})
    lines = pd.DataFrame(counts)
    return not_empty(
        {
            "named": Summary(
                "dots",
                "How often an importance's first item belongs to the smallest change, "
                f"{people_in(marks)}",
                "share of users",
                models,
                marks,
            ),
            "how few": Summary(
                "lines",
                f"Users for whom so few items less put another item first, {people_in(lines)}",
                "share of users",
                models,
                lines,
                at="items taken away, at most",
            ),
        }
    )


def by_user(results: Results) -> Rows:
    """The smallest change of a user, and whether each importance names one of its items."""
    labels = {
        "size": "items taken away",
        "old_rank": "rank of what is then first",
        "holds": "names one of them",
    }
    columns = ["model", "user", "length", *labels, "importance"]
    return results.rows.only(columns).renamed(labels)


def exclusions(results: Results) -> list[str]:
    """The sample, what was not found, and what has nothing to choose."""
    users = _users(results, "length", "size")
    once = users.drop_duplicates("user")
    sentences = [
        f"Smallest change was measured on {sampled(len(once))}, since every set of items tried "
        "costs a pass."
    ]
    if (short := int((once["length"] < SHORTEST).sum())) > 0:
        sentences.append(
            f"Smallest change: whether an importance names the only item of a history, "
            f"{people(short)}."
        )
    for model, size in users.groupby("model", observed=True, sort=False)["size"]:
        if (missed := int(size.isna().sum())) > 0:
            sentences.append(
                f"Smallest change: of {model} no set of up to {MOST} items was found for "
                f"{counted(missed, 'user')}, left out of what is said of these sets."
            )
    return sentences


SEARCH = (
    "An item is taken away by putting the mean embedding in its place (by deletion, in a model "
    "without embeddings). All sets of one and two items are tried; of three, those of the "
    f"{POOL} items with the largest effect of their own; and from three on the best set with one "
    f"item more, up to {MOST}. So sizes above two may be too large. "
)
DIAGNOSTIC = Diagnostic(
    name="smallest_change",
    title="Smallest change",
    question="How few items have to go until another item is recommended first, and does attention "
    "name them?",
    measure=measure,
    findings=findings,
    tables=tables,
    summaries=summaries,
    by_user=by_user,
    exclusions=exclusions,
    captions={
        "named": "Share of users whose most important item is among the fewest items without which "
        "another item comes first; of several such sets the one after which the other item is "
        "furthest ahead. Recency names the last item; random is the chance of an item drawn. "
        + SEARCH,
        "how few": "Share of users for whom taking away so many items suffices. " + SEARCH,
        "size": "For how many users one item and up to five taken away put another one first; how "
        "many it takes where any do, the rank that the new first item had before (means, with 95 % "
        "intervals), and the passes of the search for a user. " + SEARCH,
    },
    order=7,
)
