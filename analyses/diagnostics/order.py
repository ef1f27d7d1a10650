"""What a model needs of a history: the order of its items, any but the last, and attention to them.

The lists and metrics of each user are compared with those of the unchanged history, after

- all items but the last were shuffled, the mean of `DRAWS` draws;
- all items but the last were taken away;
- the history was reversed, so that its oldest item is the last one, from which is predicted;
- the attention of every row in every layer was made uniform, in the model as it was trained.

Where items move, times stay where they are, in order: an item gets the time of its new place. What
attention has to say about a model is bounded by what the model loses here: weights that can be made
uniform, over items that can be taken away, explain little.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analyses.diagnostic import Diagnostic
from analyses.running.held_out import HeldOutCases
from analyses.running.passes import METRICS, SHARES, RankedScores, overlap
from analyses.running.results import Results, Rows
from analyses.telling.conditions import means_by, table_of
from analyses.telling.decisions import Claims
from analyses.telling.summaries import Summary, not_empty, people_in, rows
from analyses.telling.wording import people, percent, span
from models import Batch
from workbench.attention.editing import edit_attention
from workbench.attention.edits import uniform
from workbench.model import Model
from workbench.phrases import counted, in_order, listing
from workbench.writing import number

DRAWS = 3  # shufflings, whose effects are averaged per user
UNCHANGED, SHUFFLED, ALONE = "unchanged", "all but the last item shuffled", "last item alone"
REVERSED, UNIFORM = "history reversed", "attention uniform at inference"
CHANGES = {
    "d_hit": "change of Hit@10",
    "d_ndcg": "change of NDCG@10",
    "top1_changed": "top-1 changed",
}
OVERLAP = "overlap of the ten best"
PARTS = (*SHARES, "top1_changed", "jaccard")  # what is no less than 0 and no more than 1
ASKED = {  # what the findings ask: what was changed, and what is so called in a sentence
    ALONE: "from its last item alone than from the whole history",
    SHUFFLED: "when all items but the last are shuffled",
    UNIFORM: "when its attention is made uniform at inference",
}


@torch.no_grad()
def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """A row per user and condition: metrics, and how they and the list differ from the unchanged.

    `jaccard` is the overlap of the ten best items, `top1_changed` the share of draws with another
    item in the first place. A model without attention has no row with attention made uniform.
    """
    batch, targets = cases.batch, cases.targets
    before = RankedScores.of(model, batch, targets)
    generator = np.random.default_rng([seed, *cases.users[:1]])
    seeds = generator.integers(2**31, size=DRAWS).tolist()
    made = {
        SHUFFLED: [shuffled(batch, draw) for draw in seeds],
        ALONE: [last_alone(batch)],
        REVERSED: [from_the_end(batch)],
    }
    frames = [_effect(before, before).assign(condition=UNCHANGED, **_no_change(len(targets)))]
    for condition, histories in made.items():
        draws = [_effect(before, RankedScores.of(model, changed, targets)) for changed in histories]
        frames.append(sum(draws[1:], draws[0]).div(len(draws)).assign(condition=condition))
    if model.stages:
        with edit_attention(model, uniform, rows="all"):
            after = RankedScores.of(model, batch, targets)
        frames.append(_effect(before, after).assign(condition=UNIFORM))
    lengths = batch.lengths.cpu().numpy()
    return pd.concat([frame.assign(user=cases.users, length=lengths) for frame in frames])


def _no_change(n: int) -> dict[str, np.ndarray]:
    """No effect of a condition that is none."""
    return dict.fromkeys((*CHANGES, "jaccard"), np.full(n, np.nan))


def _effect(before: RankedScores, after: RankedScores) -> pd.DataFrame:
    """Metrics of a pass, and what differs from the pass before, a row per case."""
    jaccard = overlap(before.listed, after.listed).cpu().numpy()
    return pd.DataFrame({**after.metrics, **before.changed_to(after), "jaccard": jaccard})


def shuffled(batch: Batch, seed: int) -> Batch:
    """Every history with all its items but the last in a random order; times stay."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand(batch.items.shape, generator=generator).to(batch.items.device)  # below 1
    places = places.scatter(1, batch.rows[:, None], 1.0).masked_fill(~batch.valid, 2.0)
    return _moved(batch, places.argsort(1))


def from_the_end(batch: Batch) -> Batch:
    """Every history in reverse, its oldest item last; times stay."""
    places = torch.arange(batch.items.shape[1], device=batch.items.device)
    return _moved(batch, torch.where(batch.valid, batch.rows[:, None] - places, places))


def _moved(batch: Batch, sources: Tensor) -> Batch:
    """Every history with the item at `sources` [B, L] in each place."""
    return replace(batch, items=batch.items.gather(1, sources))


def last_alone(batch: Batch) -> Batch:
    """Every history of its last item alone, which then stands in the first place."""
    last = batch.rows[:, None]
    times = None if batch.times is None else batch.times.gather(1, last)
    items = batch.items.gather(1, last)
    return replace(batch, items=items, lengths=torch.ones_like(batch.lengths), times=times)


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """Every condition: metrics, and how they and the lists differ from the unchanged."""
    measures = METRICS | CHANGES | {"jaccard": OVERLAP}
    return {"conditions": table_of(results.rows, ["model", "condition"], measures, shares=PARTS)}


