"""What every model takes: padded histories."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Right-padded histories; item id 0 is padding and every history holds at least one item.

    Parameters
    ----------
    items : [B, L], item ids, oldest first.
    lengths : [B], items of each history.
    times : [B, L], whole seconds as integers; None for data without times.
    users : [B], user indices from 0; None where nobody needs them.
    hidden : [B, L] bool, True at items that keep their place and that no row may attend to; None
        where there are none. A history shows at least one item.
    """

    items: Tensor
    lengths: Tensor
    times: Tensor | None = None
    users: Tensor | None = None
    hidden: Tensor | None = None

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        return self._each(lambda field: field.to(device))

    def take(self, rows: Tensor) -> "Batch":
        """The histories at `rows` [N] (indices), in that order, as wide as before."""
        return self._each(lambda field: field[rows])

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        fields = (self.items, self.lengths, self.times, self.users, self.hidden)
        return Batch(*(None if f is None else change(f) for f in fields))  # type: ignore[arg-type]

    def without(self, removed: Tensor) -> "Batch":
        """Every history without the items where `removed` [B, L] is True; later ones move up.

        Trimmed to the longest history that is left. A history that would lose all its items keeps
        them.
        """
        kept = self.kept(removed)  # [B, L]
        lengths = kept.sum(1)
        order = (~kept).to(torch.uint8).argsort(dim=1, stable=True)[:, : int(lengths.max())]
        there = kept.gather(1, order)
        moved = (self.times, self.hidden)
        times, hidden = (None if f is None else f.gather(1, order) for f in moved)
        return Batch(self.items.gather(1, order) * there, lengths, times, self.users, hidden)

    def hiding(self, removed: Tensor) -> "Batch":
        """Every history with just the items where `removed` [B, L] is True hidden.

        A history of which none would be left shows all.
        """
        return replace(self, hidden=(self.items > 0) & ~self.kept(removed))

    def kept(self, removed: Tensor) -> Tensor:
        """[B, L]: the items that stay; all those of a history of which none would."""
        kept = (self.items > 0) & ~removed
        return kept | ((self.items > 0) & ~kept.any(1, keepdim=True))

    @property
    def valid(self) -> Tensor:
        """[B, L]: True where there is an item, and it is not hidden."""
        there = self.items > 0
        return there if self.hidden is None else there & ~self.hidden

    @property
    def rows(self) -> Tensor:
        """[B]: the prediction row of each history, its last item that is not hidden."""
        if self.hidden is None:
            return self.lengths - 1
        places = torch.arange(self.items.shape[1], device=self.items.device)
        return (places * self.valid).amax(1)
