"""What every model takes: padded histories."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Right-padded histories; item id 0 is padding and every history holds at least one item.

    Parameters
    ----------
    items : [B, L], item ids, oldest first.
    lengths : [B], items of each history.
    times : [B, L], seconds; None for data without times.
    users : [B], user indices from 0; None where nobody needs them.
    """

    items: Tensor
    lengths: Tensor
    times: Tensor | None = None
    users: Tensor | None = None

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        fields = (self.items, self.lengths, self.times, self.users)
        return Batch(*(None if f is None else f.to(device) for f in fields))  # type: ignore[arg-type]

    def take(self, rows: Tensor) -> "Batch":
        """The histories at `rows` [N] (indices), in that order, as wide as before."""
        fields = (self.items, self.lengths, self.times, self.users)
        return Batch(*(None if f is None else f[rows] for f in fields))  # type: ignore[arg-type]

    def without(self, positions: Tensor) -> "Batch":
        """Every history without its item at `positions` [B]; a history of one item keeps it.

        Later items move up by one place. Trimmed to the longest history that is left.
        """
        lone = self.lengths == 1  # [B]
        lengths = self.lengths - (~lone).long()
        places = torch.arange(int(lengths.max()), device=lengths.device)  # [L']
        moved = (places >= positions[:, None]) & ~lone[:, None]  # [B, L']
        source = (places + moved.long()).clamp(max=self.items.shape[1] - 1)  # [B, L']
        items = self.items.gather(1, source) * (places < lengths[:, None])
        times = None if self.times is None else self.times.gather(1, source)
        return Batch(items, lengths, times, self.users)

    @property
    def valid(self) -> Tensor:
        """[B, L]: True where there is an item."""
        return self.items > 0

    @property
    def rows(self) -> Tensor:
        """[B]: the prediction row of each history, its last item."""
        return self.lengths - 1
