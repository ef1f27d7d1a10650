"""Training the zoo: every model in a folder of its own, so that what was killed goes on."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import torch

from analyses.judging.cells import MODEL, ZooModel
from models import Recommender
from workbench import build_model, load_model, train
from workbench.processes import Ranks
from workbench.progress_bars import write_line
from workbench.training.state import is_finished


def folder_of(entry: ZooModel, zoo: Path) -> Path:
    """Where a model of the zoo lies."""
    return zoo / entry.cell.name / entry.name


def finished(plan: Sequence[ZooModel], zoo: Path) -> list[ZooModel]:
    """The models of a plan that are trained."""
    return [entry for entry in plan if is_finished(folder_of(entry, zoo))]


def load(entry: ZooModel, zoo: Path) -> Recommender:
    """A trained model of the zoo."""
    return load_model(folder_of(entry, zoo))


def train_zoo(
    plan: Sequence[ZooModel], zoo: Path, *, ranks: Ranks | None = None, device: str = "cpu"
) -> None:
    """Train what is not trained yet; a line per model says how far it is.

    Parameters
    ----------
    plan : what to train, in this order.
    zoo : a folder, in which each model has its own.
    ranks : who share the models, see `workbench.processes`; this process alone where None.
    device : where each is trained.

    Raises
    ------
    WorkbenchError
        If a folder holds another model that is not trained to its end.
    """
    ranks = ranks or Ranks()
    done = finished(plan, zoo)
    start = perf_counter()
    for entry in ranks.share("zoo", plan):
        if entry in done:
            continue
        hits, bayes = _train(entry, zoo, device)
        i = ranks.count("trained")
        left = (perf_counter() - start) / i * (len(plan) - len(done) - i) / 60
        write_line(
            f"{len(done) + i} of {len(plan)}, about {left:.0f} min left: {entry.cell.name} "
            f"{entry.name}: test hit@1 {hits:.3f}, best possible {bayes:.3f}"
        )


def _train(entry: ZooModel, zoo: Path, device: str) -> tuple[float, float]:
    """Train one; its test Hit@1 and the best that anybody could reach."""
    data = entry.cell.data()
    torch.manual_seed(entry.seed)
    model = build_model(entry.variant.model, data, **MODEL, **entry.variant.options)
    out = folder_of(entry, zoo)
    model = train(
        model,
        data,
        out=out,
        alone=True,
        **entry.training() | {"seed": entry.seed, "device": device, "progress": False},
    )
    return model.card["metrics"]["test"]["hit@1"], data.provenance["bayes_hit@1"]
