"""The test cases that a diagnostic is measured on, a batch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models import Batch
from workbench.data.batches import cause_mask, held_out_batch, iterate
from workbench.data.sequences import SequenceData
from workbench.data.splits import held_out_cases
from workbench.metrics import best_items
from workbench.mode import evaluation_mode
from workbench.model import Model
from workbench.phrases import counted

BATCH_SIZE = 128
SAMPLE = 128  # users of those measured together on whom a costly measure runs


@dataclass(frozen=True)
class HeldOutCases:
    """A batch of users, whose last item is to be predicted from those before.

    Attributes
    ----------
    users : [B] indices.
    batch : their histories, on the device of the model.
    targets : [B] held-out items.
    in_sample : [B] whether a user belongs to the random sample on which costly measures run.
    data : what all of it comes from.
    causes : [B, L] bool, which items caused the held-out one, none where chance did; None where
        nobody knows, which is so for all data that are not planted. It is what
        `workbench.statistics.cause_scores` takes.
    """

    users: np.ndarray
    batch: Batch
    targets: Tensor
    in_sample: np.ndarray
    data: SequenceData
    causes: Tensor | None = None

    def take(self, chosen: np.ndarray) -> "HeldOutCases":
        """Some of the cases.

        Parameters
        ----------
        chosen : [B] bool, or their numbers.
        """
        rows = torch.from_numpy(np.arange(len(self.users))[chosen]).to(self.targets.device)
        return replace(
            self,
            users=self.users[chosen],
            batch=self.batch.take(rows),
            targets=self.targets[rows],
            in_sample=self.in_sample[chosen],
            causes=None if self.causes is None else self.causes[rows],
        )


def held_out_batches(
    model: Model,
    data: SequenceData,
    users: np.ndarray,
    *,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
) -> Iterator[HeldOutCases]:
    """Yield the cases of some users, histories of like length together.

    The model is in evaluation mode until the last batch is done with.

    Parameters
    ----------
    model : what is measured.
    data : what the users come from.
    users : [n] indices.
    seed : by which the sample is drawn, `SAMPLE` of the users.
    batch_size : users in a batch, at most.
    """
    sample = np.random.default_rng([seed, *users[:1]]).permutation(users)[:SAMPLE]
    chosen = held_out_cases(data, model.config.max_length, np.unique(users))
    device = model.device
    with evaluation_mode(model):
        for index, batch, targets in iterate(data, chosen, batch_size):
            members = chosen.users[index]
            in_sample = np.isin(members, sample)
            causes = None
            if data.truth is not None:
                causes = cause_mask(data, chosen.take(index), batch.items.shape[1]).to(device)
            batch, targets = batch.to(device), targets.to(device)
            yield HeldOutCases(members, batch, targets, in_sample, data, causes)


def sampled(n: int) -> str:
    """On whom a costly measure ran: `n` users of a sample, which is drawn where there are more."""
    limit = f"at most {SAMPLE} of those measured together, drawn at random where these are more"
    return f"{counted(n, 'user')}, {limit}"


def seen_items(data: SequenceData, users: np.ndarray) -> Tensor:
    """What users had before their held-out items, however long ago.

    Parameters
    ----------
    data : what the users come from.
    users : [n] indices of users who have a held-out item.

    Returns
    -------
    Tensor
        [n, S] items, filled up with 0.
    """
    return held_out_batch(data, users.tolist(), int(data.lengths.max()))[0].items


def recommended(scores: Tensor, seen: Tensor) -> Tensor:
    """What a model recommends: of the items that a user has not had, the one of highest score.

    To who has had every item, the first of all is recommended.

    Parameters
    ----------
    scores : [B, V], -inf for padding.
    seen : [B, S], as `seen_items` has them.

    Returns
    -------
    Tensor
        [B], the items.
    """
    left = scores.scatter(1, seen.to(scores.device), -torch.inf)
    best = best_items(left)
    nothing = left.gather(1, best[:, None])[:, 0].isneginf()
    return torch.where(nothing, best_items(scores), best)
