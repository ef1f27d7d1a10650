"""python -m workbench sweep"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import workbench
from workbench.announcing import alone, say
from workbench.commands.options import Data, once, read_values, reading
from workbench.commands.training_options import with_training_options
from workbench.ending import told_if_stopped
from workbench.errors import WorkbenchError
from workbench.phrases import counted
from workbench.registry import check_name
from workbench.training.variants import Variant, studies, study, vary


@with_training_options
def sweep_command(
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the models and sweep.csv.", file_okay=False)
    ],
    data: Data = "ml-100k",
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A model to train, as often as wanted."),
    ] = None,
    study_name: Annotated[
        list[str] | None,
        typer.Option(
            "--study", metavar="NAME", help=f"What the AC-TSR paper varies: {', '.join(studies())}."
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="NAME[,NAME]=VALUE,...",
            help="Values of an option of the model, such as n_layers=1,2, crossed with all others; "
            "options joined by a comma share theirs: hidden_dropout,attention_dropout=0.2,0.5.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Train each with so many seeds.", min=1)] = 1,
    best: Annotated[
        Path | None,
        typer.Option(help="Folder for the best of each model by validation.", file_okay=False),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(help="Models trained at once, where torchrun has not said.", min=1),
    ] = 1,
    how: dict[str, Any],
    built: dict[str, Any],
) -> None:
    """Train many models and compare them: options varied, several seeds, the paper's studies.

    What is finished in the folder is not trained again, and what was killed goes on. Under torchrun
    the ranks share the models, each of which one of them trains. Every model's
    card holds the command that trains it alone. `python -m analyses.run_all --only
    calibration_variants --models OUT/*/` then compares the variants user by user.
    """
    variants = [*(Variant(name) for name in model or []), *study(study_name or [])]
    if not variants:
        raise WorkbenchError("nothing to train; name a --model or a --study.")
    variants = vary(variants, once("--vary", map(read_values, grid or [])))
    if alone():  # else ranks tell of it together
        for variant in variants:
            check_name(variant.model)
    reading(data, purpose=f", to train {counted(len(variants) * seeds, 'model')}")
    # PyTorch, which takes seconds to import
    from workbench.processes import joined
    from workbench.training.state import is_begun
    from workbench.training.sweeps import keep_best, run_folder, summary

    folders = [run_folder(out, variant, seed) for variant in variants for seed in range(seeds)]
    shared = joined(["workbench", *sys.argv[1:]], processes)
    with shared as ranks, told_if_stopped(lambda: any(map(is_begun, folders))):
        table = workbench.sweep(
            variants, data, out, options=built, seeds=range(seeds), ranks=ranks, **how
        )
        if not ranks.first:
            return
    say(*summary(table).to_string(index=False).split("\n"))
    for folder in keep_best(table, best) if best else []:
        say(f"best weights in {folder}")
