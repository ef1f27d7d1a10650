"""A pass that others are compared with, and the passes that differ from it a little.

A model of `models` keeps what each layer was given, so that a change costs what follows from it; of
any other model, and of one whose weights somebody is reading or changing, each is a whole pass.
"""

from functools import cached_property

import torch
from torch import Tensor

from models import Batch
from models.kept_pass import KeptPass
from workbench.mode import evaluation_mode
from workbench.model import Model, with_gradients


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
        keep = getattr(model, "keep", None)
        hooked = any(tap.hooked for tap in model.taps()) if model.stages else False  # type: ignore
        if keep is not None and not hooked:
            with evaluation_mode(model):
                self.kept = keep(batch)

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
            embeddings = torch.where(removed[:, :, None], self.mean_embedding, embeddings)
            return model.scores(batch, items, embeddings)

    @cached_property
    def _whole_and_replaced(self) -> KeptPass | None:
        """The histories as they are, and then with every item replaced."""
        if self.kept is None:
            return None
        model, n = self.kept.model, len(self.batch.items)
        twice = self.batch.take(torch.arange(n, device=self.batch.items.device).repeat(2))
        embeddings = model.embed(twice)
        embeddings[n:] = torch.where(twice.valid[n:, :, None], self.mean_embedding, embeddings[n:])
        return model.keep(twice, embeddings)

    @cached_property
    @torch.no_grad()
    def mean_embedding(self) -> Tensor:
        """The mean of all items' embeddings, [d]."""
        model, batch = with_gradients(self.model), self.batch
        n, one = model.config.n_items, torch.ones_like(batch.lengths[:1])
        users = None if batch.users is None else batch.users[:1]
        total = torch.zeros((), device=one.device)
        for ids in torch.arange(1, n + 1, device=one.device).split(2**16):
            alone = Batch(
                ids[:, None],
                one.expand(len(ids)),
                None if batch.times is None else batch.times[:1, :1].expand(len(ids), -1),
                None if users is None else users.expand(len(ids)),
            )
            with evaluation_mode(model):
                total = total + model.embed(alone).sum((0, 1))
        return total / n
