"""A pass of which everything is kept, and passes that go on from it where they differ.

What a row holds depends on the rows that it may attend to, and on no other. So where one row is
changed, or all from some row on, whatever cannot see them stays as it was in every layer.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from models.attention import Projected, rows_of
from models.batch import Batch

if TYPE_CHECKING:
    from models.recommender import Recommender


class KeptLayer(NamedTuple):
    """What a layer was given.

    Attributes
    ----------
    x : [B, T, d], what came in.
    p : queries, keys and values of all rows.
    """

    x: Tensor
    p: Projected


class KeptPass:
    """A pass through a model in evaluation mode, without gradients.

    Parameters
    ----------
    model, batch : what runs, and its histories. The weights of the model stay as they are as long
        as passes go on from this one.

    Attributes
    ----------
    context : where tokens may look, and the rows that predict.
    layers : what each layer was given.
    hidden : [B, d], hidden states at the rows that predict.
    """

    @torch.no_grad()
    def __init__(self, model: "Recommender", batch: Batch) -> None:
        self.model = model
        x, self.context = model.prepare(batch)
        assert self.context.rows is not None
        self.rows = self.context.rows
        self.layers: list[KeptLayer] = []
        *earlier, last = model.encoder.layers
        for layer in earlier:
            self.layers.append(KeptLayer(x, layer.project(x, self.context)))
            x = layer.finish(self.layers[-1].p, x)
        self.layers.append(KeptLayer(x, last.project(x, self.context)))
        self.hidden = self.row_again(len(earlier))[:, 0]

    def row_is_alone(self, first: int) -> bool:
        """Whether nothing but the prediction row changes where its weights do from a layer on.

        In a causal model no other row sees it. In others they do, but in the last layer nobody
        asks what the others become, and a layer before they only see what it held then.
        """
        return self.model.causal or first >= len(self.layers) - 2

    def score(self, hidden: Tensor, items: Tensor | None = None) -> Tensor:
        """Scores from hidden states [N, d] of all items, or of `items`; as `Recommender.score`."""
        return self.model.score(hidden, items)

    @torch.no_grad()
    def row_again(self, first: int) -> Tensor:
        """Hidden states where the weights of the prediction row alone are changed by hooks of taps.

        Of each history as many as the hooks make of it: the taps of the first layer pass the
        weights [B, H, 1, T] of the prediction row as it was, of which a hook may return several
        [B, H, Q, T]. Those of later layers then pass Q rows.

        Parameters
        ----------
        first : number of the first layer in which weights are changed, `row_is_alone` there.

        Returns
        -------
        Tensor
            [B, Q, d].
        """
        at = self.rows[:, None]
        kept = self.layers[first]
        layers = self.model.encoder.layers
        x = layers[first].finish(kept.p.at(at), rows_of(kept.x, at))
        for layer, kept in zip(layers[first + 1 :], self.layers[first + 1 :], strict=True):
            x = layer.again(kept.p, x, self.rows)
        return self.model.encoder.norm(x)

    @torch.no_grad()
    def layers_again(self, first: int) -> Tensor:
        """Hidden states [B, d] where hooks of taps change any weights from layer `first` on."""
        return self.model.encoder(self.layers[first].x, self.context, first)[:, 0]
