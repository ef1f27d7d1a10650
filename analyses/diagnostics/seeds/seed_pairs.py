"""Two trainings side by side, user by user: how far their attention, effects and lists differ."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product

import numpy as np
import pandas as pd
import torch

from analyses.running.comparison import Comparison
from analyses.running.results import Results
from analyses.telling.conditions import means_of
from workbench.faithfulness.agreement import SHORTEST
from workbench.statistics import Interval, jensen_shannon_of_scores, kendall_tau_b

Values = Mapping[str, np.ndarray]  # [users, places] by training, NaN where there is no such place


def divergence(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence of two attentions over the same items, in nats, [U]."""
    logits = (torch.from_numpy(np.nan_to_num(x)).log() for x in (one, other))
    return jensen_shannon_of_scores(*logits).numpy()


def order_distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 - Kendall's tau-b of two importances, [U]; NaN below `SHORTEST` items."""
    valid = ~(np.isnan(one) | np.isnan(other))  # [U, K]
    valid &= (valid.sum(1) >= SHORTEST)[:, None]
    x, y = (torch.from_numpy(np.nan_to_num(v).astype(np.float32)) for v in (one, other))
    return 1 - kendall_tau_b(x, y, torch.from_numpy(valid)).numpy()


def other_largest(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether two importances have their largest value at other items, [U]; NaN for a lone item."""
    lone = (~np.isnan(one)).sum(1) < 2
    return np.where(lone, np.nan, largest_at(one) != largest_at(other))


def largest_at(values: np.ndarray) -> np.ndarray:
    """The place of the largest value of [U, K], [U]; 0 where all are NaN."""
    return np.nan_to_num(values, nan=-np.inf).argmax(1)


def not_shared(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Share of one list that is not in the other, [U]."""
    return 1 - (one[:, :, None] == other[:, None]).any(2).mean(1)


@dataclass(frozen=True)
class Difference:
    """How two trainings can differ.

    Attributes
    ----------
    kind : the rows of the frame that it is about.
    label : what it is called.
    between : from the values of two trainings, [U, K] each, to their difference, [U].
    share : whether it is no less than 0 and no more than 1, as `means_of` is told.
    """

    kind: str
    label: str
    between: Callable[[np.ndarray, np.ndarray], np.ndarray]
    share: bool = False


DIFFERENCES = {
    "divergence": Difference("attention", "divergence of attention, nats", divergence),
    "attended": Difference("attention", "another most attended item", other_largest, True),
    "order": Difference("attention", "attention, 1 \N{MINUS SIGN} tau", order_distance),
    "effects": Difference("effect", "effects of items, 1 \N{MINUS SIGN} tau", order_distance),
    "largest": Difference("effect", "another item of largest effect", other_largest, True),
    "lists": Difference("top", "share of the top 10 not in common", not_shared, True),
}


class Trainings:
    """All trainings of a report, and how far two of them, or of their models, differ.

    Parameters
    ----------
    results : what was measured of each.
    differences : those that are asked for, of `DIFFERENCES`.
    """

    def __init__(self, results: Results, differences: Iterable[str] = tuple(DIFFERENCES)) -> None:
        self.comparison: Comparison = results.comparison
        self._rows = results.rows
        self._means: dict[tuple[str, ...], np.ndarray] = {}
        asked = {what: DIFFERENCES[what] for what in differences}
        names = [t for name in self.comparison.names for t in self.comparison.trainings(name)]
        parts: dict[tuple[str, ...], list[np.ndarray]] = {}
        kinds = list({each.kind for each in asked.values()})
        for values in self.values(names, kinds) if self.repeated else ():
            for what, difference in asked.items():
                for key, mean in self._of_some(what, difference, values).items():
                    parts.setdefault(key, []).append(mean)
        self._means = {key: np.concatenate(each) for key, each in parts.items()}

    def values(self, trainings: Sequence[str], kinds: Sequence[str]) -> Iterator[dict[str, Values]]:
        """What was measured of some users after others, [users, places] by kind and training.

        NaN where there is none.
        """
        parts = [
            filter(len, self._rows.where(model=name).map(partial(_of_kinds, kinds=kinds)))
            for name in trainings
        ]
        for frames in zip(*parts, strict=True):  # of the same users each
            frame = pd.concat([each.astype({"model": str, "kind": str}) for each in frames])
            users = np.unique(frame["user"])
            yield {str(kind): _wide(rows, users) for kind, rows in frame.groupby("kind")}

    @property
    def repeated(self) -> list[str]:
        """The models that were trained more than once."""
        names = self.comparison.names
        return [name for name in names if len(self.comparison.trainings(name)) > 1]

    def pairs(self) -> list[tuple[str, str]]:
        """Models that are compared, where another seed of one of them says what that changes."""
        known = self.comparison.uniform_pairs + self.comparison.calibrated_pairs
        return [(a, b) for a, b in known if {a, b} & {*self.repeated}]

    def within(self, what: str, model: str) -> np.ndarray | None:
        """The mean difference of two trainings of a model, [U]; None where there is none."""
        return self._means.get((what, model))

    def between(self, what: str, model: str, other: str) -> np.ndarray | None:
        """The mean difference of a training of one model and one of another, [U].

        Trainings at the same place are not paired: they began with one seed, hence with the same
        weights and order of batches, which makes two models more alike than two seeds of one.
        """
        return self._means.get((what, model, other))

    def excess(self, what: str, model: str, other: str) -> Interval | None:
        """How much more two models differ than two trainings of one of them do.

        Both are means over pairs of trainings, for each user; the interval is over users.
        """
        between = self.between(what, model, other)
        parts = [self.within(what, name) for name in (model, other)]
        within = [part for part in parts if part is not None]
        if between is None or not within:
            return None
        return means_of((between - np.mean(within, axis=0))[:, None])[0]

    def _of_some(
        self, what: str, difference: Difference, values: Mapping[str, Values]
    ) -> dict[tuple[str, ...], np.ndarray]:
        """Mean differences of some users, of every model and of every pair that have any."""
        trainings = {name: self.comparison.trainings(name) for name in self.comparison.names}
        asked: dict[tuple[str, ...], list[tuple[str, str]]] = {
            (what, name): list(combinations(trainings[name], 2)) for name in self.repeated
        }
        for model, other in self.pairs():
            numbered = product(enumerate(trainings[model]), enumerate(trainings[other]))
            asked[what, model, other] = [(a, b) for (i, a), (j, b) in numbered if i != j]
        known = {
            name: each
            for name, each in values.get(difference.kind, {}).items()
            if not self._is_fixed(what, name)
        }
        means = {}
        for key, pairs in asked.items():
            each = [
                difference.between(known[a], known[b]) for a, b in pairs if {a, b} <= known.keys()
            ]
            if each:
                means[key] = np.mean(each, axis=0)
        return means

    def _is_fixed(self, what: str, training: str) -> bool:
        """Whether the values are the same whatever was learned: uniform attention."""
        uniform = self.comparison.with_role("uniform")
        fixed = {name for model in uniform for name in self.comparison.trainings(model)}
        return DIFFERENCES[what].kind == "attention" and training in fixed


def _of_kinds(frame: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    return frame[frame["kind"].isin(kinds)]


def _wide(frame: pd.DataFrame, users: np.ndarray) -> Values:
    """[users, places] of each model, NaN for a user who has none."""
    row = np.searchsorted(users, frame["user"])
    width = int(frame["key"].max()) + 1
    wide = {}
    for name, at in frame.groupby("model", observed=True).indices.items():
        values = np.full((len(users), width), np.nan)
        values[row[at], frame["key"].to_numpy()[at]] = frame["value"].to_numpy()[at]
        wide[str(name)] = values
    return wide
