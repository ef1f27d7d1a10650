"""TiSASRec (Li et al., WSDM 2020), plain or with calibrated attention."""

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.recommender import Recommender
from models.time_intervals import Intervals, interval_index


class TiSASRec(Recommender):
    """A causal transformer whose keys and values know their position and how long ago they are.

    The calibrators see the bare queries and keys, as in the reference, and their terms are added to
    the scores with those of position and time.
    """

    name = "TiSASRec"
    needs_times = True
    keeps_positions = True
    options = ("time_span", "time_unit")

    def add_embeddings(self) -> None:
        """Positions, where there are any, and intervals; of keys and of values, for all layers."""
        config = self.config
        self.position_embedding = None  # nothing is added to the input
        self.key_positions, self.value_positions = (
            nn.Embedding(config.max_length, config.hidden_size, padding_idx=0)
            if config.position_embedding
            else None
            for _ in range(2)
        )
        bins = config.time_span + 1
        self.key_intervals = nn.Embedding(bins, config.hidden_size, padding_idx=0)
        self.value_intervals = nn.Embedding(bins, config.hidden_size, padding_idx=0)

    def intervals(self, tokens: Batch) -> Intervals:
        """Intervals between all items, and what positions and intervals add."""
        assert tokens.times is not None
        unit, times = self.config.time_unit, tokens.times
        if unit == "rounded second":
            times = times.float().long()
        return Intervals(
            interval_index(times, self.config.time_span, smallest=unit == "smallest"),
            *(
                self._by_head(_first_fixed(table.weight)[:length])
                for table, length in (
                    (self.key_intervals, None),
                    (self.value_intervals, None),
                    (self.key_positions, tokens.items.shape[1]),
                    (self.value_positions, tokens.items.shape[1]),
                )
                if table is not None
            ),
        )

    def _by_head(self, table: Tensor) -> Tensor:
        """[N, d] -> [H, N, dh]."""
        return table.unflatten(-1, (self.config.n_heads, -1)).transpose(0, 1)


def _first_fixed(table: Tensor) -> Tensor:
    """The table with a row 0, for the first position and for no time passed, that learns nothing.

    As in RecBole, where both are padding: they add what they begin with, here nothing.
    """
    return torch.cat([table[:1].detach(), table[1:]])
