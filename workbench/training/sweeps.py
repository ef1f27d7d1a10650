"""Many models trained one after the other or side by side, and the best of each chosen.

What is trained is a list of variants (a model with options), each with several seeds and in a
folder of its own, so that a sweep that was killed continues where it was.
"""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from workbench.cards import chosen_by
from workbench.checkpoint import load_model, save_model
from workbench.data import SequenceData, load_data
from workbench.model_folders import sibling_name, siblings
from workbench.processes import Ranks
from workbench.progress_bars import progress_bar, write_line
from workbench.registry import build_model, warn_of_idle
from workbench.training.state import finished_model, settled
from workbench.training.trainer import train
from workbench.training.variants import Variant


def sweep(
    variants: Sequence[Variant],
    source: str,
    out: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (0,),
    ranks: Ranks | None = None,
    **how: Any,
) -> pd.DataFrame:
    """Train every variant with every seed, unless it is finished in `out`, and compare them.

    Parameters
    ----------
    variants : what to train; of equal ones, one is trained.
    source : what `load_data` takes.
    out : a folder, in which each run has its own.
    options : what all models are built with, as by a recipe, where a variant says nothing else.
    seeds : the seeds of each variant.
    ranks : who share the runs, see `workbench.processes`; this process alone where None.
    how : options of training.

    Returns
    -------
    DataFrame
        A row per variant and seed, best validation NDCG@10 first within a model. Columns: model
        (its name), variant (the model and its options, as one text), seed; valid hit@10, valid
        ndcg@10, test hit@10 and test ndcg@10, 0 to 1, of all users with such a case, with items of
        the history left out of rankings where epochs were chosen so; best epoch, from 1; seconds
        of training; and folder, where the model is. The first rank also writes it to
        `out`/sweep.csv.

    Raises
    ------
    WorkbenchError
        Before any is trained, if a variant cannot be built or trained so, or if the folder of a run
        holds another model.
    """
    out = Path(out)
    data = load_data(source)
    variants = list({variant.label: variant for variant in variants}.values())
    ranks = ranks or Ranks()
    if ranks.first:
        for each in variants:
            warn_of_idle(each.model, data, each.options, options or {})
    runs = [_run(v, seed, source, out, options or {}, how) for v in variants for seed in seeds]
    finished = [_finished(run, data, how) for run in runs]
    out.mkdir(parents=True, exist_ok=True)
    if ranks.size > 1:
        how = how | {"progress": False}
    before = sum(finished)
    with progress_bar(len(runs), "sweep", "model", done=before, quiet=not ranks.first) as bar:

        def look() -> None:
            bar.update(before + ranks.count("trained", 0) - bar.n)

        for place in ranks.share("sweep", range(len(runs)), look):
            if finished[place]:
                continue
            metrics = _train(runs[place], data, how)
            named = f"{runs[place].label}, seed {runs[place].seed}"
            write_line(f"{named}: valid ndcg@10 {metrics['valid']['ndcg@10']:.4f}")
            ranks.count("trained")
            look()
    table = pd.DataFrame([_row(run) for run in runs])
    table = table.sort_values(["model", "valid ndcg@10"], ascending=[True, False])
    if ranks.first:
        table.to_csv(out / "sweep.csv", index=False)
    return table


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The means of the variants over their seeds.

    Parameters
    ----------
    table : as `sweep` gives it.

    Returns
    -------
    DataFrame
        A row per variant, best validation NDCG@10 first within a model. Columns: variant; seeds,
        how many; valid ndcg@10, test hit@10 and test ndcg@10, means over them; lowest and highest,
        the test NDCG@10 of the worst and the best of them.
    """
    by = table.groupby(["model", "variant"], sort=False)
    means = by[["valid ndcg@10", "test hit@10", "test ndcg@10"]].mean()
    means["lowest"], means["highest"] = by["test ndcg@10"].min(), by["test ndcg@10"].max()
    means.insert(0, "seeds", by.size())
    means = means.reset_index().sort_values(["model", "valid ndcg@10"], ascending=[True, False])
    return means.drop(columns="model").round(4)


def keep_best(table: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Copy the weights with the best validation NDCG@10 of every model to `folder`/NAME.

    Further seeds that `train --seeds` wrote into the folder of a run go with it.

    Parameters
    ----------
    table : as `sweep` gives it.
    folder : where the models are copied to.

    Returns
    -------
    list
        The folders that were written.
    """
    best = table.loc[table.groupby("model")["valid ndcg@10"].idxmax()]
    kept = []
    for model, source in zip(best["model"], best["folder"], strict=True):
        kept.append(save_model(load_model(source), Path(folder) / model))
        for seed, sibling in siblings(source).items():
            save_model(load_model(sibling), kept[-1] / sibling_name(seed))
    return kept