def findings(results: Results) -> list[str]:
    """Whether each model ranks worse without what came before, its order, or its attention."""
    claims, by = Claims(), ["model", "condition"]
    values = ["d_ndcg", "hit", "top1_changed", "jaccard"]
    means = means_by(results.rows, by, values, shares=PARTS)
    effects, hits, tops, overlaps = means.values()
    for condition, change in ASKED.items():
        for model in results.comparison.names:
            key = (model, condition)
            if key not in effects:
                continue
            if overlaps[key].estimate == 1 and not (effects[key].nonzero or tops[key].nonzero):
                claims.say(
                    f"{model} ranks no otherwise {change}: the ten best items, their first and "
                    f"NDCG@10 stay the same for everybody ({people(effects[key].n)})."
                )
                continue
            claims.add(
                effects[key],
                {
                    "higher": f"{model} ranks better {change}",
                    "lower": f"{model} ranks worse {change}",
                    "undetected": f"{model} does not rank detectably better or worse {change}",
                },
                question=f"{model} ranks worse {change}",
                what="change of NDCG@10",
                more=f"; Hit@10 goes from {number(hits[model, UNCHANGED].estimate)} to "
                f"{number(hits[key].estimate)}, the top item changes for {percent(tops[key])} of "
                f"users, and the ten best overlap by {span(overlaps[key], 2)}",
            )
    return claims.sentences()


def summaries(results: Results) -> dict[str, Summary]:
    """The change of NDCG@10, and the overlap of lists, by condition."""
    models = tuple(results.comparison.names)
    every = means_by(results.rows, ["condition", "model"], ["d_ndcg", "jaccard"], shares=PARTS)

    def summary(value: str, title: str, measure: str) -> Summary:
        means = every[value]
        conditions = [c for c in in_order(c for c, _ in means) if c != UNCHANGED]
        keys = [(c, m) for c in conditions for m in models if (c, m) in means]
        marks = pd.DataFrame(rows({key: means[key] for key in keys}, ["row", "series"], panel=""))
        return Summary("dots", f"{title}, {people_in(marks)}", measure, models, marks)

    return not_empty(
        {
            "change of NDCG@10": summary(
                "d_ndcg", "What ranking loses without a part of its input", "change of NDCG@10"
            ),
            "overlap of lists": summary(
                "jaccard",
                "How much of the ten best items stays the same",
                "Jaccard index of the ten best items before and after",
            ),
        }
    )


def by_user(results: Results) -> Rows:
    """What each condition does to a user."""
    rows = results.rows.map(_changed_first)
    return rows.renamed(METRICS | CHANGES | {"jaccard": OVERLAP})


def _changed_first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("condition", key=lambda c: c == UNCHANGED, kind="stable")


def exclusions(results: Results) -> list[str]:
    """Histories in which nothing can change, and models without attention."""
    lengths = results.rows.once(["user"], ["length"])["length"]
    sentences = []
    short, single = (int((lengths < n).sum()) for n in (3, 2))
    if short:
        lone = f", and {single:,} of them a single item, which no condition changes" * (single > 0)
        sentences.append(
            f"Order and history: nobody was left out; {counted(short, 'user has', 'users have')} "
            f"fewer than 3 items, so that nothing can be shuffled before the last{lone}; "
            "such histories count as unchanged."
        )
    attentive = set(results.rows.where(condition=UNIFORM).once(["model"])["model"])
    without = [name for name in results.comparison.names if name not in attentive]
    if without:
        sentences.append(f"{listing(without)}: no attention that could be made uniform.")
    return sentences


DIAGNOSTIC = Diagnostic(
    name="order",
    title="Order and history",
    question="Does ranking need the order of a history, more of it than its last item, and learned "
    "attention to it?",
    measure=measure,
    findings=findings,
    tables=tables,
    summaries=summaries,
    by_user=by_user,
    exclusions=exclusions,
    captions={
        "change of NDCG@10": "NDCG@10 of the changed history minus that of the unchanged one: mean "
        "over users with its paired 95 % interval; left of the line, ranking got worse. Shuffled: "
        f"the items before the last change places at random, the mean of {DRAWS} draws. Last item "
        "alone: all others are taken away, so that it also stands in the first place instead of "
        "its own. Reversed: the whole history, so that prediction starts from the oldest item; it "
        "loses what the last item says as well as the order. Times, where a model reads them, stay "
        "sorted: an item gets the time of its new place. Uniform: every row of every layer gives "
        "all items it may see the same weight, in the model as it was trained.",
        "overlap of lists": "Of the items among the ten best before or after, the share that is "
        "among both: 1, the same ten. Lists can change though NDCG@10, which looks at one item, "
        "does not.",
        "conditions": "Hit@10 and NDCG@10 under each condition and their paired differences to the "
        "unchanged history, every item ranked; the share of users with another item in the first "
        "place; the overlap of the ten best items (Jaccard index, 1 = the same).",
    },
    order=5,
)
