"""How far attention can be moved for nothing: models that were trained to keep it off what matters.

After Pruthi et al. (ACL 2020, arXiv 1909.07913). That attention can be moved does not make the map
of the plain model wrong: a map has to be tested, since ranking well does not vouch for it. What
matters is what has the largest effect in the plain model, and the cause where it was planted.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from analyses.diagnostics.seeds.seed_pairs import Trainings, Values, largest_at
from analyses.running.passes import METRICS
from analyses.telling.conditions import means_of, with_intervals
from analyses.telling.decisions import WORTH, Claims, Decision, evidence
from analyses.telling.wording import percent
from workbench.statistics import Interval

SHARE = "attention to the item of largest effect"
CAUSE = "attention to the planted cause"
ALIGNED = "attends most to its own item of largest effect"
QUALITY = METRICS["ndcg"]
MOVED = 0.5  # what is left of the share where attention counts as kept off


def claim_deception(claims: Claims, trainings: Trainings) -> None:
    """A sentence on each model whose attention was kept off, and one on each without a peer."""
    pairs = dict(trainings.comparison.kept_off_pairs)
    for model in trainings.comparison.with_role("kept off"):
        if model not in pairs:
            claims.say(
                f"How far the attention of {model}, which was kept off items in training, can be "
                "moved for nothing is not known: no model trained without that stands beside it."
            )
            continue
        plain = pairs[model]
        ours, theirs = (shares(trainings, name, plain) for name in (model, plain))
        differences = {what: _mean(ours[what] - theirs[what]) for what in ours if what != ALIGNED}
        given = _share(ours[SHARE]), _share(theirs[SHARE])
        level = _mean(theirs[QUALITY]).estimate
        claims.compose(differences, partial(_sentence, model, plain, *given, level))
        own, other = (percent(_share(each[ALIGNED])) for each in (ours, theirs))
        claims.say(
            f"{model} attends most to its own item of largest effect for {own} of users, {plain} "
            f"for {other}."
        )


def _sentence(
    model: str,
    plain: str,
    share: Interval,
    plain_share: Interval,
    quality: float,
    decisions: Mapping[str, Decision],
) -> str:
    """What follows from how far attention was moved, and from what that cost.

    Parameters
    ----------
    model, plain : names of the one whose attention was kept off, and of its peer.
    share, plain_share : of their attention.
    quality : the mean of the peer, of which a loss of less than `WORTH` is none.
    decisions : differences of the two by what they are of.
    """
    less = decisions[SHARE].detected == "lower"
    moved = less and share.estimate < MOVED * plain_share.estimate
    worse = decisions[QUALITY].detected == "lower"
    loss = f"a loss of {100 * WORTH:.0f} % of {QUALITY}"
    as_good = decisions[QUALITY].interval.low > -WORTH * quality
    given = (
        f"{model}, trained to keep its attention off items, gives {percent(share)} of it to what "
        f"has the largest effect in {plain}, and {plain} {percent(plain_share)}"
    )
    if moved and worse:
        concluded = "this costs quality, so the map was not to be had for nothing"
    elif moved and as_good:
        concluded = (
            f"{loss} is ruled out: a model can rank as well and show another map, so a map by "
            "itself is no proof of what a ranking was made from"
        )
    elif moved:
        concluded = f"{loss} is not ruled out, and nothing follows for the map"
    else:
        how_far = "moved by less than half" if less else "not moved detectably"
        concluded = f"its attention was {how_far}, and nothing follows for the map"
    return f"{given}; {concluded} ({evidence(decisions)})."


def shares(trainings: Trainings, model: str, plain: str) -> dict[str, np.ndarray]:
    """What a model gives to what matters, and its quality, by what it is; [U], NaN for none.

    Parameters
    ----------
    trainings : all that was measured.
    model : whose attention it is.
    plain : the model in which effects are measured.
    """
    kinds = ["attention", "effect", "ndcg", "cause"]
    names = list(dict.fromkeys([model, plain]))
    parts = [_shares(values, model, plain) for values in trainings.values(names, kinds)]
    return {what: np.concatenate([part[what] for part in parts]) for what in parts[0]}


def _shares(values: Mapping[str, Values], model: str, plain: str) -> dict[str, np.ndarray]:
    attention = values["attention"][model]
    effects, own = (values["effect"][name] for name in (plain, model))
    made = {SHARE: _at_largest(attention, effects)}
    if "cause" in values:
        is_cause = values["cause"][model] == 1
        given = np.where(is_cause, attention, 0).sum(1)
        made[CAUSE] = np.where(is_cause.any(1), given, np.nan)
    aligned = largest_at(own) == largest_at(attention)
    made[ALIGNED] = np.where(np.isnan(own).all(1), np.nan, aligned)
    made[QUALITY] = values["ndcg"][model][:, 0]
    return made


def _at_largest(attention: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """Attention to the item of largest effect, [U]; NaN where effects were not measured."""
    given = attention[np.arange(len(attention)), largest_at(effects)]
    return np.where(np.isnan(effects).all(1), np.nan, given)


def _mean(values: np.ndarray) -> Interval:
    return means_of(values[:, None])[0]


def _share(values: np.ndarray) -> Interval:
    return means_of(values[:, None], share=True)[0]


def deception_table(trainings: Trainings) -> pd.DataFrame | None:
    """A row per model of each pair: what it gives to what matters, and its quality."""
    rows, intervals = [], []
    for model, plain in trainings.comparison.kept_off_pairs:
        for name in (model, plain):
            measured = {what: _share(v) for what, v in shares(trainings, name, plain).items()}
            rows.append({"model": name, "n users": measured[SHARE].n})
            intervals.append(measured)
    if not rows:
        return None
    columns = {what: [each[what] for each in intervals] for what in intervals[0]}
    return with_intervals(pd.DataFrame(rows), columns)
