"""Training the zoo: every model in a folder of its own, so that what was killed goes on."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import torch

from analyses.judging.cells import MODEL, Trained
from models import Recommender
from workbench import build_model, load_model, train
from workbench.progress_bars import write_line
from workbench.training.state import is_finished


def folder_of(entry: Trained, zoo: Path) -> Path:
    """Where a model of the zoo lies."""
    return zoo / entry.cell.name / entry.name


def finished(plan: Sequence[Trained], zoo: Path) -> list[Trained]:
    """The models of a plan that are trained."""
    return [entry for entry in plan if is_finished(folder_of(entry, zoo))]


def load(entry: Trained, zoo: Path) -> Recommender:
    """A trained model of the zoo."""
    return load_model(folder_of(entry, zoo))


def train_zoo(plan: Sequence[Trained], zoo: Path, *, jobs: int = 1) -> None:
    """Train what is not trained yet; a line per model says how far it is.

    Parameters
    ----------
    plan : what to train, in this order.
    zoo : a folder, in which each model has its own.
    jobs : how many are trained at once, each on one thread.

    Raises
    ------
    WorkbenchError
        If a folder holds another model.
    """
    done = finished(plan, zoo)
    todo = [entry for entry in plan if entry not in done]
    start = perf_counter()
    for i, (entry, hits, bayes) in enumerate(_trained(todo, zoo, jobs), 1):
        left = (perf_counter() - start) / i * (len(todo) - i) / 60
        write_line(
            f"{len(done) + i} of {len(plan)}, about {left:.0f} min left: {entry.cell.name} "
            f"{entry.name}: test hit@1 {hits:.3f}, best possible {bayes:.3f}"
        )


def _trained(
    todo: Sequence[Trained], zoo: Path, jobs: int
) -> Iterator[tuple[Trained, float, float]]:
    if jobs == 1:
        yield from (_train(entry, zoo) for entry in todo)
        return
    pool = ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    )
    with pool:
        waiting = [pool.submit(_train, entry, zoo) for entry in todo]
        try:
            for ended in as_completed(waiting):
                yield ended.result()
        except BaseException:  # one that failed must not wait for the others
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _train(entry: Trained, zoo: Path) -> tuple[Trained, float, float]:
    """Train one; its test Hit@1 and the best that anybody could reach."""
    data = entry.cell.data()
    torch.manual_seed(entry.seed)
    model = build_model(entry.variant.model, data, **MODEL, **entry.variant.options)
    out = folder_of(entry, zoo)
    model = train(model, data, out, seed=entry.seed, progress=False, **entry.training())
    return entry, model.card["metrics"]["test"]["hit@1"], data.provenance["bayes_hit@1"]
