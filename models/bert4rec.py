"""BERT4Rec (Sun et al., CIKM 2019), plain or with calibrated attention."""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.batch import Batch
from models.recommender import Recommender


class BERT4Rec(Recommender):
    """A transformer that looks both ways and predicts at a mask token after the history.

    It learns from items that were replaced by the mask token: `losses` of such a batch, with
    targets [B, L], appends none.
    """

    causal = False

    @property
    def n_embeddings(self) -> int:
        """Rows of the item table: padding, every item, and the mask token."""
        return self.config.n_items + 2

    @property
    def mask_token(self) -> int:
        """The id after the last item's."""
        return self.config.n_items + 1

    def tokens(self, batch: Batch) -> Batch:
        """The history with a mask token after its last item, [B, L + 1]."""
        items = F.pad(batch.items, (0, 1)).scatter(1, batch.lengths[:, None], self.mask_token)
        return Batch(items, batch.lengths + 1)

    def inputs(self, tokens: Batch, x: Tensor) -> Tensor:
        """From item embeddings [B, L, d] to tokens [B, T, d], with positions."""
        if x.shape[1] < tokens.items.shape[1]:
            masked = (tokens.items == self.mask_token)[:, :, None]
            x = torch.where(masked, self.item_embedding.weight[-1], F.pad(x, (0, 0, 0, 1)))
        return super().inputs(tokens, x)
