"""A ranking of all items by their scores, with or without those that a user has seen."""

from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.metrics import best_first, rank_of


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Scores of all items, and the items that are not ranked.

    Attributes
    ----------
    scores : [n_items + 1], -inf for padding.
    hidden : items that are not ranked, such as those that the user has seen.
    """

    scores: Tensor
    hidden: frozenset[int] = frozenset()

    @property
    def n_ranked(self) -> int:
        """How many items are ranked."""
        return len(self.scores) - 1 - len(self.hidden)

    def rank(self, item: int) -> int:
        """Rank of an item among it and all that are ranked, 1 is best; ties as in `evaluate`."""
        return rank_of(self._without(self.hidden - {item}), item)

    def ranked_with(self, item: int) -> int:
        """How many items `rank` compares: all that are ranked, and this one if it is not."""
        return self.n_ranked + (item in self.hidden)

    def place(self, item: int) -> int | None:
        """`rank` of an item that is ranked; None for one that is hidden."""
        return None if item in self.hidden else self.rank(item)

    def told(self, item: int) -> str:
        """Where an item is, `at rank 3 of 197`, or that it is hidden, and where it would be."""
        rank = f"{self.rank(item):,} of {self.ranked_with(item):,}"
        return (
            f"seen, so not ranked (would be {rank})" if item in self.hidden else f"at rank {rank}"
        )

    def top(self, k: int = 10) -> list[int]:
        """The k items of highest score that are ranked, best first, as in `recommend`."""
        scores = self._without(self.hidden)
        return best_first(scores[None], min(k, self.n_ranked))[0].tolist()

    @property
    def first(self) -> int:
        """The item that comes first.

        Raises
        ------
        WorkbenchError
            If every item is hidden.
        """
        if not (best := self.top(1)):
            raise WorkbenchError(
                "every item that can be ranked was seen, so that none comes first; rank those seen "
                "as well (in the app, turn Hide seen off)."
            )
        return best[0]

    def _without(self, items: frozenset[int]) -> Tensor:
        return self.scores.index_fill(0, torch.tensor(sorted(items), dtype=torch.long), -torch.inf)
