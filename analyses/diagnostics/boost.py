"""Boost: what a target gains where the item that matters most gets more attention (PRISM).

The item that matters most is the one whose removal costs the target's score most. In the prediction
row of every layer and head its weight is raised by `MASS` of the row, the others giving it in
proportion, and the row is computed again (after PRISM, arXiv 2608.11846). A model that uses its
attention to pick what matters gives its target a better score for that, and a better one than for
as much weight on another item, which is what it stands beside.
"""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analyses.diagnostic import Diagnostic
from analyses.diagnostics.faithfulness.importance_choices import HELD_OUT, OWN
from analyses.running.held_out import HeldOutCases, recommended, sampled, seen_items
from analyses.running.results import Results, Rows
from analyses.telling.conditions import means_by, table_of
from analyses.telling.decisions import Claims
from analyses.telling.summaries import Summary, not_empty, people_in, rows
from analyses.telling.wording import people, percent, span
from models import Batch
from workbench.attention.base_pass import BasePass
from workbench.attention.editing import Edited, edited_scores
from workbench.attention.edits import raise_keys
from workbench.explaining.erasure import effects_of_each
from workbench.explaining.methods import default_erasure
from workbench.metrics import CUTOFF, hit, log_probabilities, ndcg, target_ranks
from workbench.model import Model
from workbench.phrases import in_order

MASS = 0.1  # of the prediction row's sum, in every layer and head
DRAWS = 3  # of a random item, whose effects are averaged per user
SHORTEST = 2  # a lone item has all the attention there is
MATTERS, LAST, RANDOM = "item that matters most", "last item", "random other item"
MEASURES = {"nats": "nats gained", "d_ndcg": "dNDCG@10"}
BEYOND = {"nats_beyond": "nats beyond random", "d_ndcg_beyond": "dNDCG@10 beyond random"}


@torch.no_grad()
def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """A row per user of the sample, target and item raised: what the target gains.

    `nats` of log probability over the catalogue; `d_ndcg`; both with `_beyond`, the same minus
    what a random other item brings; `hit`, whether the held-out item was among the ten best.
    Gains are NaN for a history of a single item.

    It costs a pass per item of a history, or what stands behind the item, and one without any
    change; for each of the two targets a prediction row per item raised and draw.
    """
    draw = np.random.default_rng([seed, *cases.users[:1]])
    cases = cases.take(cases.in_sample)
    if not len(cases.users):
        return pd.DataFrame({"user": np.zeros(0, np.int64)})
    batch = cases.batch
    base = BasePass(model, batch)
    scores = base.scores()  # [b, V]
    seen = seen_items(cases.data, cases.users)
    targets = torch.stack([cases.targets, recommended(scores, seen)], 1)  # [b, 2]
    effects = effects_of_each(base, targets, default_erasure(model))  # [b, L, 2]
    before = [_outcome(scores, target) for target in targets.unbind(1)]
    lengths = batch.lengths.cpu().numpy()
    hits = hit(before[0][1].cpu().numpy(), CUTOFF)
    frames = []
    for k, label in enumerate((HELD_OUT, OWN)):
        matters = effects[..., k].masked_fill(~batch.valid, -torch.inf).argmax(1)  # [b]
        raised = {
            MATTERS: [matters],
            LAST: [batch.rows],
            RANDOM: [_another(matters, batch, draw) for _ in range(DRAWS)],
        }
        gains = {}
        for item, places in raised.items():
            edits = [Edited(raise_keys(place, MASS)) for place in places]
            after = [_outcome(each, targets[:, k]) for each in edited_scores(base, edits)]
            draws = [_gain(before[k], each) for each in after]
            gains[item] = sum(draws[1:], draws[0]) / len(draws)
        for item, gain in gains.items():
            beyond = (gain - gains[RANDOM]) if item != RANDOM else gain * np.nan
            frame = pd.concat([gain, beyond.add_suffix("_beyond")], axis=1)
            frame[lengths < SHORTEST] = np.nan
            frames.append(
                frame.assign(user=cases.users, length=lengths, hit=hits, target=label, raised=item)
            )
    return pd.concat(frames)


def _another(places: Tensor, batch: Batch, draw: np.random.Generator) -> Tensor:
    """A random item of each history other than the one at `places` [B]; that of a lone one, [B]."""
    noise = torch.from_numpy(draw.random(tuple(batch.items.shape))).to(places.device)
    noise = noise.scatter(1, places[:, None], -1.0)  # before all others, after padding
    return noise.masked_fill(~batch.valid, -2.0).argmax(1)


