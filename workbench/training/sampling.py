"""Which loss a model learns by, and the items drawn for it where not all are compared."""

from typing import get_args

import numpy as np
import torch
from torch import Tensor

from models.negatives import GBCE, Negatives, SampledSoftmax, beta
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError, one_of
from workbench.training.settings import EXACT_UP_TO, Loss


def check_loss(loss: Loss | None, negatives: int, gbce_t: float, n_items: int) -> Loss:
    """The loss, or the one for a catalogue of this size if it is None.

    Raises
    ------
    WorkbenchError
        If it is not known, or an option of it is out of range.
    """
    if loss is not None:
        one_of("loss", loss, get_args(Loss))
    if negatives < 1:
        raise WorkbenchError(f"negatives is {negatives}; give 1 or more, or the loss exact.")
    if not 0 <= gbce_t <= 1:
        raise WorkbenchError(f"gbce_t is {gbce_t:g}; give 0 to 1.")
    if loss is None:
        return "exact" if n_items <= EXACT_UP_TO else "sampled"
    return loss


class Sampler:
    """Draws the items that a step's targets are compared with.

    For "sampled", half of them are items of random interactions and half are drawn uniformly, with
    replacement: what is often chosen is what a model often gives much probability, and what is
    rarely chosen must not weigh too much once it is drawn (Yang et al., WWW 2020, mixed negative
    sampling). For "gbce" all are drawn uniformly and without replacement, as its beta assumes.

    Parameters
    ----------
    loss : "sampled" or "gbce".
    data : what is trained on.
    count : items drawn for a step; at most all but one for "gbce".
    gbce_t : see `models.negatives.beta`.
    like : a tensor of the device and precision of the model.
    """

    def __init__(
        self, loss: Loss, data: SequenceData, count: int, gbce_t: float, like: Tensor
    ) -> None:
        self.loss, self.n_items, self.device = loss, data.n_items, like.device
        if loss == "gbce":
            self.count = max(1, min(count, data.n_items - 1))
            self.beta = beta(data.n_items, self.count, gbce_t) if data.n_items > 1 else 1.0
            return
        self.count, self.popular = count, count // 2
        self.pool = training_items(data)
        counts = np.bincount(self.pool, minlength=data.n_items + 1) / len(self.pool)
        uniform = np.append(0, np.full(data.n_items, 1 / data.n_items))
        q = (self.popular * counts + (count - self.popular) * uniform) / count
        with np.errstate(divide="ignore"):  # padding is never drawn
            self.log_q = torch.from_numpy(np.log(q)).to(like)

    def draw(self, rng: np.random.Generator) -> Negatives:
        """The items of one step."""
        if self.loss == "gbce":
            drawn = rng.choice(self.n_items, self.count, replace=False) + 1
            return GBCE(torch.from_numpy(drawn).to(self.device), self.beta)
        popular = self.pool[rng.integers(len(self.pool), size=self.popular)]
        uniform = rng.integers(1, self.n_items + 1, self.count - self.popular)
        drawn = np.concatenate([popular, uniform]).astype(np.int64)
        return SampledSoftmax(torch.from_numpy(drawn).to(self.device), self.log_q)


def training_items(data: SequenceData) -> np.ndarray:
    """The item of every interaction that is trained on: of each user all but the last two."""
    place = np.arange(data.n_interactions) - np.repeat(data.offsets[:-1], data.lengths)
    return data.items[place < np.repeat(data.lengths, data.lengths) - 2]
