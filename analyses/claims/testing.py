"""The claims at work: models trained, measured and told about."""

import argparse
import shlex
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch

from analyses.claims.answers import answered
from analyses.claims.claims_page import FOLDER, write
from analyses.claims.claims_tables import Findings
from analyses.claims.mechanism import measure_planted, train_planted
from analyses.claims.missing_models import (
    TO_TRAIN,
    Study,
    duration,
    estimate,
    train_missing,
    trained_on,
)
from analyses.claims.record import Done, Record, keep_users, read_record
from analyses.claims.relative_speed import speeds
from analyses.claims.study import Planned, calibrated, plan
from analyses.claims.user_table import Measurements, measure, measure_with_others
from analyses.running.store import Store, parquet
from models import Recommender
from workbench import SequenceData, load_data
from workbench.devices import choose_device
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.files import check_writable, write_file
from workbench.phrases import counted, without
from workbench.processes import joined
from workbench.training.variants import PLAIN

USERS = "users.parquet"
NOTHING = "all models on these data are trained, or measured and gone"


def run_study(options: argparse.Namespace, given: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Train, measure and write, or tell the plan.

    Parameters
    ----------
    options : as the parser of `analyses.claims` makes them.
    given : the words that they were made of.

    Returns
    -------
    tuple
        The page, None where only the plan was asked for; and a sentence for each model that could
        not be trained or measured.

    Raises
    ------
    WorkbenchError
        If a data set or a folder cannot be used, or nothing is trained.
    """
    trains = not (options.plan or options.no_training)
    failures: list[str] = []
    planted = options.runs / "planted"
    processes = 1 if options.plan else options.processes
    with joined(["analyses.claims", *given], processes) as ranks:
        device = choose_device(options.device)
        study = _study(options)
        if not options.plan:
            check_writable(options.out)
            check_writable(options.runs)
        if trains:
            if ranks.first:
                _tell_missing(study, ranks.size)
            train_planted(planted, options.seeds, ranks, options.device)
            failures = train_missing(study, ranks)
        if not options.plan and ranks.size > 1:
            for name, data in study.data.items():
                trained, _ = _trained(study, name, device)
                measure_with_others(ranks, trained, data, options.users, _store(options))
        if not ranks.first:
            sys.exit()
    if options.plan:
        _tell_plan(study, options.processes)
        return None, []
    # the words that change what the page holds
    shown = [w for w in without(given, "--processes", "--device") if w != "--no-training"]
    page, more = _written(study, options, planted, failures, shown, device)
    return page, [*failures, *more]


def _store(options: argparse.Namespace) -> Store:
    """What was measured by earlier runs, and is by this one."""
    return Store(options.runs / ".cache")


def _trained(
    study: Study, name: str, device: torch.device
) -> tuple[list[tuple[Planned, Recommender]], list[tuple[Planned, WorkbenchError]]]:
    """The models of a data set that are trained, on a device, and why others cannot be used."""
    trained, errors = [], []
    for each in study.of(name):
        try:
            model = study.trained(each)
        except WorkbenchError as error:
            errors.append((each, error))
            continue
        if model is not None:
            trained.append((each, model.to(device)))
    return trained, errors


def _study(options: argparse.Namespace) -> Study:
    loaded: dict[str, SequenceData] = {}
    sources: dict[str, str] = {}
    for source in options.data:
        data = load_data(source)
        if data.name in loaded:
            raise WorkbenchError(
                f"two data sets are called {data.name}: {sources[data.name]} and {source}; name "
                "each once, or copy one to a file of another name."
            )
        loaded[data.name], sources[data.name] = data, source
    planned = plan(list(loaded), options.seeds, options.backbones)
    record = Record()
    try:
        record = read_record(options.out / FOLDER, planned, loaded, options.users)
    except WorkbenchError as error:
        if not options.plan:  # which writes nothing there
            raise
        warnings.warn(str(error), WorkbenchWarning, stacklevel=2)
    return Study(planned, sources, loaded, options.runs, options.device, record)


def _tell_missing(study: Study, processes: int) -> None:
    """How much there is to train, and about how long that takes so many processes."""
    missing = study.missing()
    if not missing:
        print(NOTHING, flush=True)
        return
    about = estimate(study, missing)
    print(
        f"{counted(len(missing), 'model')} of {len(study.planned)} to train, about "
        f"{duration(about.total(processes))} ({about.epochs:.0f} epochs each, in the mean)",
        flush=True,
    )


def _tell_plan(study: Study, processes: int) -> None:
    """Every training, how far it is, and about how long it will take."""
    states = {(each.data, each.name): study.state(each) for each in study.planned}
    missing = [each for each in study.planned if states[each.data, each.name] in TO_TRAIN]
    about = estimate(study, missing)
    for each in study.planned:
        key = (each.data, each.name)
        time = f", about {duration(about.seconds[key])}" if key in about.seconds else ""
        print(f"{states[key]:9}{each.data}: {each.name}{time}")
    for each in study.planned:
        if states[each.data, each.name] == "other":
            print(
                f"{each.folder(study.runs)} holds a model that was not trained by this recipe; "
                "delete it, or choose another folder by --runs."
            )
    if not missing:
        print(NOTHING)
        return
    print(
        f"{len(missing)} of {len(study.planned)} to train, about "
        f"{duration(about.total(processes))} in all, planted data not counted"
    )


def _written(
    study: Study,
    options: argparse.Namespace,
    planted: Path,
    failures: Sequence[str],
    given: Sequence[str],
    device: torch.device,
) -> tuple[Path, list[str]]:
    """The page, and a sentence for each model or data set that could not be measured."""
    store = _store(options)
    users: dict[str, pd.DataFrame] = {}
    times: dict[str, pd.DataFrame] = {}
    measurements: dict[str, Measurements] = {}
    there: list[Done] = []
    lacking: list[str] = []
    for name, data in study.data.items():
        trained, errors = _trained(study, name, device)
        for each, error in errors:
            if not study.record.measured(each):
                lacking.append(str(error))
        if trained:
            print(f"measuring {counted(len(trained), 'model')} of {name}", flush=True)
            measurements[name] = measure(trained, data, options.users, store)
            found = measurements[name].users
            write_file(options.runs / name / USERS, parquet(found))
            for each, model in trained:
                of_training = (found["model"] == each.label) & (found["seed"] == each.seed)
                where, best = trained_on(model.card), model.card["best_epoch"]
                done = Done.of(each, data, where, options.users, best)
                keep_users(options.out / FOLDER, done, found[of_training])
                there.append(done)
            on_cpu = {each.name: model.cpu() for each, model in trained}  # wherever others ran
            times |= _times(name, on_cpu, study, store)
        every = study.record.with_users(name, measurements[name].users if trained else None)
        if every is not None:
            users[name] = every
    of_planted = measure_planted(planted, options.seeds, device)
    if not there and not len(of_planted) and not users and not study.record.tables:
        raise WorkbenchError(
            f"{options.runs} holds no trained model of the plan; leave out --no-training."
        )
    findings = Findings(
        planned=study.planned,
        trainings=there,
        data=study.data,
        users=users,
        cells=answered(study.planned, users, times, record=study.record),
        verdicts={name: each.verdicts for name, each in measurements.items()},
        planted=of_planted,
        record=study.record,
        sample=options.users,
        seeds=options.seeds,
        failures=[*failures, *lacking],
        command=shlex.join(["python", "-m", "analyses.claims", *given]),
    )
    return write(findings, options.out), lacking


def _times(
    name: str, models: Mapping[str, Recommender], study: Study, store: Store
) -> dict[str, pd.DataFrame]:
    """CPU seconds of SASRec and its calibrated models, where they are trained."""
    plain, *others = (models.get(each.label) for each in calibrated(PLAIN.model))
    known = {model.config.name: model for model in others if model is not None}
    if plain is None or not known:
        return {}
    return {name: speeds(plain, known, study.data[name], store)}
