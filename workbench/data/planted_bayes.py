"""The best hit rate anyone can reach on planted data, exactly, and what that hits in given data."""

import numpy as np

from workbench.data.planted_settings import PlantedSettings
from workbench.errors import WorkbenchError


def hit_rate(setting: PlantedSettings, effects: np.ndarray, k: int, at: int) -> float:
    """Expected Hit@k, at a position, of a predictor that knows the rule.

    The best list of k holds the k likeliest items given the history, whose probabilities depend on
    whether the rule speaks and on its effect alone; the rate is the mean over both.

    Parameters
    ----------
    setting : what the data are made with.
    effects : as in `Planted`.
    k : length of the list.
    at : position in a sequence, from 0.

    Raises
    ------
    WorkbenchError
        If there is no such k or position.
    """
    if k < 1 or not 0 <= at < setting.length:
        raise WorkbenchError(f"no Hit@{k} at position {at} of sequences of {setting.length}.")
    effect = _effect_distribution(setting, effects, at)
    silent = np.sort(setting.chance())[::-1][:k].sum()

    base = setting.chance(setting.signal)
    ranked = np.sort(base)[::-1]
    top, without_last = ranked[:k].sum(), ranked[: k - 1].sum()
    boost = (1 - setting.noise) * setting.signal
    # the effect joins the k likeliest, in place of the last of them unless it was among them
    inside = base >= ranked[min(k, len(ranked)) - 1]
    speaking = np.where(inside, top + boost, np.maximum(top, without_last + base + boost))
    return float(effect @ speaking + (1 - effect.sum()) * silent)


def hits(setting: PlantedSettings, effects: np.ndarray, targets: np.ndarray, k: int) -> np.ndarray:
    """Whether each target is among the k likeliest items for a predictor that knows the rule, [n].

    Parameters
    ----------
    setting : what the data are made with.
    effects : [n], what the rule asks for; 0 where it is silent.
    targets : [n], the items that came.
    k : length of the list; of equally likely items, those with smaller ids come first.

    Raises
    ------
    WorkbenchError
        If there is no such k.
    """
    if k < 1:
        raise WorkbenchError(f"no Hit@{k}; give 1 or more.")
    found = np.zeros(len(targets), bool)
    for effect in np.unique(effects):
        likely = setting.chance(setting.signal if effect else 0.0)
        likely[0] = -1.0  # padding is no item
        if effect:
            likely[effect] += (1 - setting.noise) * setting.signal
        best = np.argsort(-likely, kind="stable")[:k]
        those = effects == effect
        found[those] = np.isin(targets[those], best)
    return found


def _effect_distribution(setting: PlantedSettings, effects: np.ndarray, at: int) -> np.ndarray:
    """P(the rule speaks at this position, and its effect is e), [n_items+1]."""
    if setting.rule == "distance":
        if at < setting.lag:
            return np.zeros(setting.n_items + 1)
        # P(item) at every lag-th position up to the cause, from the first of them on
        marginal = setting.chance()
        base = setting.chance(setting.signal)
        boost = (1 - setting.noise) * setting.signal
        for _ in range(at // setting.lag - 1):
            moved = np.zeros_like(marginal)
            moved[effects[1:]] = marginal[1:]
            marginal = base + boost * moved
        effect = np.zeros_like(marginal)
        effect[effects[1:]] = marginal[1:]
        return effect
    # causes are equally popular, so that only whether the rule speaks matters, not by which effect
    drawn = (1 - setting.noise) * setting.cause_share  # P(a cause), while no rule speaks
    if setting.rule == "content":
        speaks = 1 - (1 - drawn) ** at
    elif setting.rule == "conjunction":
        first = drawn * (setting.n_causes // 2) / setting.n_causes
        speaks = 1 - (1 - first) ** at - (1 - (drawn - first)) ** at + (1 - drawn) ** at
    elif at < setting.lag:
        speaks = 0.0
    else:  # P(the item at the lag is a cause), from the first of every lag-th position on
        boost = (1 - setting.noise) * setting.signal
        speaks = drawn
        for _ in range(at // setting.lag - 1):
            speaks = drawn + speaks * (boost - drawn * setting.signal)
    effect = np.zeros(setting.n_items + 1)
    effect[1 : setting.n_causes + 1] = speaks / setting.n_causes
    return effect
