"""Data and models, loaded once and shared by all sessions."""

import json
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import pandas as pd
import streamlit as st
import torch
from torch import Tensor

from models import Batch, Recommender
from workbench import SequenceData, choose_device, explain, importances, load_data, load_model
from workbench.app import places, uploads
from workbench.data.batches import make_batch
from workbench.data.load import item_categories
from workbench.data.lookup import drawn_users
from workbench.data.splits import held_out_cases
from workbench.devices import DEVICE
from workbench.errors import WorkbenchError
from workbench.explaining.methods import default_erasure
from workbench.explore.inspection import Inspection, inspect_case
from workbench.explore.prediction import Prediction, predict
from workbench.explore.scenario import Scenario
from workbench.explore.survey import MOST_USERS, survey
from workbench.faithfulness.counterfactual import SmallestChange, smallest_change
from workbench.matching import matched
from workbench.model import weights_hash
from workbench.model_folders import CARD, TOKENS, WEIGHTS, located_model, shipped_names
from workbench.training.state import is_finished

Target = int | Literal["top"]
# how a cache tells data apart
BY_CHECKSUM: dict[str | type[Any], Callable[[Any], Any]] = {
    SequenceData: lambda interactions: interactions.checksum
}
BY_NUMBERS: dict[str | type[Any], Callable[[Any], Any]] = {
    Tensor: lambda numbers: numbers.numpy().tobytes(),
    frozenset: sorted,
}
T = TypeVar("T")


@dataclass(frozen=True)
class Shared:
    """A model shared by all sessions; hold `lock` during a pass, since taps are shared too."""

    source: str
    stamp: str
    model: Recommender
    lock: threading.Lock = field(default_factory=threading.Lock)


def shipped() -> list[str]:
    """Names of the models in models/pretrained, baselines first."""
    return sorted(shipped_names(), key=lambda name: name.startswith("AC-"))


def own() -> list[str]:
    """Names of the models that were imported or trained here, the latest first."""
    cards = [path for path in uploads.models().glob(f"*/{CARD}") if is_finished(path.parent)]
    return [path.parent.name for path in sorted(cards, key=_age)]


def _age(path: Path) -> float:
    return -path.stat().st_mtime


def own_of(interactions: SequenceData) -> list[str]:
    """Those of `own` that know these very data, by their cards."""
    return [name for name in own() if _checksum(uploads.models() / name) == interactions.checksum]


def shipped_for(interactions: SequenceData) -> list[str]:
    """Those of `shipped` that were trained on these very data, by their cards."""
    return [name for name in shipped() if _checksum(located_model(name)) == interactions.checksum]


def _checksum(folder: Path) -> str | None:
    """The checksum of the data of a model, by its card."""
    try:
        described = json.loads((folder / CARD).read_bytes())["data"]["checksum"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(described)


def data(source: str) -> SequenceData:
    """`load_data`, again if the files have changed; planted data if ml-100k is not available.

    Raises
    ------
    Outside, WorkbenchError
        If this session may not open the path, or it cannot be read.
    """
    return _data(source, _written(places.data(source)))


@st.cache_resource(max_entries=4, show_spinner="Reading the data ...")
def _data(source: str, stamp: str) -> SequenceData:
    return load_data(source, fallback="planted" if source == "ml-100k" else None)


def categories(source: str) -> dict[str, tuple[str, ...]]:
    """`item_categories`, again if the files have changed; none where they cannot be read.

    Raises
    ------
    Outside, WorkbenchError
        If this session may not open the path.
    """
    return _categories(source, _written(places.data(source)))


@st.cache_resource(max_entries=4, show_spinner=False)
def _categories(source: str, stamp: str) -> dict[str, tuple[str, ...]]:
    try:
        return item_categories(source)
    except WorkbenchError:
        return {}


def model(source: str) -> Shared:
    """`load_model`, again if the files have changed.

    Raises
    ------
    Outside, WorkbenchError
        If this session may not open the path, or it cannot be read.
    """
    folder = str(places.model(source) or source)
    return _model(folder, _stamp(folder))


@st.cache_resource(max_entries=8, show_spinner="Loading the model ...")
def _model(folder: str, stamp: str) -> Shared:
    return Shared(folder, stamp, _placed(folder))


def weights(shared: Shared) -> str:
    """The checksum of a model's weights as they were loaded, not renumbered."""
    return _weights(shared.source, _stamp(shared.source))


@st.cache_resource(max_entries=16, show_spinner=False)
def _weights(folder: str, stamp: str) -> str:
    return weights_hash(_model(folder, stamp).model)


def _placed(folder: str) -> Recommender:
    """`load_model`, on the device that the command of the app was given."""
    return load_model(Path(folder)).to(choose_device(os.environ.get(DEVICE, "cpu")))


def _stamp(folder: str) -> str:
    """The state of a model's files."""
    return _written(Path(folder) / name for name in (CARD, TOKENS, WEIGHTS))


def _written(files: Iterable[Path]) -> str:
    """The paths of files and their states: another for other content."""
    return "; ".join(f"{path.resolve()} {places.state_of(path)}" for path in files)


def seen_items(interactions: SequenceData, user: int) -> frozenset[int]:
    """The items of a user's whole history, without the one held out."""
    return frozenset(interactions.history(user)[:-1].tolist())


def inspection(
    shared: Shared,
    source: str,
    user: int,
    target: Target,
    *,
    hide_seen: bool,
    methods: Iterable[str] = (),
) -> Inspection:
    """`inspect_case` for the test case of a user.

    Parameters
    ----------
    shared, source : the model, and where the data are.
    user : its index.
    target : as in `inspect_case`.
    hide_seen : whether items of the whole history, however long ago, are not ranked.
    methods : the importances; those that do not serve the model are left out.
    """
    what = data(source), shared.source, shared.stamp, user
    inspected = _inspection(shared, *what, target, hide_seen)
    serving = importances(shared.model)
    importance = {
        method: inspected.effects
        if method == default_erasure(shared.model)
        else _importance(shared, *what, inspected.target, method)
        for method in methods
        if method in serving
    }
    return replace(inspected, importance=importance)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_CHECKSUM)
