"""Data and models, loaded once and shared by all sessions."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import streamlit as st
import torch

from models import Recommender
from workbench import SequenceData, load_data, load_model
from workbench.app import places
from workbench.checkpoint import CARD, PRETRAINED, TOKENS, WEIGHTS
from workbench.data.batches import make_batch
from workbench.data.splits import held_out_cases
from workbench.explore.inspection import Inspection, inspect_case
from workbench.explore.prediction import Prediction, predict
from workbench.explore.scenario import Scenario
from workbench.explore.survey import survey
from workbench.matching import matched

Target = int | Literal["top"]


@dataclass(frozen=True)
class Shared:
    """A model shared by all sessions; hold `lock` during a pass, since taps are shared too."""

    source: str
    stamp: str
    model: Recommender
    lock: threading.Lock = field(default_factory=threading.Lock)


def shipped() -> list[str]:
    """Names of the models in models/pretrained, baselines first."""
    names = (path.parent.name for path in PRETRAINED.glob(f"*/{CARD}"))
    return sorted(names, key=lambda name: (name.startswith("AC-"), name))


def data(source: str) -> SequenceData:
    """`load_data`, with planted data if ml-100k is not available.

    Raises Outside if this session may not open the path.
    """
    places.data(source)
    return _data(source)


@st.cache_resource(max_entries=4, show_spinner="Reading the data ...")
def _data(source: str) -> SequenceData:
    return load_data(source, fallback="planted" if source == "ml-100k" else None)


def model(source: str) -> Shared:
    """`load_model`, again if the files have changed. Raises Outside as `data` does."""
    folder = str(places.model(source) or source)
    return _model(folder, _stamp(folder))


@st.cache_resource(max_entries=8, show_spinner="Loading the model ...")
def _model(folder: str, stamp: str) -> Shared:
    return Shared(folder, stamp, load_model(folder))


def _stamp(folder: str) -> str:
    """The paths of a model's files, and when they were written."""
    paths = [Path(folder) / name for name in (CARD, TOKENS, WEIGHTS)]
    return "; ".join(f"{p.resolve()} {p.stat().st_mtime_ns}" for p in paths if p.exists())


def inspection(shared: Shared, source: str, user: int, target: Target) -> Inspection:
    """`inspect_case` for the test case of a user, given by index."""
    return _inspection(shared, shared.source, shared.stamp, source, user, target)


@st.cache_resource(max_entries=64, show_spinner=False)
def _inspection(
    _shared: Shared, model: str, stamp: str, source: str, user: int, target: Any
) -> Inspection:
    interactions, _ = matched(_shared.model, _data(source))
    case = held_out_cases(interactions, _shared.model.config.max_length, [user])
    with _shared.lock:
        return inspect_case(_shared.model, make_batch(interactions, case), target)


def surveyed(shared: Shared, source: str) -> Future[pd.DataFrame]:
    """`survey` of a data set; it starts at the first call and runs in a thread of its own."""
    return _surveyed(shared.source, shared.stamp, source)


@st.cache_resource(max_entries=8, show_spinner=False)
def _surveyed(model: str, stamp: str, source: str) -> Future[pd.DataFrame]:
    # on another copy of the model, so that no page waits for its lock
    return _worker().submit(survey, load_model(model), _data(source))


@st.cache_resource(show_spinner=False)
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "survey", initializer=lambda: torch.set_num_threads(1))


def prediction(
    shared: Shared, scenario: Scenario, layer: int | None, head: int | None
) -> Prediction:
    """`predict`, with edits in one layer or head (from 0), or in all if None."""
    layers, heads = (None if one is None else [one] for one in (layer, head))
    with shared.lock:
        return predict(shared.model, scenario, layers=layers, heads=heads)
