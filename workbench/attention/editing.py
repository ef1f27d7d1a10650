"""Changing attention weights as they pass."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import AttentionTap, Batch
from models.attention import queries_of
from models.kept_pass import KeptPass
from workbench.attention.base_pass import BasePass
from workbench.attention.edit_checks import check_edit, check_rows, distributions, made
from workbench.attention.edits import Edit
from workbench.attention.hooks import around_passes, hooked
from workbench.attention.recording import Rows, with_stages
from workbench.errors import WorkbenchError
from workbench.mode import evaluation_mode
from workbench.model import AttentionModel, Model, with_attention


@dataclass(frozen=True)
class Edited:
    """An edit, and where it is made; as in `edit_attention`."""

    edit: Edit
    layers: Sequence[int] | None = None
    heads: Sequence[int] | None = None
    rows: Rows = "prediction"
    stage: str = "attention"

    def check(self, model: Model) -> AttentionModel:
        """The same model, known to have such a stage, and these layers and heads.

        Raises
        ------
        WorkbenchError
            If it has not, or the edit is none.
        """
        attentive = with_stages(model, [self.stage])
        check_edit(self.edit)
        _within("layer", self.layers, model.config.n_layers, model)
        _within("head", self.heads, model.config.n_heads, model)
        return attentive

    def first(self, n_layers: int) -> int:
        """The first layer in which weights are changed; the last one where there is none."""
        every = range(n_layers)
        return min(every if self.layers is None else self.layers, default=every[-1])

    def meets(self, tap: AttentionTap) -> bool:
        """Whether weights are changed at a tap."""
        return tap.stage == self.stage and (self.layers is None or tap.layer in self.layers)


@contextmanager
def edit_attention(
    model: Model,
    edit: Edit,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    rows: Rows = "prediction",
    stage: str = "attention",
) -> Iterator[None]:
    """While it lasts, every pass of the model runs with edited weights, in evaluation mode.

    Items of the history are edited among themselves: what a row gives to a mask token, or to
    padding that may be attended to, stays. The model is neither trained nor copied meanwhile, nor
    asked for what runs its layers one by one, as norm-based importances and value zeroing do.

    Parameters
    ----------
    model : the model whose passes are edited.
    edit : what becomes of the weights: one of `workbench.attention.edits`, or any function of
        weights [..., K] and allowed (bool, broadcastable) that returns weights of the same shape
        and dtype, in which every row is a distribution over its allowed keys.
    layers, heads : which ones, counted from 0, while names such as "attention layer 1" count from
        1: that layer is 0 here. All where None.
    rows : "prediction", the prediction row only, or "all" rows.
    stage : where the weights are changed; `model.stages` names the points.

    Raises
    ------
    WorkbenchError
        If the model has no attention, or no such stage, layer or head, or the edit is no function
        of the two; and within the block, if it returns something else, or attention passes outside
        of a whole pass.
    """
    edited = Edited(edit, layers, heads, rows, stage)
    model = edited.check(model)
    passing: list[_Tokens] = []  # of the pass that runs

    def begin(batch: Batch) -> None:
        passing.append(_Tokens.of(model, batch))

    def change(_: AttentionTap, weights: Tensor) -> Tensor:
        if not passing:
            raise WorkbenchError(
                f"attention of {model.config.name} is edited in whole passes, and what runs here "
                "is none: training, or layers one by one, as in norm-based importances; leave "
                "edit_attention first."
            )
        return passing[0].changed(edited, weights)

    with around_passes(model, begin, passing.clear), _changing(model, [edited], change):
        yield


@torch.no_grad()
def edited_scores(
    base: BasePass, edits: Sequence[Edited], items: Tensor | None = None
) -> Iterator[Tensor]:
    """Scores under each edit by itself, as a pass under `edit_attention` gives them.

    Edits of the prediction row are run together: where the model kept its pass they cost that row
    alone. Of edits of all rows, the layers below are not run again.

    Parameters
    ----------
    base : the unedited pass.
    edits : what is changed, and where.
    items : [B, K] ids to score; None for all.

    Yields
    ------
    Tensor
        [B, K], or [B, n_items + 1] with -inf for padding; one for each edit, in their order.

    Raises
    ------
    WorkbenchError
        As `edit_attention`.
    """
    for each in edits:
        each.check(base.model)
    kept = base.kept
    if kept is None:
        for each in edits:
            with edit_attention(base.model, **vars(each)):
                scores = base.model.scores(base.batch, items)
            yield scores
        return
    tokens = _Tokens.of(with_attention(base.model), base.batch)
    rows = _rows_again(kept, tokens, edits)
    for number, each in enumerate(edits):
        hidden = rows[number] if number in rows else _layers_again(kept, tokens, each)
        yield kept.score(hidden, items)


def _rows_again(kept: KeptPass, tokens: "_Tokens", edits: Sequence[Edited]) -> dict[int, Tensor]:
    """Hidden states [B, d] under the edits that change the prediction row alone, by number."""
    groups: dict[int, list[int]] = {}  # those that begin in the same layer
    for number, each in enumerate(edits):
        first = each.first(len(kept.layers))
        if each.rows == "prediction" and kept.row_is_alone(first):
            groups.setdefault(first, []).append(number)
    found: dict[int, Tensor] = {}
    for first, numbers in groups.items():

        def change(tap: AttentionTap, weights: Tensor, numbers: list[int] = numbers) -> Tensor:
            each_its_own = weights.expand(-1, -1, len(numbers), -1).clone()  # [B, H, Q, T]
            for q, number in enumerate(numbers):
                if edits[number].meets(tap):
                    changed = tokens.of_row(edits[number], each_its_own[:, :, q])
                    each_its_own[:, :, q] = changed
            check_rows(each_its_own, tokens.seen_of_row, distributions(weights, tokens.seen_of_row))
            return each_its_own

        with _changing(kept.model, [edits[number] for number in numbers], change):
            hidden = kept.row_again(first).expand(-1, len(numbers), -1)
        found.update(zip(numbers, hidden.unbind(1), strict=True))
    return found


def _layers_again(kept: KeptPass, tokens: "_Tokens", edited: Edited) -> Tensor:
    """Hidden states [B, d] under an edit, from the first layer that it changes on."""
    with _changing(kept.model, [edited], lambda _, weights: tokens.changed(edited, weights)):
        return kept.layers_again(edited.first(len(kept.layers)))


@contextmanager
def _changing(
    model: AttentionModel,
    edits: Sequence[Edited],
    change: Callable[[AttentionTap, Tensor], Tensor],
) -> Iterator[None]:
    """While it lasts, taps that some of the edits meet pass what `change` makes of weights."""

    def hook(tap: nn.Module, _: object, weights: Tensor) -> Tensor:
        assert isinstance(tap, AttentionTap)
        return change(tap, weights)

    taps = [tap for tap in model.taps() if any(each.meets(tap) for each in edits)]
    with hooked(taps, hook, every_row=False), evaluation_mode(model):
        yield


@dataclass(frozen=True)
class _Tokens:
    """The tokens of a batch.

    Attributes
    ----------
    rows : [B], those that predict.
    items : [B, T], which are items of the history.
    allowed : [B, 1, T, T], which items a row may attend to.
    seen : [B, 1, T, T], the same and whatever else it may attend to that is no hidden item.
    others : whether there may be one that is no item.
    """

    rows: Tensor
    items: Tensor
    allowed: Tensor
    seen: Tensor
    others: bool

    @classmethod
    def of(cls, model: AttentionModel, batch: Batch) -> "_Tokens":
        """Those that a model makes of a batch."""
        items, allowed = model.history(batch), model.allowed(batch)
        added, seen = items.shape[-1] - batch.items.shape[1], allowed
        if batch.hidden is not None:
            seen = allowed & ~F.pad(batch.hidden, (0, added))[:, None, None]
        return cls(model.rows(batch), items, allowed & items[:, None, None], seen, added > 0)

    @property
    def seen_of_row(self) -> Tensor:
        """`seen` of the prediction row, [B, 1, 1, T]."""
        return queries_of(self.seen, self.rows[:, None])

    def changed(self, edited: Edited, weights: Tensor) -> Tensor:
        """Weights [B, H, T, T] of all rows with the edit made in those it is for.

        Or weights [B, H, 1, T] of the prediction row.
        """
        seen = self.seen_of_row if weights.shape[2] < weights.shape[3] else self.seen
        were = distributions(weights, seen)  # before an edit that works in place
        changed = self._changed(edited, weights)
        check_rows(changed, seen, were)
        return changed

    def _changed(self, edited: Edited, weights: Tensor) -> Tensor:
        at = torch.arange(len(weights), device=weights.device)
        alone = weights.shape[2] < weights.shape[3]
        if alone and edited.rows == "prediction":
            return self.of_row(edited, weights[:, :, 0])[:, :, None]
        if alone:  # what an edit draws at random it draws for all rows
            every = weights.expand(-1, -1, weights.shape[3], -1)
            return self._changed(edited, every)[at, :, self.rows][:, :, None]
        if edited.rows == "all":
            return self._in_heads(edited, weights, self.allowed, self.items[:, None, None])
        changed = weights.clone()
        changed[at, :, self.rows] = self.of_row(edited, weights[at, :, self.rows])
        return changed

    def of_row(self, edited: Edited, weights: Tensor) -> Tensor:
        """Weights [B, H, T] of the prediction row with the edit made."""
        allowed = self.allowed[torch.arange(len(weights), device=weights.device), :, self.rows]
        return self._in_heads(edited, weights, allowed, self.items[:, None])

    def _in_heads(self, edited: Edited, weights: Tensor, allowed: Tensor, items: Tensor) -> Tensor:
        if edited.heads is None:
            return self._among_items(edited.edit, weights, allowed, items)
        chosen, changed = list(edited.heads), weights.clone()
        changed[:, chosen] = self._among_items(edited.edit, weights[:, chosen], allowed, items)
        return changed

    def _among_items(self, edit: Edit, weights: Tensor, allowed: Tensor, items: Tensor) -> Tensor:
        if not self.others:
            return made(edit, weights, allowed)
        kept = weights.masked_fill(items, 0.0)
        given = weights.masked_fill(~items, 0.0)
        share = given.sum(-1, keepdim=True).clamp(min=torch.finfo(given.dtype).tiny)
        edited = made(edit, given / share, allowed) * share + kept  # an edit is of a distribution
        return torch.where(allowed.any(-1, keepdim=True), edited, weights)


def _within(what: str, chosen: Sequence[int] | None, count: int, model: Model) -> None:
    if isinstance(chosen, int):
        raise WorkbenchError(f"{what}s are given as a list; write {what}s=[{chosen}].")
    for one in chosen or ():
        if not 0 <= one < count:
            raise WorkbenchError(
                f"{model.config.name} has no {what} {one}; choose from 0 to {count - 1}, counted "
                f"from 0: attention {what} 1 is 0."
            )
