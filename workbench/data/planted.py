"""Planted data: sequences in which the item that causes the next one is known.

At every position chance decides, in this order: with probability `noise` a noise item comes
(uniformly, from a block of the catalogue that means nothing); else with probability `signal` the
rule speaks, if its cause is there; else an item is drawn by popularity.

Rules:

- *content*: a few items are causes; the most recent cause in the history, wherever it is, produces
  its effect.
- *distance*: the item `lag` positions back, whatever it is, produces its effect.
- *content-and-distance*: the item `lag` positions back produces its effect if it is a cause.
- *conjunction*: causes are of two kinds; the most recent of each produce, together, an effect
  which neither of them shows alone.

The effect of a cause is another cause (for *distance*, every item is one). That is what makes the
recorded cause the only source: given it, nothing else in the history says more about the next item.
If effects were repeated, the earlier effect would say as much as the cause, and "which item was
it?" would have two right answers.

Sequences differ in length, so that what predicts in a test stands at a position at which others
were trained (`PlantedSettings.sequence_lengths`).
"""

from dataclasses import asdict, dataclass

import numpy as np

from workbench.data.planted_bayes import hit_rate, hits
from workbench.data.planted_settings import PlantedSettings, Rule
from workbench.data.sequences import PAD, SequenceData
from workbench.data.truth import Truth
from workbench.errors import WorkbenchError

DAY = 86_400


@dataclass(frozen=True, eq=False)
class Planted:
    """Planted data and the rule behind them.

    Attributes
    ----------
    data : the sequences; `data.truth` holds the cause of each item.
    effects : [n_items+1], the effect of each item (0: none); for a conjunction
        [n_items+1, n_items+1], the effect of a cause of the first and one of the second kind.
    settings : what the data were made with.
    last_effects : [n_users], what the rule asks for at the last item of each user; 0 where it is
        silent, because its cause is not there.
    """

    data: SequenceData
    effects: np.ndarray
    settings: PlantedSettings
    last_effects: np.ndarray

    def bayes_hit_rate(self, k: int = 1, position: int | None = None) -> float:
        """Expected Hit@k of a predictor that knows the rule.

        Parameters
        ----------
        k : length of the list.
        position : where it predicts, from 0; None: the last item of each user, as in a test.

        Raises
        ------
        WorkbenchError
            If there is no such k or position.
        """
        if position is not None:
            return hit_rate(self.settings, self.effects, k, position)
        lengths, counts = np.unique(self.data.lengths, return_counts=True)
        rates = [hit_rate(self.settings, self.effects, k, int(n) - 1) for n in lengths]
        return float(np.average(rates, weights=counts))

    def bayes_hits(self, k: int = 1) -> np.ndarray:
        """Which of these very last items that predictor hits, [n_users] bool.

        `bayes_hit_rate` is what is expected of its mean; chance makes of some users more than that.

        Parameters
        ----------
        k : length of the list.

        Raises
        ------
        WorkbenchError
            If there is no such k.
        """
        return hits(self.settings, self.last_effects, self.data.items[self.data.offsets[1:] - 1], k)


