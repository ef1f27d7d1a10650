"""One real user: what attention says of a recommendation, and what moves it."""

from dataclasses import dataclass

import numpy as np
import torch

from analyses.running.held_out import recommended, seen_items
from workbench.data.batches import held_out_batch
from workbench.data.sequences import SequenceData
from workbench.explaining.methods import default_erasure, explain
from workbench.mode import evaluation_mode
from workbench.model import Model
from workbench.phrases import counted
from workbench.statistics.rounding import even

SHORTEST = 3  # items of a history that has something to choose from
MOST = 5  # items shown on each side, at most


@dataclass(frozen=True)
class Item:
    """An item of the history.

    Attributes
    ----------
    place : from 1, the oldest.
    title : as in the data.
    attention : its share of the attention, in percent.
    effect : what the score of the recommended item loses without it.
    """

    place: int
    title: str
    attention: float
    effect: float


@dataclass(frozen=True)
class OneUser:
    """The history of a user, with attention and effect of each item.

    Attributes
    ----------
    model, user : names.
    reduction, erasure : the methods of `explain` behind `Item.attention` and `Item.effect`.
    recommended : the title of what the model ranks first of what the user has not had.
    items : the history, oldest first.
    """

    model: str
    user: str
    reduction: str
    erasure: str
    recommended: str
    items: tuple[Item, ...]

    @property
    def attended(self) -> list[Item]:
        """The items of most attention, the most first; none where all have the same."""
        if even(torch.tensor([item.attention for item in self.items])):
            return []
        return sorted(self.items, key=lambda item: -item.attention)[: self._most]

    @property
    def moving(self) -> list[Item]:
        """The items without which the score falls most, the most first; none where it does not."""
        falling = [item for item in self.items if item.effect > 0]
        return sorted(falling, key=lambda item: -item.effect)[: self._most]

    @property
    def _most(self) -> int:
        """How many items a side has: of more than half of a history both would have some."""
        return max(1, min(MOST, len(self.items) // 2))

    @property
    def told(self) -> str:
        """How far both sides agree, in a sentence."""
        attended, moving = self.attended, self.moving
        if not attended:
            return "Attention gives all items the same weight, so that it names none."
        if not moving:
            return "The score falls without no item."
        both = len({item.place for item in attended} & {item.place for item in moving})
        return (
            f"Of the {counted(len(attended), 'item')} with most attention and the {len(moving)} "
            f"without which the score falls most, {both} {'is' if both == 1 else 'are'} the same."
        )


def usual_user(data: SequenceData, users: np.ndarray) -> int | None:
    """Of some users the one whose history has the middle length, of at least `SHORTEST` items.

    Nothing that was measured has a part in the choice. None where all are too short.
    """
    lengths = data.offsets[users + 1] - data.offsets[users] - 1  # without the held-out item
    able = np.flatnonzero(lengths >= SHORTEST)
    if not len(able):
        return None
    order = able[np.argsort(lengths[able], kind="stable")]
    return int(users[order[len(order) // 2]])


def one_user(
    model: Model, name: str, data: SequenceData, user: int, reduction: str
) -> OneUser | None:
    """What attention says and what moves the prediction, for what the model recommends.

    None where nothing is left to be recommended.

    Parameters
    ----------
    model, name : a model with attention, and what it is called in the report.
    data, user : whose history.
    reduction : the attention shown, a method of `explain`.
    """
    seen, erasure = seen_items(data, np.array([user])), default_erasure(model)
    if len(seen.unique()) == data.n_items:
        return None
    batch, _ = held_out_batch(data, [user], model.config.max_length)
    with torch.no_grad(), evaluation_mode(model):
        target = recommended(model.scores(batch.to(model.device)), seen).cpu()
    attention = explain(model, batch, target, reduction)[0]
    effect = explain(model, batch, target, erasure)[0]
    valid = batch.valid[0]
    shares = 100 * attention / attention[valid].sum()
    history = zip(
        *(each[valid].tolist() for each in (batch.items[0], shares, effect)),
        strict=True,
    )
    items = [
        Item(place, data.title(int(item)), share, moved)
        for place, (item, share, moved) in enumerate(history, 1)
    ]
    return OneUser(
        name, str(data.user_ids[user]), reduction, erasure, data.title(int(target)), tuple(items)
    )
