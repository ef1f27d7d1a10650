"""A pass that others are compared with, and the passes that differ from it a little.

A model of `models` keeps what each layer was given, so that a change costs what follows from it; of
any other model, and of one whose weights somebody is reading or changing, each is a whole pass.
"""

from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from models import Batch, Recommender
from models.kept_pass import KeptPass
from workbench.mode import evaluation_mode
from workbench.model import Model, with_gradients

EMBEDDED = 2**16  # items that are embedded at once
PROBED = 8  # items that show whether an embedding hangs on more than its item


class BasePass:
    """The pass of a batch as it is.

    The model is in evaluation mode meanwhile, and keeps its weights as long as this is used.

    Parameters
    ----------
    model, batch : what scores, and the histories, on its device.

    Attributes
    ----------
    kept : what others go on from; None where they have to be whole passes.
    """

    def __init__(self, model: Model, batch: Batch) -> None:
        self.model, self.batch = model, batch
        self.kept: KeptPass | None = None
        if isinstance(model, Recommender) and not any(tap.hooked for tap in model.taps()):
            with evaluation_mode(model):
                self.kept = model.keep(batch)

    @torch.no_grad()
    def scores(self, items: Tensor | None = None) -> Tensor:
        """Scores of all items, [B, n_items + 1] with -inf for padding, or of `items` [B, K]."""
        if self.kept is not None:
            return self.kept.score(self.kept.hidden, items)
        with evaluation_mode(self.model):
            return self.model.scores(self.batch, items)

    @torch.no_grad()
    def continued(self, which: Tensor, batch: Batch, items: Tensor | None = None) -> Tensor:
        """Scores of other histories that begin as those of this pass do.

        Parameters
        ----------
        which : [N], the history of this pass that each is like.
        batch : the histories, N.
        items : [N, K] ids to score; None for all.

        Returns
        -------
        Tensor
            [N, K], or [N, n_items + 1] with -inf for padding.
        """
        with evaluation_mode(self.model):
            if self.kept is not None:
                return self.kept.score(self.kept.continued(batch, which), items)
            return self.model.scores(batch, items)

    @torch.no_grad()
    def reweighted(self, which: Tensor, first: Tensor, items: Tensor | None = None) -> Tensor:
        """Scores of histories of this pass while hooks of taps change attention weights.

        Parameters
        ----------
        which : [N], a history of this pass for each of them.
        first : [N], the first row whose weights are changed. Taps may pass the weights of
            `models.kept_pass.last_rows` alone.
        items : [N, K] ids to score; None for all.

        Returns
        -------
        Tensor
            [N, K], or [N, n_items + 1] with -inf for padding.
        """
        with evaluation_mode(self.model):
            if self.kept is not None:
                return self.kept.score(self.kept.reweighted(which, first), items)
            return self.model.scores(self.batch.take(which), items)

    @torch.no_grad()
    def replaced(self, which: Tensor, removed: Tensor, items: Tensor | None = None) -> Tensor:
        """Scores of histories of this pass with the mean embedding in place of some items'.

        Parameters
        ----------
        which : [N], a history of this pass for each of them.
        removed : [N, L] bool, the items replaced.
        items : [N, K] ids to score; None for all.

        Returns
        -------
        Tensor
            [N, K], or [N, n_items + 1] with -inf for padding.
        """
        with evaluation_mode(self.model):
            if self._whole_and_replaced is not None:
                kept, n = self._whole_and_replaced, len(self.batch.items)
                return kept.score(kept.mixed(which, which + n, removed), items)
            model, batch = with_gradients(self.model), self.batch.take(which)
            embeddings = model.embed(batch)
            mean = self.mean_embedding
            mean = mean if mean.dim() == 1 else mean[which]
            embeddings = torch.where(removed[:, :, None], mean, embeddings)
            return model.scores(batch, items, embeddings)

    @cached_property
    def _whole_and_replaced(self) -> KeptPass | None:
        """The histories as they are, and then with every item replaced.

        None where what comes in at an item hangs on other items, as in a class of one's own it may.
        """
        if self.kept is None:
            return None
        model, n = self.kept.model, len(self.batch.items)
        twice = self.batch.take(torch.arange(n, device=self.batch.items.device).repeat(2))
        embeddings = model.embed(twice)
        embeddings[n:] = torch.where(twice.valid[n:, :, None], self.mean_embedding, embeddings[n:])
        kept = model.keep(twice, embeddings)
        assert kept is not None
        drawn = torch.rand(self.batch.items.shape, generator=torch.Generator().manual_seed(0)) < 0.5
        some = drawn.to(embeddings.device)  # of the items: they alone are replaced
        x, _ = model.prepare(
            self.batch, torch.where(some[..., None], embeddings[n:], embeddings[:n])
        )
        some = F.pad(some, (0, x.shape[1] - some.shape[1]))[..., None]
        each = torch.where(some, kept.layers[0].x[n:], kept.layers[0].x[:n])
        return kept if torch.allclose(x, each, rtol=1e-4, atol=1e-6) else None

    @cached_property
    @torch.no_grad()
    def mean_embedding(self) -> Tensor:
        """The mean of all items' embeddings, [d].

        Or at every place [B, L, d], where the model embeds an item otherwise for another user, time
        or place.
        """
        n, batch = self.model.config.n_items, self.batch
        every = torch.arange(1, n + 1, device=batch.items.device)
        if self._differs(every):
            parts = every.split(max(1, EMBEDDED // batch.items.numel()))
            return torch.stack([self._everywhere(batch, ids).sum(0) for ids in parts]).sum(0) / n
        first = Batch(
            batch.items[:1, :1],
            torch.ones_like(batch.lengths[:1]),
            None if batch.times is None else batch.times[:1, :1],
            None if batch.users is None else batch.users[:1],
        )
        parts = every.split(EMBEDDED)
        total = torch.stack([self._everywhere(first, ids).sum(0) for ids in parts]).sum(0)
        return total[0, 0] / n

    def _differs(self, every: Tensor) -> bool:
        """Whether an item's embedding hangs on its user, time or place; a few items are asked."""
        few = every[:: max(1, len(every) // PROBED)]
        there = self._everywhere(self.batch, few)[:, self.batch.valid]  # [items, places, d]
        return not torch.equal(there, there[:, :1].expand_as(there))

    def _everywhere(self, batch: Batch, ids: Tensor) -> Tensor:
        """Embeddings [N, B, L, d] of each item `ids` [N] at every place of the histories."""
        model, n = with_gradients(self.model), len(batch.items)
        copies = batch.take(torch.arange(n, device=ids.device).repeat(len(ids)))
        items = ids.repeat_interleave(n)[:, None] * (copies.items > 0)
        with evaluation_mode(model):
            embedded = model.embed(replace(copies, items=items))
        return embedded.unflatten(0, (len(ids), n))
