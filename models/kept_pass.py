"""A pass of which everything is kept, and passes that go on from it where they differ.

What a row holds depends on the rows that it may attend to, and on no other. So where one row is
changed, or all from some row on, whatever cannot see them stays as it was in every layer.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.attention import Projected, rows_of
from models.batch import Batch
from models.transformer import Context

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
    embeddings : of the items, as in `Recommender.encode`.

    Attributes
    ----------
    context : where tokens may look, and the rows that predict.
    layers : what each layer was given.
    hidden : [B, d], hidden states at the rows that predict.
    """

    @torch.no_grad()
    def __init__(
        self, model: "Recommender", batch: Batch, embeddings: Tensor | None = None
    ) -> None:
        self.model = model
        x, self.context = model.prepare(batch, embeddings)
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

    @torch.no_grad()
    def continued(self, batch: Batch, which: Tensor) -> Tensor:
        """Hidden states of other histories that begin as kept ones do.

        Rows up to the first that differs in what comes in, or in where it may look, are those that
        were kept; where rows see later ones, and where there is another number of copies of a
        token, nothing is.

        Parameters
        ----------
        batch : the histories, N.
        which : [N], the kept history that each is like.

        Returns
        -------
        Tensor
            [N, d].
        """
        encoder = self.model.encoder
        x, context = self.model.prepare(batch)
        assert context.rows is not None
        changed = self._first_changed(x, context, which).minimum(context.rows)
        count = int((context.rows - changed).max()) + 1
        width, kept_width = x.shape[1], self.layers[0].x.shape[1]
        # what stands for padding comes last, so that another width moves it
        fits = width <= kept_width if context.copies is None else width == kept_width
        if not (self.model.causal and fits and count < width):
            return encoder(x, context)[:, 0]
        places = last_rows(context.rows, count)  # [N, R]
        return self._onward(which, context, places, _picked(x, places))

    @torch.no_grad()
    def reweighted(self, which: Tensor, first: Tensor) -> Tensor:
        """Hidden states of kept histories in which hooks of taps change weights.

        Taps pass the weights of the rows of `last_rows`.

        Parameters
        ----------
        which : [N], kept histories.
        first : [N], the first row whose weights are changed.

        Returns
        -------
        Tensor
            [N, d].
        """
        rows, width = self.rows[which], self.layers[0].x.shape[1]
        places = self._from(rows, first)
        x, p = self.layers[0]
        taken = which[:, None] * width + places
        key, value = (each.index_select(0, which) for each in (p.key, p.value))
        entering = (_at(p.query, taken), key, value)
        return self._onward(which, self._context_of(which), places, _at(x, taken), entering)

    @torch.no_grad()
    def mixed(self, which: Tensor, others: Tensor, chosen: Tensor) -> Tensor:
        """Hidden states of histories of which each item comes in as in one of two kept ones.

        The two differ in nothing but the embeddings of their items. Each goes on from the one with
        which it has more rows in common at its beginning.

        Parameters
        ----------
        which, others : [N], kept histories.
        chosen : [N, L] bool, the items that come in as in the second of them.

        Returns
        -------
        Tensor
            [N, d].
        """
        width = self.layers[0].x.shape[1]
        chosen = F.pad(chosen, (0, width - chosen.shape[1]))
        rows, every = self.rows[which], torch.arange(width, device=which.device)
        first, first_kept = (
            torch.where(each, every, rows[:, None]).amin(1) for each in (chosen, ~chosen)
        )
        places = self._from(rows, first.maximum(first_kept))
        taken = torch.where(chosen, others[:, None], which[:, None]) * width + every  # [N, T]
        x, p = self.layers[0]
        key, value = (_at(each, taken) for each in (p.key, p.value))
        x, query = (_at(each, taken.gather(1, places)) for each in (x, p.query))
        parents = torch.where(first < first_kept, others, which)
        return self._onward(parents, self._context_of(which), places, x, (query, key, value))

    def _from(self, rows: Tensor, first: Tensor) -> Tensor:
        """Places [N, R] that hold all rows of histories from `first` [N] to those that predict.

        All there are where rows see later ones. `rows` are those that predict, [N].
        """
        width = self.layers[0].x.shape[1]
        count = int((rows - first).max()) + 1 if self.model.causal else width
        if count < width:
            return last_rows(rows, count)
        return torch.arange(width, device=rows.device).expand(len(rows), -1)

    def _context_of(self, which: Tensor) -> Context:
        """Where tokens of kept histories `which` [N] may look, and their rows that predict."""
        context, intervals = self.context, self.context.intervals
        return Context(
            context.allowed[which],
            self.rows[which],
            context.causal,
            None if intervals is None else intervals.take(which),
            None if context.copies is None else context.copies[which],
        )

    def _onward(
        self,
        which: Tensor,
        context: Context,
        places: Tensor,
        x: Tensor,
        entering: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Hidden states [N, d] of histories that are like kept ones before some rows.

        Parameters
        ----------
        which : [N], the kept histories.
        context : where tokens may look, and the rows that predict.
        places : [N, R], the rows that are not as they were kept.
        x : [N, R, d], what comes in at these rows.
        entering : queries [N, R, d] of these rows, and keys and values [N, T, d] of all, in the
            first layer; made of x where None.
        """
        encoder = self.model.encoder
        assert context.rows is not None
        predicting = (context.rows - places[:, 0])[:, None]  # which of these rows does
        for layer, kept in zip(encoder.layers, self.layers, strict=True):
            asking = predicting if layer is encoder.layers[-1] else None
            if entering is None:
                query, key, value = layer.projections(x, asking)
                key, value = (
                    _exchanged(old, which, context, places, new)
                    for old, new in ((kept.p.key, key), (kept.p.value, value))
                )
            else:
                (query, key, value), entering = entering, None
                query = query if asking is None else rows_of(query, asking)
            rows = places
            if asking is not None:
                x, rows = rows_of(x, asking), context.rows[:, None]
            p = Projected(
                query,
                key,
                value,
                rows,
                _picked(context.allowed[:, 0], rows)[:, None],
                context.causal,
                None if context.intervals is None else context.intervals.at(rows),
                context.copies,
            )
            x = layer.finish(p, x)
        return encoder.norm(x)[:, 0]

    def _first_changed(self, x: Tensor, context: Context, which: Tensor) -> Tensor:
        """The first row where a history differs from the kept one it is like, [N]."""
        length = min(x.shape[1], self.layers[0].x.shape[1])

        def same(new: Tensor, old: Tensor) -> Tensor:
            equal = new[:, :length] == old[:, :length].index_select(0, which)
            return equal.view(torch.uint8).amin(-1).bool()  # `all`, in a third of its time

        equal = same(x, self.layers[0].x)
        allowed, old_allowed = (c.allowed[:, 0, :, :length] for c in (context, self.context))
        equal &= same(allowed, old_allowed)
        if context.intervals is not None and self.context.intervals is not None:
            index, old_index = (
                c.index[:, 0, :, :length] for c in (context.intervals, self.context.intervals)
            )
            equal &= same(index, old_index)
        if context.copies is not None and self.context.copies is not None:
            equal &= (context.copies == self.context.copies[which])[:, None]
        return equal.long().cumprod(1).sum(1)


def last_rows(rows: Tensor, count: int) -> Tensor:
    """The `count` rows that end with the one that predicts, or the first ones, [N, count].

    `rows` are those that predict, [N].
    """
    first = (rows - count + 1).clamp(min=0)
    return first[:, None] + torch.arange(count, device=rows.device)


def _picked(x: Tensor, rows: Tensor) -> Tensor:
    """As `rows_of`, many times as fast where there are many rows, of what needs no gradients."""
    return _at(x, torch.arange(len(x), device=x.device)[:, None] * x.shape[1] + rows)


def _at(x: Tensor, rows: Tensor) -> Tensor:
    """Rows [N, R] of x [B, T, d], counted through all of its histories, [N, R, d]."""
    return x.flatten(0, 1).index_select(0, rows.flatten()).unflatten(0, rows.shape)


def _exchanged(old: Tensor, which: Tensor, context: Context, rows: Tensor, new: Tensor) -> Tensor:
    """Keys or values `old` [B, T, d] of histories `which` [N] with `new` [N, R, d] at `rows`."""
    every = old[:, : context.allowed.shape[-1]].index_select(0, which)
    every[torch.arange(len(every), device=every.device)[:, None], rows] = new
    return every
