"""One user's prediction as an object: its numbers, and how it shows itself."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.data.batches import make_batch
from workbench.data.lookup import find_user
from workbench.data.sequences import SequenceData
from workbench.data.splits import Cases, without_history
from workbench.errors import WorkbenchError, WorkbenchWarning, several
from workbench.explaining.methods import default_erasure
from workbench.explore.history_table import helps
from workbench.explore.inspection import Inspection, inspect_case
from workbench.explore.shown import Shown, View
from workbench.explore.user_page import Beside, body, page
from workbench.faithfulness.counterfactual import SmallestChange, smallest_change
from workbench.files import not_written, write_file
from workbench.matching import find_known_item, matched
from workbench.model import Model, weights_hash


@dataclass(frozen=True)
class Explanation:
    """What a model makes of one user's history; a notebook shows it as a page.

    Attributes
    ----------
    model, data : what recommends, and the data as it numbers items.
    user : index in the data.
    held_out : whether the user's last item follows the history, and is none of it.
    recommended : whether the item explained is what the model ranks first.
    inspection : items, weights, importances and the ranking.
    view : the weights shown as attention.
    change : the smallest change of the history; None where it was not asked for.
    """

    model: Model
    data: SequenceData
    user: int
    held_out: bool
    recommended: bool
    inspection: Inspection
    view: View
    change: SmallestChange | None

    def __repr__(self) -> str:
        """One line, where no notebook shows the page."""
        item = self.data.title(self.inspection.target)
        return (
            f"Explanation({self.model.config.name} of {item!r} for user {self.user_id!r} of "
            f"{self.data.name}, by {', '.join(self.columns)})"
        )

    @property
    def user_id(self) -> str:
        """The user's raw id."""
        return str(self.data.user_ids[self.user])

    @property
    def shown(self) -> Shown:
        """The inspection with its label and view."""
        return Shown(self.model.config.name, self.view, self.inspection)

    @property
    def removed(self) -> list[int]:
        """The items of the smallest change, oldest first; none where it was not found."""
        if self.change is None:
            return []
        at = self.change.removed[0].tolist()
        return [item for item, gone in zip(self.inspection.items.tolist(), at, strict=True) if gone]

    @property
    def columns(self) -> dict[str, list[float]]:
        """The importance of each item that the model reads, by name; attention first.

        Each is a list from the oldest item to the latest: of attention the weights in `view`, of
        others what `workbench.explain` gives.
        """
        attention = {"attention": self.shown.row} if self.inspection.weights else {}
        every: dict[str, Tensor] = attention | self.inspection.importance
        return {name: values.tolist() for name, values in every.items()}

    def to_json(self) -> dict[str, Any]:
        """All numbers of it, for programs.

        An *item* is an object with `item`, its raw id, and `title` where the data have titles.

        Returns
        -------
        dict
            `model`, `data` and `user`, names and the raw id; `item`, the item explained, its
            `rank` among `items_ranked`, 1 being best, and its `score` by the model;
            `history_length`, the items before what is predicted, read or not; `history`, those
            that the model reads, oldest first, each an item with `importance`, name -> number as
            in `columns`, null where there is none; and `smallest_change`, null where it was not
            searched for, else with the `operator` that takes items away, the item that is
            `first`, those it is `without` (none where no set of them was found), and the one that
            comes first `then`, null where none was found.
        """
        found = self.inspection
        first = found.first
        change = None
        if self.change is not None:
            change = {
                "operator": default_erasure(self.model),
                "first": self._named(first),
                "without": [self._named(item) for item in self.removed],
                "then": self._named(int(self.change.successor[0])) if self.removed else None,
            }
        return {
            "model": self.model.config.name,
            "data": self.data.name,
            "user": self.user_id,
            "item": self._named(found.target),
            "rank": found.rank(found.target),
            "items_ranked": found.ranked_with(found.target),
            "score": float(found.scores[found.target]),
            "history_length": int(self.data.lengths[self.user]) - self.held_out,
            "history": [
                {
                    **self._named(int(item)),
                    "importance": {
                        name: None if np.isnan(values[at]) else values[at]
                        for name, values in self.columns.items()
                    },
                }
                for at, item in enumerate(found.items)
            ],
            "smallest_change": change,
        }

    def _named(self, item: int) -> dict[str, str]:
        titled = {} if self.data.titles is None else {"title": self.data.title(item)}
        return {"item": str(self.data.item_ids[item]), **titled}

    def _repr_html_(self) -> str:
        return body(
            self.data,
            self.user,
            [self.shown],
            helps([self.shown], [self.model]),
            held_out=self.held_out,
            recommended=self.recommended,
            beside={self.shown.label: Beside(change=self.change)},
            told=[*made_of_data(self.data), made_of_model(self.shown.label, self.model)],
        )

    def save(self, path: str | Path) -> Path:
        """Write the page as one HTML file, which opens offline and asks for nothing.

        Raises
        ------
        WorkbenchError
            If the file cannot be written.
        """
        title = f"{self.shown.label}, user {self.user_id} of {self.data.name}"
        path, content = Path(path), page(title, self._repr_html_())
        try:
            write_file(path, content.encode())
        except OSError as error:
            raise not_written(path, error) from error
        return path


