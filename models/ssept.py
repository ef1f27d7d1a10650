"""SSE-PT (Wu et al., RecSys 2020), plain or with calibrated attention."""

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.negatives import Negatives
from models.recommender import Losses, Recommender


class SSEPT(Recommender):
    """A causal transformer over [item ; user], with stochastic shared embeddings.

    In training a user, an item that is read, or an item to be predicted is exchanged for a random
    one now and then (SSE-SE, Wu et al., NeurIPS 2019), which keeps the many user embeddings from
    being learned by heart. The user half of a hidden state adds the same to every item's score, so
    the item half alone scores. A user the model does not know gets the zero vector.
    """

    name = "SSE-PT"
    needs_users = True
    options = ("n_users", "user_size", "swap_users", "swap_items", "swap_targets")

    @property
    def item_size(self) -> int:
        """Width of an item embedding: what `user_size` leaves of `hidden_size`."""
        size, users = self.config.hidden_size, self.config.user_size
        return size - (size // 2 if users is None else users)

    def add_embeddings(self) -> None:
        """Users and positions."""
        super().add_embeddings()
        size = self.config.hidden_size - self.item_size
        self.user_embedding = nn.Embedding(self.config.n_users + 1, size, padding_idx=0)

    def embed(self, batch: Batch) -> Tensor:
        """Item embeddings [B, L, item half]: where attributions start."""
        items = self._swapped(batch.items, self.config.swap_items, self.config.n_items)
        return self.item_embedding(items)

    def inputs(self, tokens: Batch, x: Tensor) -> Tensor:
        """From item embeddings [B, L, item half] to [item ; user] with positions, [B, L, d]."""
        users = torch.zeros_like(tokens.lengths)  # [B]
        if tokens.users is not None:
            known = tokens.users < self.config.n_users
            users = torch.where(known, tokens.users + 1, 0)
        users = self._swapped(users, self.config.swap_users, self.config.n_users)
        user = self.user_embedding(users)[:, None].expand(-1, x.shape[1], -1)  # [B, L, user half]
        return super().inputs(tokens, torch.cat([x, user], -1))

    def output(self, hidden: Tensor) -> Tensor:
        """The item half of hidden states, [..., d] -> [..., item half]."""
        return hidden[..., : self.item_size]

    def losses(self, batch: Batch, targets: Tensor, negatives: Negatives | None = None) -> Losses:
        """As in `Recommender.losses`; in training a few of the targets are exchanged as well."""
        targets = self._swapped(targets, self.config.swap_targets, self.config.n_items)
        return super().losses(batch, targets, negatives)

    def _swapped(self, ids: Tensor, chance: float, count: int) -> Tensor:
        """In training, ids (0 stays) exchanged with this chance for one of 1 to `count`."""
        if not self.training or chance == 0 or count == 0:
            return ids
        chosen = (torch.rand(ids.shape, device=ids.device) < chance) & (ids > 0)
        return torch.where(chosen, torch.randint_like(ids, 1, count + 1), ids)
