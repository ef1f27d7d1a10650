"""Models on disk: weights in safetensors, a readable JSON card, and tokens of items and users."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

from models import BACKBONES, ModelConfig, Recommender, backbone_of, make_model
from workbench.data.sequences import PAD
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.files import checksum, not_written, replaced_file
from workbench.model import Model, with_layers
from workbench.model_folders import CARD, TOKENS, WEIGHTS, located_model

FILES = "files"  # in a card: the SHA-256 of each file beside it
MOST_BYTES = 4096  # that a token may have in a file, on average


def save_model(model: Recommender, folder: str | Path, card: dict[str, Any] | None = None) -> Path:
    """Write weights and card to a folder, wholly or not at all.

    An older model in that folder is replaced. The tokens of items and users, if the model knows
    them, are written beside.

    Parameters
    ----------
    model : the model to save.
    folder : where to write.
    card : what is worth knowing beside the configuration (metrics, data checksum, seed, command);
        by default the model's own card.

    Returns
    -------
    Path
        The folder.

    Warns
    -----
    WorkbenchWarning
        If its class is not in `models.BACKBONES`, where `load_model` looks for it.

    Raises
    ------
    WorkbenchError
        If the folder cannot be written to, another class would be loaded from it, the model was
        adapted, its card is no dict, or its tokens are not those of its items.
    """
    with_layers(model, "save its own module as usual, and adapt it again where it is loaded")
    check_class(model)
    check_card(model, model.config.name)
    check_tokens(model, model.config.name)
    folder, kind = Path(folder), type(model)
    if kind.name not in BACKBONES:
        warnings.warn(
            f"{folder} holds a {kind.name}, which is loaded only where its class is known: before "
            f"load_model, {_registered(kind.name, kind.__name__)}.",
            WorkbenchWarning,
            stacklevel=2,
        )
    state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    full_card = {"config": model.config.to_dict(), **(card or model.card)}
    try:
        with ExitStack() as files:  # the card, which tells of the others, takes its place last
            described = files.enter_context(replaced_file(folder / CARD))
            written = {WEIGHTS: files.enter_context(replaced_file(folder / WEIGHTS))}
            save_file(state, written[WEIGHTS])
            if model.item_ids is not None:
                written[TOKENS] = files.enter_context(replaced_file(folder / TOKENS))
                written[TOKENS].write_text(_tokens_text(model), encoding="utf-8")
            full_card[FILES] = {name: checksum(path) for name, path in written.items()}
            described.write_text(json.dumps(full_card, indent=2) + "\n", encoding="utf-8")
        if TOKENS not in written:
            (folder / TOKENS).unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        raise not_written(folder, error) from error
    return folder


def _registered(name: str, kind: str) -> str:
    """What makes a class known by its name, as a part of a sentence."""
    return f"write models.BACKBONES[{name!r}] = {kind}, or add it to models/backbones.py"


def check_class(model: Recommender) -> None:
    """Refuse a class of somebody's own that has the name of another, which would be loaded for it.

    Raises
    ------
    WorkbenchError
        If it has.
    """
    kind = type(model)
    if BACKBONES.get(kind.name, kind) is not kind:
        raise WorkbenchError(
            f"{kind.__name__} has the name of another class, {kind.name}, which would be loaded in "
            "its place; give it a `name` of its own and add it to models.BACKBONES."
        )


def check_card(model: Model, name: str) -> None:
    """Refuse a card that holds nothing by name.

    Raises
    ------
    WorkbenchError
        If it is no dict.
    """
    if not isinstance(model.card, dict):
        raise WorkbenchError(
            f"the card of {name} is {model.card!r}; give a dict, {{}} where nothing is known."
        )


def check_tokens(model: Model, name: str) -> None:
    """Refuse tokens that cannot be one for each item of a model, padding first.

    Raises
    ------
    WorkbenchError
        If there is another number of them, or the first is not that of padding.
    """
    if model.item_ids is None:
        return
    given = f'give item_ids as "{PAD}" and a token for each item.'
    if len(model.item_ids) != model.config.n_items + 1:
        raise WorkbenchError(
            f"{name} has {model.config.n_items:,} items and {len(model.item_ids) - 1:,} tokens for "
            f"them; {given}"
        )
    if model.item_ids[0] != PAD:
        raise WorkbenchError(
            f'the tokens of {name} begin with {model.item_ids[0]!r} and not with "{PAD}", so that '
            f"each would stand for another item; {given}"
        )


def load_model(source: str | Path) -> Recommender:
    """A model from a folder, or a shipped one by name, ready for inference.

    Nothing in the files is executed.

    Parameters
    ----------
    source : the folder, or the name of a shipped model, which goes before a folder of this name
        where it is given as a text; `./NAME` is the folder.

    Returns
    -------
    Recommender
        The model. Its card is at `model.card`, the tokens of its items at `model.item_ids` and,
        if it embeds users, theirs at `model.user_ids` (None if the folder does not hold them).

    Warns
    -----
    WorkbenchWarning
        If the name of a shipped model is also that of a folder here with another.

    Raises
    ------
    WorkbenchError
        If the folder holds no model, its card cannot be read, or weights or tokens do not fit the
        card or are other than it tells. This is seen before memory is taken for the model.
    """
    folder = located_model(source)
    if folder != Path(source) and (Path(source) / CARD).exists():
        warnings.warn(
            f"{source} is the shipped model; for the one in the folder here write ./{source}.",
            WorkbenchWarning,
            stacklevel=2,
        )
    try:
        text = (folder / CARD).read_text(encoding="utf-8")
        card = json.loads(text, parse_constant=_no_number)
        config = ModelConfig.from_dict(card["config"])
        _check_parts(card)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WorkbenchError(
            f"{folder / CARD}: not a model card ({error}); train or save the model again."
        ) from error
    try:
        backbone_of(config)
    except ValueError as error:
        way = _registered(config.backbone, "the class")
        raise WorkbenchError(
            f"{folder / CARD}: {error}; where it is a class of your own, {way}."
        ) from error
    try:
        with safe_open(folder / WEIGHTS, "pt") as file:
            names = file.keys()
            check_shapes(config, {name: file.get_slice(name).get_shape() for name in names})
        told = card.pop(FILES)
        known = TOKENS in told  # else they are of an earlier model there
        item_ids, user_ids = _read_tokens(folder / TOKENS, config) if known else (None, None)
        state = load_file(folder / WEIGHTS)
        _check_finite(folder / WEIGHTS, state)
        _check_files(folder, told)
        model = build(config, state)
    except WorkbenchError:
        raise
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise WorkbenchError(
            f"{folder / WEIGHTS}: the weights do not fit {CARD} ({reason}); "
            "train or save the model again."
        ) from error
    model.card, model.item_ids, model.user_ids = card, item_ids, user_ids
    return model


def _check_files(folder: Path, told: Mapping[str, str]) -> None:
    """Raise WorkbenchError where a file is not as it was when the card was written."""
    for name, known in told.items():
        if (folder / name).exists() and checksum(folder / name) != known:
            raise WorkbenchError(
                f"{folder / name} is not the file that {CARD} tells of: it was damaged, exchanged, "
                "or written without the other; train, import or copy the model again."
            )


def _check_parts(card: Mapping[str, Any]) -> None:
    """Raise TypeError if a part of a card is not what all who read cards take it for."""
    if FILES not in card:
        raise TypeError(f"it has no {FILES!r}, the checksums of the files beside it")
    for part in ("training", "metrics", "data", FILES):
        if not isinstance(card.get(part, {}), dict):
            raise TypeError(f"its {part!r} is {card[part]!r}, where an object is expected")
    if not isinstance(card["config"]["name"], str):
        raise TypeError(f"the name of its model is {card['config']['name']!r}")


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _check_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise WorkbenchError(
                f"{path}: {name} has values that are no finite numbers, as a training that "
                "diverged or a damaged file has them; train the model again, or take an earlier "
                "checkpoint."
            )


def _tokens_text(model: Recommender) -> str:
    """Tokens as JSON: {"items": [token, ...], "users": [token, ...] or null}, without padding."""
    users = None if model.user_ids is None else model.user_ids.tolist()
    return json.dumps({"items": model.item_ids[1:].tolist(), "users": users}) + "\n"


def _read_tokens(path: Path, config: ModelConfig) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The tokens of items [n_items+1] and of users [n_users]; None where they are not known.

    Raises WorkbenchError if the file cannot be read, or its counts are not the configuration's.
    """
    if not path.exists():
        return None, None
    try:
        if path.stat().st_size > MOST_BYTES * (1 + config.n_items + config.n_users):
            raise ValueError(f"more than {MOST_BYTES:,} bytes for each of them")
        held = json.loads(path.read_text(encoding="utf-8"))
        items = _distinct(held["items"], config.n_items, "items")
        users = held["users"]
        if users is not None:
            users = _distinct(users, config.n_users, "users")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WorkbenchError(
            f"{path}: not the tokens of this model ({error}); delete it to go without tokens, or "
            "train or save the model again."
        ) from error
    return np.append(np.array([PAD], dtype=object), items), users


