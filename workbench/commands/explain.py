"""python -m workbench explain"""

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor

from workbench import explain, importances, load_data, load_model
from workbench.commands.options import Data, Device
from workbench.data.lookup import find_item
from workbench.data.sequences import SequenceData
from workbench.devices import choose_device
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.explaining.methods import default_erasure, importance
from workbench.explore.ranks import Ranking
from workbench.faithfulness.counterfactual import MOST, Change, smallest_change
from workbench.matching import matched
from workbench.mode import evaluation_mode
from workbench.model import Model
from workbench.phrases import counted, cut, listing
from workbench.recommendation import chosen_users, histories

WIDTH = 40  # letters of a title


@dataclass(frozen=True)
class Explanation:
    """What a model makes of one user's history of L items.

    Attributes
    ----------
    model, data, user : what recommends, the data as it numbers items, and the user's raw id.
    items : [L], what the model reads, oldest first.
    length : how many items the whole history has.
    ranking : of the items that the user has not had.
    item : the item explained.
    columns : a name of `importances` -> [L], the importance of each item for the score of `item`.
    operator, change : how items were taken away, and the smallest change of what comes first.
    """

    model: Model
    data: SequenceData
    user: str
    items: list[int]
    length: int
    ranking: Ranking
    item: int
    columns: dict[str, list[float]]
    operator: str
    change: Change

    @property
    def first(self) -> int:
        """The item that is recommended first."""
        return self.ranking.top(1)[0]

    def removed(self) -> list[int]:
        """The fewest items without which another item comes first; none where not found."""
        at = self.change.removed[0, : len(self.items)].tolist()
        return [item for item, gone in zip(self.items, at, strict=True) if gone]

    def to_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        removed = self.removed()
        return {
            "model": self.model.config.name,
            "data": self.data.name,
            "user": self.user,
            "item": self._named(self.item),
            "rank": self.ranking.rank(self.item),
            "items_ranked": self.ranking.n_ranked,
            "score": float(self.ranking.scores[self.item]),
            "history_length": self.length,
            "history": [
                {
                    **self._named(item),
                    "importance": {
                        name: None if np.isnan(values[at]) else values[at]
                        for name, values in self.columns.items()
                    },
                }
                for at, item in enumerate(self.items)
            ],
            "smallest_change": {
                "operator": self.operator,
                "first": self._named(self.first),
                "without": [self._named(item) for item in removed],
                "then": self._named(int(self.change.successor[0])) if removed else None,
            },
        }

    def _named(self, item: int) -> dict[str, str]:
        titled = {} if self.data.titles is None else {"title": self.data.title(item)}
        return {"item": str(self.data.item_ids[item]), **titled}

    def lines(self) -> Iterator[str]:
        """The same for people, the latest item first."""
        title, name = self.data.title, self.model.config.name
        rank = self.ranking.rank(self.item)
        place = "first" if rank == 1 else f"at place {rank:,}"
        yield (
            f"{name} ranks {title(self.item)} {place} for user {self.user} of {self.data.name}, "
            f"among {counted(self.ranking.n_ranked, 'item')} not seen."
        )
        n = len(self.items)
        read = counted(n, "item") if n == self.length else f"the last {n} of {self.length:,} items"
        yield f"What it owes to the history ({read}, the latest first; * largest):"
        yield from self._table()
        yield from self._sentences()

    def _table(self) -> Iterator[str]:
        rows = [["ago", "item", *self.columns]]
        best = {name: np.nanargmax(values) for name, values in self.columns.items() if _any(values)}
        for at in reversed(range(len(self.items))):
            cells = [str(len(self.items) - at), cut(self.data.title(self.items[at]), WIDTH)]
            for name, values in self.columns.items():
                sign = "+" if importance(self.model, name).signed else ""
                mark = "*" if best.get(name) == at else " "
                cells.append(f"{values[at]:{sign}.4f}{mark}")
            rows.append(cells)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for ago, item, *cells in rows:
            numbers = (cell.rjust(width) for cell, width in zip(cells, widths[2:], strict=True))
            yield "  ".join(["", ago.rjust(widths[0]), item.ljust(widths[1]), *numbers]).rstrip()

    def _sentences(self) -> Iterator[str]:
        title, removed = self.data.title, self.removed()
        if removed:
            successor = int(self.change.successor[0])
            yield (
                f"Without {listing([title(item) for item in removed])} ({self.operator}), "
                f"{title(successor)} would come first in place of {title(self.first)}; it is at "
                f"place {self.ranking.rank(successor):,} now."
            )
        else:
            yield (
                f"No change of up to {MOST} items was found ({self.operator}) that takes "
                f"{title(self.first)} from the first place."
            )
        yield "Whether any of this can be shown as a reason, a report on the model tells."


