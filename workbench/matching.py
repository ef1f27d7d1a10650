"""Where a model and data meet: items and users are matched by token, here and nowhere else."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar, cast

import numpy as np
import pandas as pd
from torch import Tensor

from models import Batch, ModelConfig, Recommender
from workbench.checkpoint import check_card, check_tokens, with_rows
from workbench.data.batches import held_out_batch
from workbench.data.lookup import find_item, item_with_id, items_called
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError, WorkbenchWarning, loaded
from workbench.model import Model

M = TypeVar("M", bound=Model)
TO_BE_SURE = "train a model on these data to be sure."
LEAST_KNOWN = 0.5  # share of the interactions that must be with items the model knows


class Numbering(NamedTuple):
    """How items and users are numbered, by raw tokens as in `SequenceData`.

    Attributes
    ----------
    item_ids : tokens of the items, [n_items + 1], padding first.
    user_ids : tokens of the users, [n_users].
    """

    item_ids: np.ndarray
    user_ids: np.ndarray


def matched(
    model: Model, data: SequenceData, name: str | None = None, held_out: int = 1
) -> tuple[SequenceData, str | None]:
    """The data as the model numbers items, and a sentence on what did not match.

    Items are matched by their tokens (`model.item_ids`), so that neither the order of rows nor
    which users and items a file holds matters. The catalogue is the model's: its items that the
    data lack are ranked like the others. Items of the data that it does not know are left out of
    histories; a user who has one among the last `held_out` items keeps the index and loses all
    items, and so has no case. Ids that are mere numbers say little about what an item is; if some
    of them are on one side alone, the sentence says so. Users of a model that embeds them are
    matched by token too, see `SequenceData.user_numbers`; those that it does not know are counted
    in the sentence, and have the number after the last, which to our models is nobody.

    A model that does not know its tokens takes the data as they are numbered. The sentence then
    says if the checksum in its card is another one, or missing. A model with an empty card
    was made by hand (built and not yet trained, or adapted), and there is no warning about it.

    Parameters
    ----------
    model : the model.
    data : the data as they were read.
    name : what to call the model, by default as its configuration does.
    held_out : how many items at the end of a sequence are to be predicted, 0 if all of it is a
        history.

    Returns
    -------
    tuple
        The data, and the sentence, None if there is nothing to say.

    Raises
    ------
    WorkbenchError
        If more than half of the interactions are with unknown items, a model without tokens has a
        catalogue of another size, a model has other tokens than one for each item, padding first,
        or a card that is no dict, or it needs times that the data do not have.
    """
    loaded(model, "workbench.load_model", "config")
    loaded(data, "workbench.load_data", "offsets")
    name = name or model.config.name
    check_card(model, name)
    if data.times is None and model.needs_times:
        raise WorkbenchError(
            f"{name} needs the time of every item, and {data.name} has no times; give data with a "
            "time column, or choose another model."
        )
    if model.item_ids is None:
        return data, _by_checksum(model, data, name)
    check_tokens(model, name)
    said, strangers = None, _of_users(model, data, name)
    if not _same(model.item_ids, data.item_ids):
        data, said = _by_token(model, data, name, held_out)
    if model.needs_users and not (model.user_ids is None or _same(model.user_ids, data.user_ids)):
        numbers = pd.Index(model.user_ids).get_indexer(pd.Index(data.user_ids))
        unknown = len(model.user_ids)  # beyond the last: no user the model has an embedding of
        data = replace(data, user_numbers=np.where(numbers < 0, unknown, numbers))
    return data, _beside(strangers, said)


def held_out(model: Model, data: SequenceData, users: Sequence[int]) -> tuple[Batch, Tensor]:
    """The test histories of some users, in that order, and their held-out items.

    Items have the numbers that the model gives them, whatever those of the data are: the raw id of
    number n is `model.item_ids[n]`.

    Parameters
    ----------
    model : what will read the histories.
    data : where the users are.
    users : indices of users in the data; `workbench.data.find_user` has that of a raw id.

    Returns
    -------
    tuple
        A batch of what comes before the last item of each user, as much of it as the model reads,
        on the CPU; and that last item, int64 [B].

    Raises
    ------
    WorkbenchError
        If the model does not fit the data, as in `evaluate`, a user does not exist, or has no item
        that the model knows before the held-out one, or does not know that one.

    Warns
    -----
    WorkbenchWarning
        If some items of the data do not match those of the model, as in `evaluate`.
    """
    data, warning = matched(model, data)
    if warning:
        warnings.warn(warning, WorkbenchWarning, stacklevel=2)
    return held_out_batch(data, users, model.config.max_length)


def check_numbering(model: Model, data: SequenceData, what: str) -> None:
    """Refuse numbers of items or users that are not those of the model.

    Parameters
    ----------
    model : what is to read them; one without tokens refuses none.
    data : whose numbers they are.
    what : what holds them, which begins the sentence.

    Raises
    ------
    WorkbenchError
        If an item, or a user of a model that embeds them, has another number in the model.
    """
    known = model.user_ids if model.needs_users and data.user_numbers is None else None
    items = model.item_ids is None or _same(model.item_ids, data.item_ids)
    if not items or not (known is None or _same(known, data.user_ids)):
        raise WorkbenchError(
            f"{what} has the numbers of {data.name}, and {model.config.name} numbers items or "
            "users otherwise; make it of the data as this model numbers them, "
            "workbench.matching.matched(model, data)[0]."
        )


def find_known_item(model: Model, data: SequenceData, as_read: SequenceData, text: str) -> int:
    """The one item of this raw id or title, among those of the data and those of the model.

    Parameters
    ----------
    model : the model.
    data : the data as `matched` gives them, whose number the item has.
    as_read : the same data before they were matched, which may have items that it does not know.
    text : a raw id or a title, as in `workbench.data.lookup.items_called`.

    Raises
    ------
    WorkbenchError
        If there is none, more than one, or one that the model does not know.
    """
    if item_with_id(data, text.strip()) is None:
        called = items_called(as_read, text)
        unknown = [at for at in called if item_with_id(data, as_read.item_ids[at]) is None]
        if unknown and find_item(as_read, text):  # which says so where it may be any of several
            raise WorkbenchError(
                f"{as_read.name} has the item {text.strip()[:80]!r}, but {model.config.name} does "
                f"not know it; name another item, or train a model on these data{_how(model)}."
            )
    return find_item(data, text)


def one_numbering(
    models: Mapping[str, M], data: SequenceData, labels: Mapping[str, str] | None = None
) -> tuple[SequenceData, dict[str, M], list[str]]:
    """Models and data in which an item has the same number, and warnings of what may not fit.

    Parameters
    ----------
    models : by name.
    data : what they are asked about.
    labels : what to call each model in sentences, by default its name.

    Raises
    ------
    WorkbenchError
        If a model cannot be asked about these data, or not beside the others.
    """
    numbering, as_read = common_numbering(models.values(), data), data
    moved, warnings = {}, []
    for name, model in models.items():
        label = name if labels is None else labels[name]
        moved[name], data, warning = matched_in(numbering, model, as_read, label)
        if warning:
            warnings.append(warning)
    return data, moved, warnings


def matched_in(
    numbering: Numbering, model: M, data: SequenceData, name: str | None = None
) -> tuple[M, SequenceData, str | None]:
    """A model in a numbering that others have too, and the data as `matched` to it.

    Parameters
    ----------
    numbering : of `common_numbering`.
    model, data, name : as in `renumbered` and `matched`, which also say what is raised.
    """
    moved = renumbered(model, numbering, name)
    found, said = matched(moved, data, name)
    if moved is not model:  # which has the ids of all users, and nobody's row for some
        said = _beside(_of_users(model, data, name or model.config.name), said)
    return moved, found, said


def common_numbering(models: Iterable[Model], data: SequenceData) -> Numbering:
    """The numbering in which models can be asked about the same data, see `renumbered`.

    Items are numbered as in the first model that cannot be reordered, or else as in the first, or
    as in the data if some model does not know its tokens; users are numbered as in the data.
    """
    models = sorted(models, key=lambda model: isinstance(model, Recommender))  # adapted ones first
    for model in models:
        check_tokens(model, model.config.name)
    items = [model.item_ids for model in models]
    known = bool(items) and all(ids is not None for ids in items)
    return Numbering(items[0] if known else data.item_ids, data.user_ids)


def renumbered(model: M, numbering: Numbering, name: str | None = None) -> M:
    """The model with its items and users in another order; itself if the order is the same.

    Parameters
    ----------
    model : the model.
    numbering : the order of items and users.
    name : what to call the model in an error, by default as its configuration does.

    Raises
    ------
    WorkbenchError
        If its items are not those of the numbering, or it is no model of this repository, which
        alone can be reordered.
    """
    items = _rows(model.item_ids, numbering.item_ids, 1)
    users = _rows(model.user_ids, numbering.user_ids, 0) if model.needs_users else None
    if items is None and users is None:
        return model
    others = items is not None and (len(items) <= model.config.n_items or not items[1:].all())
    if others:
        raise WorkbenchError(
            f"{name or model.config.name} knows other items than the model or the data beside it, "
            "so that no ranking of one compares with one of the other; give it alone, or models "
            "of one catalogue."
        )
    if not isinstance(model, Recommender):
        raise WorkbenchError(
            f"{name or model.config.name} numbers its items or users otherwise than a model or the "
            "data beside it, and was adapted, so that it cannot be reordered; give it alone, or "
            "adapt it with the numbers of the other."
        )
    reordered = with_rows(model, items, users)
    reordered.card = model.card
    reordered.item_ids = model.item_ids if items is None else numbering.item_ids
    reordered.user_ids = model.user_ids if users is None else numbering.user_ids
    return cast(M, reordered)


def _rows(known: np.ndarray | None, wanted: np.ndarray, first: int) -> np.ndarray | None:
    """The row of a table for padding and every token wanted, 0 for none; None where none moves.

    Tokens are those from index `first` on.
    """
    if known is None or _same(known, wanted):
        return None
    return np.append(0, 1 + pd.Index(known[first:]).get_indexer(pd.Index(wanted[first:])))


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one is other or np.array_equal(one, other)


def _how(model: Model) -> str:
    """The command that trains one like it, in brackets; nothing for one of other software."""
    return " (python -m workbench train)" if isinstance(model.config, ModelConfig) else ""


def _of_users(model: Model, data: SequenceData, name: str) -> str | None:
    """How many users a model that embeds them does not know, as the beginning of a sentence."""
    if not model.needs_users or model.user_ids is None:
        return None
    unknown = int((~pd.Index(data.user_ids).isin(model.user_ids)).sum())
    if not unknown:
        return None
    return (
        f"{name} does not know {unknown:,} of the {data.n_users:,} users of {data.name}, for whom "
        "it goes by their items alone"
    )


def _beside(users: str | None, items: str | None) -> str | None:
    """One sentence of the users and the items that did not match."""
    return items if users is None else f"{users}; {items or TO_BE_SURE}"


def _by_token(
    model: Model, data: SequenceData, name: str, held_out: int
) -> tuple[SequenceData, str | None]:
    """The data with items numbered as in the model, and what is to be said; see `matched`."""
    item_ids = model.item_ids
    known_ids = pd.Index(item_ids[1:])
    if not known_ids.is_unique:
        twice = known_ids[known_ids.duplicated()][0]
        raise WorkbenchError(f"{name} has the item {twice!r} twice; give each item its own id.")
    numbers = np.append(0, 1 + known_ids.get_indexer(pd.Index(data.item_ids[1:])))
    items = numbers[data.items].astype(np.int32)
    known = items > 0
    lost = len(known) - int(known.sum())
    if lost > (1 - LEAST_KNOWN) * len(known):
        raise WorkbenchError(
            f"{name} knows {int((numbers > 0).sum()):,} of the {data.n_items:,} items of "
            f"{data.name}, and {lost:,} of its {len(known):,} interactions are with others, which "
            "is more than half; give data of the catalogue it was trained on, or a model trained "
            f"on these{_how(model)}."
        )
    owners = data.owners
    from_end = data.offsets[owners + 1] - np.arange(len(items))  # 1 for the last of a user
    left_out = np.zeros(data.n_users, bool)
    left_out[owners[~known & (from_end <= held_out)]] = True
    kept = known & ~left_out[owners]
    titles = None
    if data.titles is not None:
        titles = [str(token) for token in item_ids]
        for number, title in zip(numbers[1:], data.titles[1:], strict=True):
            if number:
                titles[number] = title
    counts = np.bincount(owners[kept], minlength=data.n_users)
    renumbered_data = replace(
        data,
        items=items[kept],
        times=None if data.times is None else data.times[kept],
        offsets=np.append(0, np.cumsum(counts)).astype(np.int64),
        item_ids=item_ids,
        titles=titles,
        provenance={**data.provenance, "checksum_as_read": data.checksum_as_read},
        rows=None if data.rows is None else data.rows[kept],
        truth=None if data.truth is None else data.truth.kept(kept, data.offsets),
    )
    unknown = int((numbers[1:] < 1).sum())
    said = []
    if unknown:
        said.append(
            f"{name} does not know {unknown:,} of the {data.n_items:,} items of {data.name}: "
            f"{lost:,} of {len(known):,} interactions with them were left out, and altogether "
            f"{int((counts < 1).sum()):,} of {data.n_users:,} users, of whom what is to be "
            "predicted, or all, is unknown"
        )
    differ = unknown or data.n_items < model.config.n_items
    learned_from = checksum_of(model) == data.checksum_as_read
    if differ and not learned_from and all(map(str.isdecimal, item_ids[1:])):
        said.append(
            f"{name} and {data.name} have different items under ids that are mere numbers, which "
            "other data give to other items: no result means anything unless both are of one "
            "catalogue"
            if unknown
            else f"{name} knows all {data.n_items:,} items of {data.name} and others, by ids that "
            "are mere numbers: nothing is wrong where these data are a part of what it learned "
            "from, and no result means anything where they give the numbers to other items"
        )
    return renumbered_data, "; ".join([*said, TO_BE_SURE]) if said else None


def _by_checksum(model: Model, data: SequenceData, name: str) -> str | None:
    """A sentence where a model without tokens may number items otherwise than the data."""
    if model.config.n_items != data.n_items:
        raise WorkbenchError(
            f"{name} knows {model.config.n_items:,} items and {data.name} has {data.n_items:,}; "
            f"give the data it was trained on, or a model trained on these{_how(model)}."
        )
    checksum = checksum_of(model)
    if not model.card or checksum == data.checksum:
        return None
    if checksum is None:
        return (
            f"which data {name} learned from is not known (its card holds no checksum): where "
            f"{data.name} numbers items otherwise, no result means anything; import the model "
            "together with its data, or train it here."
        )
    return (
        f"{name} learned from other data than {data.name} (the checksums differ): where items are "
        "numbered otherwise, no result means anything; give the data it was trained on."
    )


def checksum_of(model: Model) -> str | None:
    """The checksum of the data a model learned from, where its card has it."""
    learned = model.card.get("data")
    return learned.get("checksum") if isinstance(learned, dict) else None