def _distinct(tokens: Any, count: int, what: str) -> np.ndarray:
    """Tokens [count] as an object array. Raises ValueError unless they are distinct texts."""
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"{what} is no list of texts")
    "".join(tokens).encode()  # which halves of a pair of surrogates do not allow
    if len(tokens) != count:
        raise ValueError(f"{len(tokens):,} {what}, where the model has {count:,}")
    if len(set(tokens)) < count:
        raise ValueError(f"two {what} have the same token")
    return np.array(tokens, dtype=object)


def check_shapes(config: ModelConfig, shapes: Mapping[str, Sequence[int]]) -> None:
    """Check that these are the shapes of all tensors of a model of this configuration.

    Parameters
    ----------
    config : the configuration.
    shapes : the shape of every tensor, by name.

    Raises
    ------
    ValueError
        If a tensor is missing, is one too many or has another shape, or no memory would hold the
        model.
    """
    if config.n_layers > len(shapes):  # even an outline of that many would fill memory
        raise ValueError(f"{config.n_layers:,} layers in {len(shapes)} tensors")
    wanted = _outline(config).state_dict()
    for name, tensor in wanted.items():
        if name not in shapes:
            raise ValueError(f"it lacks what is here {name}")
        if list(shapes[name]) != list(tensor.shape):
            raise ValueError(
                f"{name} is {list(shapes[name])} where {list(tensor.shape)} is expected"
            )
    for name in shapes:
        if name not in wanted:
            raise ValueError(f"it has what would here be {name}, without the rest of it")