def _outcome(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Log probability and rank of targets [B], from scores of all items [B, V]."""
    return log_probabilities(scores, targets[:, None])[:, 0], target_ranks(scores, targets)


def _gain(before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor]) -> pd.DataFrame:
    """What targets gain, from one log probability and rank of each to another."""
    (old_nats, old), (nats, new) = before, after
    old_ranks, ranks = old.cpu().numpy(), new.cpu().numpy()
    return pd.DataFrame(
        {
            "nats": (nats - old_nats).cpu().numpy(),
            "d_ndcg": ndcg(ranks, CUTOFF) - ndcg(old_ranks, CUTOFF),
        }
    )


def findings(results: Results) -> list[str]:
    """Whether the held-out item gains more by attention to what matters than to another item."""
    claims, values = Claims(), [*MEASURES, *BEYOND, "hit"]
    means = means_by(
        results.rows.where(target=HELD_OUT), ["model", "raised"], values, shares=["hit"]
    )
    hits = means["hit"]
    for model in results.comparison.names:
        key = (model, MATTERS)
        if key not in hits:
            continue
        more = f"attention to the item that matters most, {100 * MASS:.0f} % of the row more,"
        other = "than as much more to a random other item"
        better = "by attention to the item that matters most"
        gain, chance = means["nats"][key], means["nats"][model, RANDOM]
        brings = f"; it brings {span(gain, 3)} nats, and a random one {span(chance, 3)}"
        claims.add(
            means["nats_beyond"][key],
            {
                "higher": f"In {model} {more} gives the held-out item more probability {other}",
                "lower": f"In {model} {more} gives the held-out item less probability {other}",
                "undetected": f"In {model} it was not detected that {more} gives the held-out item "
                f"more or less probability {other}",
            },
            question=f"in {model} {more} gives the held-out item more probability {other}",
            what="difference in nats",
            digits=3,
            more=brings if gain.n else "",
        )
        claims.add(
            means["d_ndcg_beyond"][key],
            {
                "higher": f"{model} ranks better {better} {other}",
                "lower": f"{model} ranks worse {better} {other}",
                "undetected": f"{model} does not rank detectably better or worse {better} {other}",
            },
            question=f"{model} ranks better {better} {other}",
            what="difference in dNDCG@10",
            more=f"; the unchanged model has the held-out item in its top 10 for "
            f"{percent(hits[key])} of these users",
        )
    return claims.sentences()


def tables(results: Results) -> dict[str, pd.DataFrame]:
    """What each target gains by each item raised."""
    by = ["model", "target", "raised"]
    return {"gains": table_of(results.rows, by, MEASURES | BEYOND)}


def summaries(results: Results) -> dict[str, Summary]:
    """Nats gained by target and item raised."""
    models = tuple(results.comparison.names)
    means = means_by(results.rows, ["target", "raised", "model"], ["nats"])["nats"]
    order = [
        (target, raised, model)
        for target in in_order(target for target, *_ in means)
        for raised in in_order(raised for _, raised, _ in means)
        for model in models
    ]
    marks = rows({key: means[key] for key in order if key in means}, ["panel", "row", "series"])
    table = pd.DataFrame(marks)
    title = f"What a target gains by attention to an item, {people_in(table)}"
    return not_empty({"gains by item": Summary("dots", title, "nats gained", models, table)})


def by_user(results: Results) -> Rows:
    """What a user's targets gain, the item that matters most first."""
    columns = ["model", "user", "length", "target", "raised", *MEASURES]
    return results.rows.only(columns).renamed(MEASURES)


def exclusions(results: Results) -> list[str]:
    """The sample, and single items."""
    users = results.rows.once(["user"], ["length"])
    sentences = [
        f"Boost was measured on {sampled(len(users))}, since every item taken away costs a pass."
    ]
    if (short := int((users["length"] < SHORTEST).sum())) > 0:
        sentences.append(
            f"Boost: histories of a single item, which has all the attention: {people(short)}."
        )
    return sentences


DIAGNOSTIC = Diagnostic(
    name="boost",
    title="Boost",
    question="Does the target gain where attention goes to the item that matters most?",
    measure=measure,
    findings=findings,
    tables=tables,
    summaries=summaries,
    by_user=by_user,
    exclusions=exclusions,
    captions={
        "gains": "What the log probability (nats) and NDCG@10 of a target gain where one item gets "
        f"{100 * MASS:.0f} % of the prediction row more in every layer and head, or what the row's "
        "largest weight leaves to the others where that is less; the other items give it in "
        "proportion to their weights. So every item raised gets as much. The item that matters "
        "most is the one whose replacement by the mean embedding costs the target's score most "
        "(deletion, in a model without embeddings); the random one is another item of the history, "
        f"the mean of {DRAWS} draws. Mean over users with its 95 % interval; beyond random is the "
        "paired difference. NDCG@10 is among all items, those of the history too, so that the own "
        "recommendation, before which only these may stand, gains little of it. "
        "The item is chosen by what it does to this very target, so that some gain is to be "
        "expected of any model, of one with uniform attention too: it says that attention there "
        "works, not that a model's own attention is right.",
    },
    needs_attention=True,
    order=12,
)
