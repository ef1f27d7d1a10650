"""The data, the models and the users of a run: shipped, named, or trained on the spot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analyses.running.store import ROOT, code_hash, digest
from workbench import build_model, load_data, load_model, train
from workbench.checkpoint import CARD, PRETRAINED
from workbench.data.lookup import users_with_case
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError
from workbench.matching import common_numbering, matched, renumbered
from workbench.registry import NAMES

DEFAULT_DATA = "ml-100k"
SASREC = NAMES[:4]  # what a report is about unless told: one backbone, within two minutes
SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "inner_size": 64,
    "hidden_dropout": 0.2,
    "attention_dropout": 0.2,
}
QUICK: dict[str, Any] = {
    "objective": "positions",
    "epochs": 20,
    "patience": 20,
    "batch_size": 128,
    "learning_rate": 3e-3,
}


@dataclass(frozen=True)
class Inputs:
    """What a run stands on; `notices` must be read first, `exclusions` are counted.

    `sources` says where each model was loaded from.
    """

    data: SequenceData
    models: dict[str, Any]
    sources: dict[str, str]
    users: np.ndarray
    notices: list[str]
    exclusions: list[str]


def read_inputs(
    source: str, models: Sequence[str], n_users: int | None, seed: int, cache: Path
) -> Inputs:
    """Load the data and the models, and draw the users.

    Raises WorkbenchError where a model was made for other data, or the options make no sense.
    """
    if n_users is not None and n_users < 1:
        raise WorkbenchError(f"--users {n_users} leaves nobody; give 1 or more.")
    if seed < 0:
        raise WorkbenchError(f"--seed {seed} is negative; give 0 or more.")
    data = load_data(source, fallback="planted" if source == DEFAULT_DATA else None)
    notices = [data.provenance["fallback"]] if "fallback" in data.provenance else []
    if models or data.name != "planted":
        data, found, sources, warnings = _load(models or shipped(), data)
        notices += warnings
    else:
        found, sources = _small(data, seed, cache)
        notices.append(
            "The models are small ones, trained within a minute on these data for this report; "
            "the shipped models know ml-100k alone."
        )
    able = users_with_case(data)
    users = np.sort(able)
    exclusions = []
    if len(users) < data.n_users:
        exclusions.append(
            f"{data.n_users - len(users):,} of {data.n_users:,} users have no test case, for want "
            "of an item before the held-out one."
        )
    if n_users is not None and n_users < len(users):
        users = np.sort(np.random.default_rng(seed).choice(users, n_users, replace=False))
        exclusions.append(f"{n_users:,} of {len(able):,} users were drawn at random (seed {seed}).")
        notices.append(f"Only {n_users:,} of {len(able):,} users, drawn at random, were measured.")
    return Inputs(data, found, sources, users, notices, exclusions)


def shipped() -> list[str]:
    """Names of SASRec's models that come with the workbench, in the order of `NAMES`."""
    return [name for name in SASREC if (PRETRAINED / name / CARD).exists()] or [NAMES[0]]


def _load(
    sources: Sequence[str], data: SequenceData
) -> tuple[SequenceData, dict[str, Any], dict[str, str], list[str]]:
    """The data as the models number items, models and where each is from, and warnings."""
    found: dict[str, Any] = {}
    origins: dict[str, str] = {}
    warnings: list[str] = []
    for source in sources:
        if source in origins.values():
            raise WorkbenchError(f"{source} is named more than once by --models.")
        model = load_model(source)
        own = model.config.name
        names = (own, f"{own} ({Path(source).name})", f"{own} ({source})")
        name = next(name for name in names if name not in found)
        found[name], origins[name] = model, source
    numbering, read = common_numbering(found.values(), data), data
    for name, source in origins.items():
        own = found[name].config.name
        called = own if source == own else f"{own} ({source})"
        found[name] = renumbered(found[name], numbering, called)
        data, warning = matched(found[name], read, called)
        if warning:
            warnings.append(warning)
    return data, found, origins, warnings


def _small(data: SequenceData, seed: int, cache: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Small models of SASRec's kinds trained on `data`, kept for the next run; and folders."""
    code = code_hash(p for f in ("models", "workbench") for p in (ROOT / f).rglob("*.py"))
    folder = cache / f"trained-{digest([data.checksum, seed, code])[:16]}"
    found = {}
    for name in SASREC:
        if not (folder / name / CARD).exists():
            torch.manual_seed(seed)
            model = build_model(name, data, **SMALL)
            train(model, data, folder / name, seed=seed, **QUICK)
        found[name] = load_model(folder / name)
    return found, {name: str(folder / name) for name in found}
