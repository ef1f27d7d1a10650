"""Test the claims of the AC-TSR paper: `python -m analyses.claims`, resumable."""

import argparse
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from analyses.claims.answers import answered
from analyses.claims.claims_page import Findings, write
from analyses.claims.mechanism import measure_planted, train_planted
from analyses.claims.missing_models import Study, duration, estimate, train_missing
from analyses.claims.relative_speed import speeds
from analyses.claims.study import FURTHER, Planned, calibrated, plan
from analyses.claims.user_table import SAMPLE, Measurements, measure
from analyses.ending import ended_in_words
from analyses.judging.cells import PLAIN
from analyses.running.store import Store, parquet
from models import Recommender
from workbench import SequenceData, load_data
from workbench.errors import WorkbenchError, printed_warnings
from workbench.files import check_writable, write_file
from workbench.phrases import choices, counted

USERS = "users.parquet"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m analyses.claims",
        description="Train the models that the claims of the AC-TSR paper are about, measure them, "
        "and write what can be said of each claim. Killed and started again, it goes on where it "
        "was: what is trained or measured is not done twice.",
        epilog="example: python -m analyses.claims --data my.csv --runs runs/my --out reports/my",
    )
    made.add_argument(
        "--data", nargs="+", required=True, metavar="NAME|PATH", help="data sets, as for run_all"
    )
    made.add_argument(
        "--seeds",
        type=int,
        default=3,
        metavar="N",
        help="trainings of each model of SASRec; claims need two or more (default: %(default)s)",
    )
    made.add_argument(
        "--backbones",
        nargs="*",
        metavar="NAME",
        help=f"further backbones, on every data set: {', '.join(FURTHER)} (default: all of them on "
        "Beauty and Yelp)",
    )
    made.add_argument(
        "--runs",
        type=Path,
        default=Path("runs/claims"),
        metavar="DIR",
        help="where trainings lie, DIR/DATA/MODEL/seed-K (default: %(default)s)",
    )
    made.add_argument(
        "--out",
        type=Path,
        default=Path("docs"),
        metavar="DIR",
        help="where claims.md and the folder claims/ go (default: %(default)s)",
    )
    made.add_argument(
        "--users",
        type=int,
        default=SAMPLE,
        metavar="N",
        help="users on whom diagnostics run, drawn at random (default: %(default)s)",
    )
    made.add_argument(
        "--plan", action="store_true", help="say what would be trained, and how long it takes"
    )
    made.add_argument(
        "--no-training", action="store_true", help="write the page of the models that are trained"
    )
    return made


class Incomplete(WorkbenchError):
    """A page without some of the models, which could not be trained."""


def main(arguments: Sequence[str] | None = None) -> Path | None:
    """Train, measure and write; and return the page, None where only the plan was asked for.

    Raises
    ------
    Incomplete
        If a model could not be trained or measured; the page is written before.
    WorkbenchError
        If anything else is wrong.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(given)
    _check(options)
    study = _study(options)
    if options.plan:
        _tell_plan(study)
        return None
    check_writable(options.out)
    check_writable(options.runs)
    failures: list[str] = []
    planted = options.runs / "planted"
    if not options.no_training:
        _tell_missing(study)
        train_planted(planted, options.seeds)
        failures = train_missing(study)
    shown = [word for word in given if word != "--no-training"]
    page, more = _written(study, options, planted, failures, shown)
    failures += more
    if failures:
        raise Incomplete(f"{page} lacks what failed. {' '.join(failures)}")
    return page


def _check(options: argparse.Namespace) -> None:
    for name in ("seeds", "users"):
        if getattr(options, name) < 1:
            raise WorkbenchError(f"--{name} {getattr(options, name)}; give 1 or more.")
    for name in options.backbones or ():
        if name not in FURTHER:
            raise WorkbenchError(f"no further backbone {name!r}; {choices(name, FURTHER)}.")


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
    return Study(planned, sources, loaded, options.runs)


def _tell_missing(study: Study) -> None:
    """How much there is to train, and about how long that takes."""
    missing = [each for each in study.planned if study.state(each) not in ("trained", "other")]
    if not missing:
        print("all models are trained", flush=True)
        return
    about = estimate(study, missing)
    print(
        f"{counted(len(missing), 'model')} of {len(study.planned)} to train, about "
        f"{duration(about.total)} ({about.epochs:.0f} epochs each)",
        flush=True,
    )


def _tell_plan(study: Study) -> None:
    """Every training, how far it is, and about how long it will take."""
    states = {(each.data, each.name): study.state(each) for each in study.planned}
    missing = [e for e in study.planned if states[e.data, e.name] in ("missing", "begun")]
    about = estimate(study, missing)
    for each in study.planned:
        key = (each.data, each.name)
        time = f", about {duration(about.seconds[key])}" if key in about.seconds else ""
        print(f"{states[key]:8}{each.data}: {each.name}{time}")
    for each in study.planned:
        if states[each.data, each.name] == "other":
            print(
                f"{each.folder(study.runs)} holds a model that was not trained by this recipe; "
                "delete it, or choose another folder by --runs."
            )
    print(
        f"{len(missing)} of {len(study.planned)} to train, about {duration(about.total)} in all, "
        f"planted data not counted"
    )


def _written(
    study: Study,
    options: argparse.Namespace,
    planted: Path,
    failures: Sequence[str],
    given: Sequence[str],
) -> tuple[Path, list[str]]:
    """The page, and a sentence for each model or data set that could not be measured."""
    store = Store(options.runs / ".cache")
    users: dict[str, pd.DataFrame] = {}
    times: dict[str, pd.DataFrame] = {}
    measurements: dict[str, Measurements] = {}
    there: list[Planned] = []
    lacking: list[str] = []
    for name, data in study.data.items():
        trained: dict[str, tuple[Planned, Recommender]] = {}
        for each in study.of(name):
            try:
                model = study.trained(each)
            except WorkbenchError as error:
                lacking += [] if not options.no_training else [str(error)]
                continue
            if model is not None:
                trained[each.name] = each, model
        if not trained:
            continue
        print(f"measuring {counted(len(trained), 'model')} of {name}", flush=True)
        measurements[name] = measure(list(trained.values()), data, options.users, store)
        users[name] = measurements[name].users
        write_file(options.runs / name / USERS, parquet(users[name]))
        there += [each for each, _ in trained.values()]
        times |= _times(name, {n: model for n, (_, model) in trained.items()}, study, store)
    of_planted = measure_planted(planted, options.seeds)
    if not there and not len(of_planted):
        raise WorkbenchError(
            f"{options.runs} holds no trained model of the plan; leave out --no-training."
        )
    findings = Findings(
        planned=study.planned,
        trained=there,
        data=study.data,
        users=users,
        cells=answered(study.planned, users, times),
        verdicts={name: each.verdicts for name, each in measurements.items()},
        planted=of_planted,
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


if __name__ == "__main__":
    # a kill ends as Ctrl-C does: what lies half written is cleared away
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ended_in_words():
        try:
            with printed_warnings(lambda line: print(line, file=sys.stderr)):
                page = main()
        except Incomplete as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
    if page is not None:
        print(f"page: {page}")