def build(
    config: ModelConfig,
    state: Mapping[str, Tensor],
    device: torch.device | str = "cpu",
    kind: Callable[[ModelConfig], Recommender] = make_model,
) -> Recommender:
    """A model of this configuration with these weights, in single precision, for inference."""
    model = _outline(config, kind)
    wanted = model.state_dict()
    # in place of the outline, since filling it would import PyTorch's algebra of shapes
    copies = {
        name: tensor.to(device, wanted.get(name, tensor).dtype, copy=True)
        for name, tensor in state.items()
    }
    model.load_state_dict(copies, assign=True)
    return model.eval()


def with_rows(
    model: Recommender, items: np.ndarray | None = None, users: np.ndarray | None = None
) -> Recommender:
    """A copy of a model with other rows of its tables.

    A table of items, or of users, is whatever is longer in a model that has one more of them.

    Parameters
    ----------
    model : the model to copy.
    items, users : which row each item or user takes, int64 [n + 1]; None for all rows as they are.
        Row 0 is padding, and a user without a row takes it.
    """
    state, config, kind = dict(model.state_dict()), model.config, type(model)
    for counted, rows in (("n_items", items), ("n_users", users)):
        if rows is None:
            continue
        at, n = torch.from_numpy(rows).to(model.device), getattr(config, counted)
        one_more = _outline(_with_count(config, counted, n + 1), kind).state_dict()
        for name, table in state.items():
            for dim, longer in enumerate(one_more[name].shape):
                if longer > table.shape[dim]:
                    special = table.narrow(dim, n + 1, longer - n - 2)  # a mask token
                    state[name] = table = torch.cat([table.index_select(dim, at), special], dim)
        config = _with_count(config, counted, len(rows) - 1)
    return build(config, state, model.device, kind)


def _with_count(config: ModelConfig, counted: str, n: int) -> ModelConfig:
    counts: dict[str, Any] = {counted: n}
    return replace(config, **counts)


def _outline(
    config: ModelConfig, kind: Callable[[ModelConfig], Recommender] = make_model
) -> Recommender:
    """A model without memory for its weights; raises ValueError if no memory would hold it."""
    try:
        with torch.device("meta"), _Unfilled():
            return kind(config)
    except (RuntimeError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"no model is that large ({reason})") from error


class _Unfilled(TorchFunctionMode):
    """Leaves weights without random numbers, for which PyTorch imports its compiler on "meta"."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func.__name__ in ("normal_", "uniform_"):
            return args[0] if args else (kwargs or {})["tensor"]
        if func is torch.randn:
            func = torch.empty
        return func(*args, **(kwargs or {}))