def _any(values: Sequence[float]) -> bool:
    return not np.isnan(values).all()


def explained(
    model: Model,
    data: SequenceData,
    user: str,
    item: str | None = None,
    methods: Sequence[str] = (),
) -> Explanation:
    """Look at one user's whole history and one item that may come next.

    Parameters
    ----------
    model, data : what recommends, and where the user is.
    user : a raw id.
    item : a raw id or a title; by default the best that the user has not had.
    methods : names of importances; by default `default_erasure`. Attention stands beside them where
        the model has it.

    Raises
    ------
    WorkbenchError
        If the user or the item is unknown, a method does not serve the model, or every item was
        seen and none is named.

    Warns
    -----
    WorkbenchWarning
        If some items of the data do not match those of the model, as in `evaluate`.
    """
    data, warning = matched(model, data, held_out=0)
    if warning:
        warnings.warn(warning, WorkbenchWarning, stacklevel=2)
    users = chosen_users(model, data, [user])
    _, batch, seen = next(histories(model, data, users, 1))
    batch, seen = batch.to(model.device), seen.to(model.device)
    with torch.no_grad(), evaluation_mode(model):
        scores = model.scores(batch)[0].cpu()
    ranking = Ranking(scores=scores, hidden=frozenset(seen[0].tolist()) - {0})
    if not ranking.n_ranked:
        raise WorkbenchError(f"user {user} has had every item, so that none is left to recommend.")
    target = ranking.top(1)[0] if item is None else find_item(data, item)
    operator = default_erasure(model)
    beside = [name for name in importances(model) if name == "attention"]
    targets = torch.tensor([target], device=model.device)
    return Explanation(
        model=model,
        data=data,
        user=str(data.user_ids[users[0]]),
        items=batch.items[0].tolist(),
        length=int(data.lengths[users[0]]),
        ranking=ranking,
        item=target,
        columns={
            name: _of_one(explain(model, batch, targets, name))
            for name in dict.fromkeys([*beside, *(methods or [operator])])
        },
        operator=operator,
        change=smallest_change(model, batch, operator, hidden=seen),
    )


def _of_one(values: Tensor) -> list[float]:
    return [float(value) for value in values[0]]


def explain_command(
    model: Annotated[str, typer.Option(help="A folder that `train` wrote, or a shipped model.")],
    user: Annotated[str, typer.Option(metavar="ID", help="The user's id, as in the data.")],
    data: Data = "ml-100k",
    item: Annotated[
        str | None,
        typer.Option(
            metavar="ITEM",
            help="What to explain, by id or title; by default the best that the user has not had.",
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="An importance beside attention, such as saliency or random; may be repeated. By "
            "default what replacing each item does."
        ),
    ] = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """What one recommendation owes to each item, and without which it would not be made."""
    loaded = load_model(model).to(choose_device(device))
    explanation = explained(loaded, load_data(data), user, item, method or ())
    if as_json:
        typer.echo(json.dumps(explanation.to_json(), ensure_ascii=False, indent=2))
        return
    for line in explanation.lines():
        typer.echo(line)