def made_of_data(data: SequenceData) -> list[str]:
    """Which data numbers stand on, and what was assumed about them, in lines."""
    return [f"{data.name}: SHA-256 {data.checksum}", *data.provenance.get("warnings", [])]


def made_of_model(label: str, model: Model) -> str:
    """Which weights numbers stand on, in a line."""
    return f"{label}: SHA-256 {weights_hash(model)}"


def explain_user(
    model: Model,
    data: SequenceData,
    user: str,
    item: str | None = None,
    methods: Sequence[str] = (),
    *,
    held_out: bool = False,
    hide_seen: bool = True,
    smallest: bool = False,
    view: View = View("attention"),  # noqa: B008, it does not change
) -> Explanation:
    """Look at one user and one item that may come next.

    The model is in evaluation mode meanwhile.

    Parameters
    ----------
    model, data : what recommends, and where the user is.
    user : a raw id.
    item : a raw id or a title; by default what the model ranks first.
    methods : names of importances; by default `default_erasure`. Attention stands beside them where
        the model has it.
    held_out : whether the user's last item is held out, as a test does; else it is read, too.
    hide_seen : whether items of the history, however long ago, are not ranked.
    smallest : whether the smallest change of the history is searched for, which takes some
        thousand passes for a history of 50 items.
    view : the weights shown as attention.

    Returns
    -------
    Explanation
        Its numbers are in `columns`, `inspection` and `to_json`.

    Raises
    ------
    WorkbenchError
        If the user or the item is unknown, a method does not serve the model, the history is empty,
        or every item was seen and is hidden.

    Warns
    -----
    WorkbenchWarning
        If some items of the data do not match those of the model, as in `evaluate`.
    """
    several("methods", methods)
    as_read = data
    data, warning = matched(model, as_read, held_out=int(held_out))
    if warning:
        warnings.warn(warning, WorkbenchWarning, stacklevel=2)
    at = find_user(data, str(user))
    first, last = int(data.offsets[at]), int(data.offsets[at + 1]) - held_out
    if last <= first:
        before = " before the one held out" if held_out else ""
        raise without_history(data, at, f"no item that {model.config.name} knows{before}")
    one = np.array([at])
    start = np.array([max(first, last - model.config.max_length)])
    batch = make_batch(data, Cases(one, start, np.array([last]), np.zeros(1, np.int64)))
    batch = batch.to(model.device)
    seen = sorted(set(data.items[first:last].tolist())) if hide_seen else []
    if len(seen) == data.n_items:
        raise WorkbenchError(
            f"user {data.user_ids[at]} of {data.name} has had every item, so that none is left to "
            "recommend; rank those, too (--keep-seen on a command line, hide_seen=False in Python)."
        )
    inspection = inspect_case(
        model,
        batch,
        "top" if item is None else find_known_item(model, data, as_read, str(item)),
        hidden=seen,
        methods=list(methods) or [default_erasure(model)],
    )
    change = None
    if smallest:
        hidden = torch.tensor([seen], dtype=torch.long, device=batch.items.device)
        change = smallest_change(model, batch, hidden=hidden)
    return Explanation(model, data, at, held_out, item is None, inspection, view, change)
