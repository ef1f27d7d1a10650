"""SASRec (Kang & McAuley, ICDM 2018), plain, uniform, or with calibrated attention."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.batch import Batch
from models.recommender import Recommender
from models.transformer import Context


class SASRec(Recommender):
    """A causal transformer over items and their positions.

    By default it is all that `Recommender` is by itself. Much other software pads a history on its
    left to `max_length` and lets items attend to that padding, so that the scores depend on how
    much there is. The rows of padding before a history are all the same in every layer: with
    `left_padding`, one token after the last item stands for all of them. Every item may attend to
    it, it attends to itself alone, and it is no item of the history.
    """

    name = "SASRec"
    options = ("left_padding", "output_embedding")

    def add_embeddings(self) -> None:
        """Positions; what stands for padding and for items that are scored, where they differ."""
        super().add_embeddings()
        config = self.config
        self.pads = config.left_padding != "masked"
        if config.left_padding == "token":
            self.padding_embedding = nn.Parameter(torch.zeros(config.hidden_size))
        self.output_embedding = (
            nn.Embedding(config.n_items + 1, config.hidden_size, padding_idx=0)
            if config.output_embedding
            else None
        )

    def inputs(self, tokens: Batch, x: Tensor) -> Tensor:
        """From item embeddings [B, L, d] to tokens [B, L, d], or [B, L + 1, d] with padding."""
        x = super().inputs(tokens, x)
        if not self.pads:
            return x
        if self.config.left_padding == "zeros":
            return F.pad(x, (0, 0, 0, 1))
        return torch.cat([x, self.padding_embedding.expand(len(x), 1, -1)], 1)

    def context(self, tokens: Batch, rows: Tensor | None) -> Context:
        """As in `Recommender.context`; and how many rows of padding the last token stands for."""
        context = super().context(tokens, rows)
        if not self.pads:
            return context
        return context._replace(
            causal=False,  # the token of the padding comes last
            copies=self.config.max_length - tokens.lengths,
            blank=self.config.left_padding == "zeros",
        )

    def history(self, batch: Batch) -> Tensor:
        """[B, L], or [B, L + 1] with padding: True where a token is an item of the history."""
        return F.pad(super().history(batch), (0, int(self.pads)))

    def _allowed(self, tokens: Batch) -> Tensor:
        allowed = super()._allowed(tokens)  # [B, 1, L, L]
        if not self.pads:
            return allowed
        allowed = F.pad(allowed, (0, 1, 0, 1))
        padded = tokens.lengths < self.config.max_length  # [B]
        allowed[..., :-1, -1] = padded[:, None, None]
        allowed[..., -1, -1] = True
        return allowed

    @property
    def table(self) -> Tensor:
        """What hidden states are multiplied by, [n_items + 1, d]; row 0 is padding."""
        return super().table if self.output_embedding is None else self.output_embedding.weight

    def item_rows(self, items: Tensor) -> Tensor:
        """Rows of `table` for ids [...], as in `Recommender.item_rows`."""
        scored = self.item_embedding if self.output_embedding is None else self.output_embedding
        return scored(items)

    @property
    def row_tables(self) -> list[nn.Embedding]:
        """Embeddings of items that are read and, where they are others, of those scored."""
        scored = [] if self.output_embedding is None else [self.output_embedding]
        return [*super().row_tables, *scored]