@dataclass(frozen=True)
class _Run:
    """One training of a sweep: what is built, what it is called, and the command for it alone."""

    built: Variant
    label: str
    seed: int
    folder: Path
    command: str


def run_folder(out: Path, variant: Variant, seed: int) -> Path:
    """The folder of one training of a sweep."""
    return out / f"{variant.label} seed={seed}".replace(" ", "_").replace(os.sep, "-")


def _run(
    variant: Variant,
    seed: int,
    source: str,
    out: Path,
    options: Mapping[str, Any],
    how: Mapping[str, Any],
) -> _Run:
    built = Variant(variant.model, {**options, **variant.options})
    folder = run_folder(out, variant, seed)
    command = training_command(built, seed, source, folder, how)
    return _Run(built, variant.label, seed, folder, command)


def _train(run: _Run, data: SequenceData, how: Mapping[str, Any]) -> dict[str, Any]:
    """Train the model, and return the metrics by which its epoch was chosen."""
    torch.manual_seed(run.seed)
    model = build_model(run.built.model, data, **run.built.options)
    model = train(
        model,
        data,
        out=run.folder,
        command=run.command,
        alone=True,
        seed=run.seed,
        **how,
    )
    return chosen_by(model.card)


def training_command(
    variant: Variant, seed: int, source: str, folder: Path, how: Mapping[str, Any]
) -> str:
    """The command that trains one model by itself.

    Parameters
    ----------
    variant, seed : the model.
    source : what `load_data` takes.
    folder : of the model.
    how : options of training.
    """
    words = ["--model", variant.model, "--data", source]
    words += ["--out", str(folder), "--seed", str(seed)]
    for name, value in how.items():
        flag = f"--{name.replace('_', '-')}"
        if value is None:
            continue  # which no command line can say, and is what it does without the option
        if isinstance(value, bool):
            words += [flag] if value and name != "progress" else []
        else:
            words += [flag, str(value)]
    for name, value in variant.options.items():
        words += ["--option", f"{name}={value}"]
    return f"python -m workbench train {shlex.join(words)}"


def _finished(run: _Run, data: SequenceData, how: Mapping[str, Any]) -> bool:
    """Whether the run is finished.

    Raises
    ------
    WorkbenchError
        If it cannot be built or trained so, or its folder holds another model.
    """
    model = build_model(run.built.model, data, **run.built.options)
    options = settled({**how, "seed": run.seed}, model, data.n_items)
    return finished_model(run.folder, model.config, options, data) is not None


def _row(run: _Run) -> dict[str, Any]:
    card = load_model(run.folder).card
    metrics = chosen_by(card)
    measured = {
        f"{split} {metric}": metrics[split][metric]
        for split in ("valid", "test")
        for metric in ("hit@10", "ndcg@10")
    }
    return {
        "model": run.built.model,
        "variant": run.label,
        "seed": run.seed,
        **measured,
        "best epoch": card["best_epoch"],
        "seconds": card["seconds"],
        "folder": str(run.folder),
    }
