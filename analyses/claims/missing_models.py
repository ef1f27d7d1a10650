"""The trainings of the study: which are there, how long the others will take, and training them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from analyses.claims.record import Record
from analyses.claims.study import Planned, cost
from models import Recommender
from workbench import SequenceData, build_model, train
from workbench.devices import choose_device, device_label
from workbench.errors import WorkbenchError
from workbench.phrases import counted
from workbench.processes import Ranks
from workbench.progress_bars import write_line
from workbench.training.state import STATE, finished_model, settled
from workbench.training.sweeps import training_command

State = Literal["trained", "measured", "begun", "missing", "other"]
TO_TRAIN: tuple[State, ...] = ("missing", "begun")
TIMED_USERS = 2000  # on whom an epoch is timed
VALIDATION = 1.25  # what an epoch takes with its validation, which cards do not count
CPU = "cpu"  # where models were trained whose cards name no device
EPOCHS = 100  # until the best one, where no training has ended that would tell


@dataclass(frozen=True)
class Study:
    """What is planned, of which data, and where.

    Attributes
    ----------
    planned : every training, in order.
    sources : what `load_data` takes, by the name of the data set.
    data : the data sets by name.
    runs : the folder of all trainings.
    device : where those that are missing are trained; a model counts wherever it was.
    record : what earlier runs published.
    """

    planned: Sequence[Planned]
    sources: Mapping[str, str]
    data: Mapping[str, SequenceData]
    runs: Path
    device: str
    record: Record = field(default_factory=Record)

    def of(self, name: str) -> list[Planned]:
        """The trainings of a data set."""
        return [each for each in self.planned if each.data == name]

    def training(self, each: Planned) -> dict[str, Any]:
        """What a model is trained with here, but for its seed."""
        return {**each.training, "device": self.device}

    def trained(self, each: Planned) -> Recommender | None:
        """The model of a training that has ended; None where it has not.

        Raises
        ------
        WorkbenchError
            If its folder holds another model, or it cannot be built for these data.
        """
        data = self.data[each.data]
        folder = each.folder(self.runs)
        if not folder.exists():
            return None
        model = build_model(each.variant.model, data, **each.options)
        how = settled({**self.training(each), "seed": each.seed}, model, data.n_items)
        return finished_model(folder, model.config, how, data)

    def state(self, each: Planned) -> State:
        """How far a training is.

        "measured" where its model is not there, but what was measured of it is; "other" where its
        folder holds what is none of this study, and nothing was.
        """
        try:
            if self.trained(each) is not None:
                return "trained"
        except WorkbenchError:
            return "measured" if self.record.measured(each) else "other"
        if self.record.measured(each):
            return "measured"
        return "begun" if (each.folder(self.runs) / STATE).exists() else "missing"

    def missing(self) -> list[Planned]:
        """What is to be trained; a folder that holds something else is left as it is."""
        return [each for each in self.planned if self.state(each) in TO_TRAIN]

    def train(self, each: Planned, *, quiet: bool = False) -> Recommender:
        """Train a model, or go on where it was stopped; what is trained is taken as it is."""
        folder, how = each.folder(self.runs), self.training(each)
        variant = replace(each.variant, options=each.options)
        command = training_command(variant, each.seed, self.sources[each.data], folder, how)
        torch.manual_seed(each.seed)
        data = self.data[each.data]
        model = build_model(each.variant.model, data, **each.options)
        how = how | ({"progress": False} if quiet else {})
        return train(model, data, folder, command=command, alone=True, seed=each.seed, **how)


def train_missing(study: Study, ranks: Ranks) -> list[str]:
    """Train all that is missing; a sentence for each that could not be.

    Parameters
    ----------
    study : the trainings.
    ranks : who share them, see `workbench.processes`. The first is told of what failed in any.
    """
    missing = study.missing()
    places = range(len(study.planned))
    for place in ranks.share("claims", places):
        each = study.planned[place]
        if each not in missing:
            continue
        ranks.hand(f"claims: {place} begun", b"")
        number = sum(ranks.handed(f"claims: {at} begun") is not None for at in places)
        write_line(f"{number} of {len(missing)} to train: {each.name} on {each.data}")
        try:
            study.train(each, quiet=ranks.size > 1)
        except Exception as error:  # the others are trained all the same
            reason = " ".join(str(error).split())
            if not isinstance(error, WorkbenchError):
                reason = f"{type(error).__name__}: {reason}"
            failure = f"{each.name} on {each.data} was not trained: {reason}"
            write_line(failure)
            ranks.hand(f"claims: {place} failed", failure.encode())
    told = (ranks.handed(f"claims: {place} failed") for place in places)
    return [failure.decode() for failure in told if failure is not None]


@dataclass(frozen=True)
class Estimate:
    """How long trainings will take.

    Attributes
    ----------
    seconds : of each training that is missing, by the names of its data set and its own.
    epochs : how many epochs each was taken to need, in the mean.
    """

    seconds: Mapping[tuple[str, str], float]
    epochs: float

    def total(self, processes: int = 1) -> float:
        """Seconds until all are trained by so many processes."""
        longest = max(self.seconds.values(), default=0.0)
        return max(longest, sum(self.seconds.values()) / processes)


def estimate(study: Study, missing: Sequence[Planned]) -> Estimate:
    """About how long it will take to train what is missing.

    Epochs and their seconds are those of the trainings by the same recipe that have ended, seconds
    of those on a device as here; where there is none, an epoch of the first that is missing is
    timed on a part of the users. Models are compared by `cost`.
    """
    here = device_label(choose_device(study.device))
    ended = [(each, model) for each in study.planned if (model := _known(study, each)) is not None]
    seconds: dict[tuple[str, str], float] = {}
    epochs: list[float] = []
    for recipe in dict.fromkeys(each.recipe for each in missing):
        of_recipe = [each for each in missing if each.recipe == recipe]
        known = [(each, model.card) for each, model in ended if each.recipe == recipe]
        best = [card["best_epoch"] for _, card in known]
        how = of_recipe[0].training
        needed = (float(np.mean(best)) if best else EPOCHS) + how["patience"]
        count = min(needed, how["epochs"])
        paces = [
            card["seconds"] / _epochs(card) / _work(each, study.data[each.data])
            for each, card in known
            if trained_on(card) == here
        ]
        if not paces:
            paces = [_timed(study, of_recipe[0])]
        pace = VALIDATION * float(np.mean(paces)) * count
        seconds |= {(e.data, e.name): pace * _work(e, study.data[e.data]) for e in of_recipe}
        epochs += [count] * len(of_recipe)
    return Estimate(seconds, float(np.mean(epochs)) if epochs else 0.0)


def _known(study: Study, each: Planned) -> Recommender | None:
    try:
        return study.trained(each)
    except WorkbenchError:
        return None


def trained_on(card: Mapping[str, Any]) -> str:
    """The device that a card names."""
    return card.get("device", CPU)


def _epochs(card: Mapping[str, Any]) -> int:
    """How many epochs a training took."""
    return min(card["best_epoch"] + card["training"]["patience"], card["training"]["epochs"])


def _work(each: Planned, data: SequenceData) -> float:
    """What an epoch costs, in interactions of SASRec."""
    return cost(each.variant) * data.n_interactions


def _timed(study: Study, each: Planned) -> float:
    """Seconds of an epoch for what `_work` counts, timed on a part of the users."""
    part = first_users(study.data[each.data], TIMED_USERS)
    how: dict[str, Any] = {**study.training(each), "epochs": 1, "progress": False}
    for _ in range(2):  # the first pays for what a process does once
        model = build_model(each.variant.model, part, **each.options)
        seconds = train(model, part, alone=True, **how).card["seconds"]
    return seconds / _work(each, part)


def first_users(data: SequenceData, count: int) -> SequenceData:
    """The data of the first users, with the whole catalogue."""
    count = min(count, data.n_users)
    rows = slice(0, int(data.offsets[count]))
    return replace(
        data,
        items=data.items[rows],
        times=None if data.times is None else data.times[rows],
        offsets=data.offsets[: count + 1],
        user_ids=data.user_ids[:count],
        rows=None,
        truth=None,
    )


def duration(seconds: float) -> str:
    """A time in words, to the minute, or to the hour where it is long."""
    if seconds < 90 * 60:
        return counted(max(1, round(seconds / 60)), "minute")
    return counted(round(seconds / 3600), "hour")
