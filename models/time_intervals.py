"""What positions and the time between two items add to keys and values (TiSASRec, WSDM 2020)."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Intervals:
    """Which interval lies between each query and key, and what each position and interval adds.

    Written out, both sides need an embedding for every pair, B x L x L x d. But a query meets no
    more than T + 1 different intervals: its products with all of them are taken once and picked
    from, and weights are summed by interval before they meet the values.

    Attributes
    ----------
    index : [B, 1, Q or 1, L], intervals from 0 to T.
    key_intervals, value_intervals : [H, T + 1, dh], tables split by heads.
    key_positions, value_positions : [H, L, dh]; None in a model without positions.
    """

    index: Tensor
    key_intervals: Tensor
    value_intervals: Tensor
    key_positions: Tensor | None = None
    value_positions: Tensor | None = None

    def scores(self, q: Tensor, k: Tensor) -> Tensor:
        """q_i . (k_j + position_j + interval_ij). [B, H, Q, dh], [B, H, L, dh] -> [B, H, Q, L]."""
        k = k if self.key_positions is None else k + self.key_positions
        scores = q @ k.transpose(-1, -2)  # [B, H, Q, L]
        # heads first: broadcast over cases, a table and its gradient would be copied for each
        rows = q.transpose(0, 1).flatten(1, 2)  # [H, B Q, dh]
        of_each = rows @ self.key_intervals.transpose(-1, -2)  # [H, B Q, T + 1]
        picked = of_each.gather(-1, self._index_by_head(q))  # [H, B Q, L]
        return scores + picked.unflatten(1, (len(q), -1)).transpose(0, 1)

    def mix(self, weights: Tensor, value: Tensor) -> Tensor:
        """sum_j w_ij (v_j + position_j + interval_ij), [B, H, Q, dh].

        Parameters
        ----------
        weights : [B, H, Q, L].
        value : [B, H, L, dh].
        """
        rows = weights.transpose(0, 1).flatten(1, 2)  # [H, B Q, L]
        sums = rows.new_zeros(*rows.shape[:2], self.value_intervals.shape[1])
        sums = sums.scatter_add(-1, self._index_by_head(weights), rows)  # [H, B Q, T + 1]
        mixed = (sums @ self.value_intervals).unflatten(1, (len(weights), -1))  # [H, B, Q, dh]
        value = value if self.value_positions is None else value + self.value_positions
        return weights @ value + mixed.transpose(0, 1)

    def _index_by_head(self, like: Tensor) -> Tensor:
        """[H, B Q, L], for as many heads and queries as `like` [B, H, Q, ...] has."""
        index = self.index.expand(-1, -1, like.shape[2], -1)
        return index.flatten(0, 2).expand(like.shape[1], -1, -1)

    def take(self, histories: Tensor) -> "Intervals":
        """The same for some histories, [N] indices."""
        return replace(self, index=self.index[histories])

    def at(self, rows: Tensor) -> "Intervals":
        """The same for some queries of each history, at rows [B, Q]."""
        each = torch.arange(len(rows), device=rows.device)[:, None]
        return replace(self, index=self.index[each, 0, rows][:, None])  # [B, 1, Q, L]


def interval_index(times: Tensor, span: int, *, smallest: bool) -> Tensor:
    """Intervals between all items of a history, clipped.

    Parameters
    ----------
    times : [B, L], seconds.
    span : the largest interval.
    smallest : counted in the user's smallest interval, rounded down, where the paper takes the
        smallest of the full sequence. Here a row knows those up to itself, so that nothing later
        reaches it; at the last row it is the same. Otherwise counted in seconds.

    Returns
    -------
    Tensor
        Whole numbers from 0 to `span`, [B, 1, L, L].
    """
    gaps = (times[:, :, None] - times[:, None, :]).abs()  # [B, L, L]
    if smallest:
        steps = torch.nn.functional.pad(times.diff(dim=1).abs(), (1, 0))  # [B, L]
        never = torch.iinfo(steps.dtype).max
        unit = steps.masked_fill(steps == 0, never).cummin(1).values  # [B, L]
        gaps = gaps.div(unit[:, :, None], rounding_mode="trunc")
    return gaps.clamp(max=span).long()[:, None]