def _inspection(
    _shared: Shared,
    interactions: SequenceData,
    model: str,
    stamp: str,
    user: int,
    target: Any,
    hide_seen: bool,
) -> Inspection:
    interactions, batch = _case(_shared, interactions, user)
    hidden = seen_items(interactions, user) if hide_seen else ()
    with _shared.lock:
        return inspect_case(_shared.model, batch, target, hidden=hidden, methods=())


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=BY_CHECKSUM)
def _importance(
    _shared: Shared,
    interactions: SequenceData,
    model: str,
    stamp: str,
    user: int,
    target: int,
    method: str,
) -> Tensor:
    """`explain` for the same case, [L]."""
    _, batch = _case(_shared, interactions, user)
    with _shared.lock:
        return explain(_shared.model, batch, torch.tensor([target]), method)[0].cpu()


def smallest(shared: Shared, source: str, user: int, *, hide_seen: bool) -> SmallestChange:
    """`smallest_change` for the same case; hidden items are not recommended."""
    interactions, _ = matched(shared.model, data(source))
    seen = sorted(seen_items(interactions, user)) if hide_seen else []
    hidden = torch.tensor([seen], dtype=torch.long)
    return asked(smallest_change, shared, source, user, hidden=hidden)


def asked(
    question: Callable[..., T], shared: Shared, source: str, user: int, *given: Any, **named: Any
) -> T:
    """`question(model, batch, *given, **named)` for the same case, kept by what is given."""
    name = f"{question.__module__}.{question.__qualname__}"
    key = name, data(source), shared.source, shared.stamp, user
    return _asked(question, shared, *key, given, named)


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs=BY_CHECKSUM | BY_NUMBERS)
def _asked(
    _question: Callable[..., Any],
    _shared: Shared,
    name: str,
    interactions: SequenceData,
    model: str,
    stamp: str,
    user: int,
    given: tuple[Any, ...],
    named: dict[str, Any],
) -> Any:
    _, batch = _case(_shared, interactions, user)
    with _shared.lock:
        return _question(_shared.model, batch, *given, **named)


def _case(shared: Shared, interactions: SequenceData, user: int) -> tuple[SequenceData, Batch]:
    """The data as the model numbers items, and the history of a user."""
    interactions, _ = matched(shared.model, interactions)
    case = held_out_cases(interactions, shared.model.config.max_length, [user])
    return interactions, make_batch(interactions, case)


@dataclass
class Surveying:
    """`survey` of a data set under way: how many users are measured, of how many, and the table."""

    n_users: int
    n_measured: int = 0
    table: Future[pd.DataFrame] = field(default_factory=Future)

    def count(self, n: int) -> None:
        """Count users who were measured."""
        self.n_measured += n


def surveyed(shared: Shared, source: str, *, hide_seen: bool) -> Surveying:
    """`survey` of a data set; it starts at the first call and runs in a thread of its own."""
    return _surveyed(data(source), shared.source, shared.stamp, hide_seen)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_CHECKSUM)
def _surveyed(interactions: SequenceData, model: str, stamp: str, hide_seen: bool) -> Surveying:
    users = drawn_users(interactions, MOST_USERS)
    surveying = Surveying(len(users))
    # on another copy of the model, so that no page waits for its lock
    surveying.table = _worker().submit(
        survey,
        _placed(model),
        interactions,
        users,
        hide_seen=hide_seen,
        progress=surveying.count,
    )
    return surveying


@st.cache_resource(show_spinner=False)
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "survey", initializer=lambda: torch.set_num_threads(1))


def prediction(
    shared: Shared, scenario: Scenario, layer: int | None, head: int | None, *, hide_seen: bool
) -> Prediction:
    """`predict` for a scenario.

    Parameters
    ----------
    shared : the model.
    scenario : the history and its edits.
    layer, head : where attention is edited, from 0; in all if None.
    hide_seen : as in `predict`.
    """
    return _prediction(shared, shared.source, shared.stamp, scenario, layer, head, hide_seen)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs={Scenario: repr})
def _prediction(
    _shared: Shared,
    model: str,
    stamp: str,
    scenario: Scenario,
    layer: int | None,
    head: int | None,
    hide_seen: bool,
) -> Prediction:
    layers, heads = (None if one is None else [one] for one in (layer, head))
    with _shared.lock:
        return predict(_shared.model, scenario, layers=layers, heads=heads, hide_seen=hide_seen)