def planted(rule: Rule = "content", **settings: float) -> Planted:
    """Generate planted data; the same settings give the same data.

    Parameters
    ----------
    rule : "content", "distance", "content-and-distance" or "conjunction", as explained above.
    settings : the other fields of `PlantedSettings`.

    Returns
    -------
    Planted
        The sequences, at `data`, and the rule behind them.

    Raises
    ------
    WorkbenchError
        If settings are not known or impossible.
    """
    try:
        setting = PlantedSettings(rule=rule, **settings)  # type: ignore[arg-type]
    except TypeError as error:
        raise WorkbenchError(f"planted: {error}.") from error
    rng = np.random.default_rng(setting.seed)
    lengths = rng.choice(setting.length + 1, setting.n_users, p=setting.sequence_lengths())
    effects = _effects(setting, rng)
    shape = n_users, length = setting.n_users, setting.length
    is_noise = rng.random(shape) < setting.noise
    speaks = rng.random(shape) < setting.signal
    noise = rng.integers(setting.n_items - setting.n_noise + 1, setting.n_items + 1, shape)
    popular = rng.choice(setting.n_items + 1, shape, p=setting.popularity())

    items = np.where(is_noise, noise, popular)  # [n_users, length]
    causes = np.full((2, *shape), -1)
    asked = np.zeros(shape, np.int64)  # the effect that the rule asks for, 0 where it is silent
    latest = np.full((2, n_users), -1)  # most recent cause of either kind
    users = np.arange(n_users)
    for t in range(length):
        if setting.rule == "conjunction":
            present = (latest >= 0).all(axis=0)
            effect = effects[items[users, latest[0]], items[users, latest[1]]]
        else:
            if setting.rule != "content":
                latest[0] = t - setting.lag if t >= setting.lag else -1
            effect = effects[items[users, latest[0]]]
            present = (latest[0] >= 0) & (effect > 0)
        asked[present, t] = effect[present]
        fired = present & speaks[:, t] & ~is_noise[:, t]
        items[fired, t] = effect[fired]
        causes[:, fired, t] = latest[:, fired]
        for kind in range(2):
            latest[kind, _is_cause(setting, items[:, t], kind)] = t
    if setting.rule != "conjunction":
        causes[1] = -1
    data = _sequences(setting, items, causes, lengths)
    result = Planted(data, effects, setting, asked[users, lengths - 1])
    for k in (1, 10):
        result.data.provenance[f"bayes_hit@{k}"] = result.bayes_hit_rate(k)
    return result


def _is_cause(setting: PlantedSettings, items: np.ndarray, kind: int) -> np.ndarray:
    if setting.rule == "conjunction":
        half = setting.n_causes // 2
        low, high = (1, half) if kind == 0 else (half + 1, setting.n_causes)
        return (items >= low) & (items <= high)
    return items <= setting.n_causes


def _effects(setting: PlantedSettings, rng: np.random.Generator) -> np.ndarray:
    n, half = setting.n_causes, setting.n_causes // 2
    if setting.rule == "conjunction":
        # a cause of either kind by a coin, but never one of the two that produced it
        table = np.zeros((setting.n_items + 1, setting.n_items + 1), np.int64)
        first, second = np.arange(half)[:, None], np.arange(n - half)[None, :]
        other_first = 1 + (first + rng.integers(1, half, (half, n - half))) % half
        step = rng.integers(1, n - half, (half, n - half))
        other_second = half + 1 + (second + step) % (n - half)
        coin = rng.random((half, n - half)) < 0.5
        table[1 : half + 1, half + 1 : n + 1] = np.where(coin, other_first, other_second)
        return table
    # one ring through all causes: no item is its own effect, and each is the effect of one
    size = setting.n_items if setting.rule == "distance" else n
    ring = 1 + rng.permutation(size)
    effects = np.zeros(setting.n_items + 1, np.int64)
    effects[ring] = np.roll(ring, -1)
    return effects


def _sequences(
    setting: PlantedSettings, items: np.ndarray, causes: np.ndarray, lengths: np.ndarray
) -> SequenceData:
    """The first `lengths` [n_users] of items [n_users, length] and causes [2, n_users, length]."""
    n_users, length = items.shape
    kept = np.arange(length) < lengths[:, None]
    first_noise = setting.n_items - setting.n_noise + 1
    kinds = [
        "noise" if i >= first_noise
        else "cause" if i <= setting.n_causes and setting.rule != "distance"
        else "item"
        for i in range(1, setting.n_items + 1)
    ]  # fmt: skip
    return SequenceData(
        name=f"planted-{setting.rule}",
        items=items[kept].astype(np.int32),
        times=np.nonzero(kept)[1] * DAY,
        offsets=np.append(0, np.cumsum(lengths)).astype(np.int64),
        item_ids=np.array([PAD, *map(str, range(1, setting.n_items + 1))], dtype=object),
        user_ids=np.array([*map(str, range(1, n_users + 1))], dtype=object),
        titles=[PAD, *(f"{kind} {i}" for i, kind in enumerate(kinds, 1))],
        provenance={"source": "planted", "reader": "planted", "settings": asdict(setting)},
        truth=Truth(causes[0][kept], causes[1][kept]),
    )
