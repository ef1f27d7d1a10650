"""BERT4Rec (Sun et al., CIKM 2019), plain or with calibrated attention."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.batch import Batch
from models.config import ModelConfig
from models.recommender import Recommender


class OutputHead(nn.Module):
    """LayerNorm(GELU(W h + b)), and a bias for every item (equation 7, as in RecBole since 1.2).

    The bias is a last column of the item table, which meets a last 1 in every hidden state.

    Parameters
    ----------
    config : sizes.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.n_items + 1))

    def forward(self, hidden: Tensor) -> Tensor:
        """[..., d] -> [..., d + 1]."""
        return F.pad(self.norm(F.gelu(self.dense(hidden))), (0, 1), value=1)

    def table(self, items: Tensor) -> Tensor:
        """[n_items + 1, d] -> [n_items + 1, d + 1]."""
        return torch.cat([items, self.bias[:, None]], -1)

    def rows(self, embeddings: Tensor, items: Tensor) -> Tensor:
        """Rows of `table` for ids [...] with embeddings [..., d], [..., d + 1]."""
        return torch.cat([embeddings, self.bias[items][..., None]], -1)


class BERT4Rec(Recommender):
    """A transformer that looks both ways and predicts at a mask token after the history.

    It learns from items that were replaced by the mask token: `losses` of such a batch, with
    targets [B, L], appends none.
    """

    name = "BERT4Rec"
    causal = False
    extra_tokens = 1
    objectives = ("masking", "prefixes")
    options = ("output_head",)

    def add_embeddings(self) -> None:
        """Positions, and the output head where there is one."""
        super().add_embeddings()
        self.head = OutputHead(self.config) if self.config.output_head else None

    @property
    def mask_token(self) -> int:
        """The id after the last item's."""
        return self.config.n_items + 1

    def tokens(self, batch: Batch) -> Batch:
        """The history with a mask token after its last item, [B, L + 1]."""
        items = F.pad(batch.items, (0, 1)).scatter(1, batch.lengths[:, None], self.mask_token)
        hidden = None if batch.hidden is None else F.pad(batch.hidden, (0, 1))
        return Batch(items, batch.lengths + 1, hidden=hidden)

    def inputs(self, tokens: Batch, x: Tensor) -> Tensor:
        """From item embeddings [B, L, d] to tokens [B, T, d], with positions."""
        if x.shape[1] < tokens.items.shape[1]:
            masked = (tokens.items == self.mask_token)[:, :, None]  # [B, L + 1, 1]
            x = F.pad(x, (0, 0, 0, 1))  # [B, L + 1, d]
            mask = self.item_embedding(torch.tensor([self.mask_token], device=x.device))  # [1, d]
            x = torch.where(masked, mask, x)
        return super().inputs(tokens, x)

    @property
    def table(self) -> Tensor:
        """Item embeddings [n_items + 1, d], with an output head beside their biases."""
        table = super().table
        return table if self.head is None else self.head.table(table)

    def item_rows(self, items: Tensor) -> Tensor:
        """Rows of `table` for ids [...], as in `Recommender.item_rows`."""
        rows = super().item_rows(items)
        return rows if self.head is None else self.head.rows(rows, items)

    def output(self, hidden: Tensor) -> Tensor:
        """Hidden states [..., d] as they are, or through the output head, [..., d + 1]."""
        return hidden if self.head is None else self.head(hidden)
