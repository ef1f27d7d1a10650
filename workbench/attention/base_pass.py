"""A pass that others are compared with, and the passes that differ from it a little.

A model of `models` keeps what each layer was given, so that a change costs what follows from it; of
any other model, and of one whose weights somebody is reading or changing, each is a whole pass.
"""

import torch
from torch import Tensor

from models import Batch
from models.kept_pass import KeptPass
from workbench.mode import evaluation_mode
from workbench.model import Model


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
