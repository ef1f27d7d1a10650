"""python -m workbench train"""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import workbench
from workbench.announcing import alone, say
from workbench.commands.options import Data, once, read_option, reading
from workbench.commands.training_options import with_training_options
from workbench.ending import told_if_stopped
from workbench.errors import WorkbenchError
from workbench.files import check_replaceable, write_file
from workbench.model_folders import sibling_name
from workbench.phrases import without
from workbench.registry import NAMES, check_name, warn_of_idle
from workbench.training.settings import LARGEST_SEED

if TYPE_CHECKING:
    from workbench.training.state import History


@with_training_options
def train_command(
    *,
    model: Annotated[
        str,
        typer.Option(
            help=f"One of {', '.join(NAMES)}: learned attention, frozen to uniform (-uniform), "
            "calibrated (AC-), by the spatial calibrator alone (-light), by that with positions "
            "embedded beside it (-light-positions), or so with attention that mixes the items' own "
            "states (-direct)."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the weights and their card.", file_okay=False)
    ],
    data: Data = "ml-100k",
    seed: Annotated[
        int,
        typer.Option(
            help="Of first weights, batch order, dropout and noise.", min=0, max=LARGEST_SEED
        ),
    ] = 0,
    seeds: Annotated[
        int,
        typer.Option(
            help="Train so many times, each with the next seed; the others go into OUT/seed-K, "
            "where a report finds them.",
            min=1,
        ),
    ] = 1,
    progress: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For programs: a JSON list of what is known of every epoch that is done, replaced "
            "whole after each.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="An option of the model, as often as wanted: max_length, n_layers, n_heads, "
            "hidden_size, inner_size, hidden_dropout, attention_dropout, ...; for SSE-PT "
            "user_size, swap_users, swap_items, swap_targets; for TiSASRec time_span; for AC- also "
            "correction=fixed|gate|annealing, two_level, order, distance, alpha, "
            "normalization=softmax|renormalize, penalty.",
        ),
    ] = None,
    how: dict[str, Any],
    built: dict[str, Any],
) -> None:
    """Train a model and write its best weights.

    The best are those with the highest validation NDCG@10; the card beside them tells how they
    came about. Killed and started again with the same options, it goes on after the last whole
    epoch; where they are done, nothing is trained, and a model of other options is not replaced.
    Under torchrun the ranks share every step.
    """
    if alone():  # else ranks tell of it together
        check_name(model)
        if progress is not None:
            check_replaceable(progress, b'[{"epoch":')
            if progress.resolve() == out.resolve() or progress.resolve().parent == out.resolve():
                raise WorkbenchError(
                    f"--progress {progress} is a place of the model; give another."
                )
    if seed + seeds - 1 > LARGEST_SEED:
        raise WorkbenchError(f"--seed {seed}: with --seeds {seeds}, the last is too large.")
    said = once("--option", map(read_option, option or []))
    reading(data, purpose=f", to train {model}")
    # PyTorch, which takes seconds to import
    import torch

    from workbench.cards import from_card
    from workbench.processes import joined
    from workbench.training.state import is_begun

    folders: list[Path] = []

    def watch(epochs: "History") -> None:
        if progress is not None:
            write_file(progress, json.dumps(epochs).encode())

    with joined() as ranks, told_if_stopped(lambda: any(map(is_begun, folders))):
        loaded = workbench.load_data(data)
        if ranks.first:
            warn_of_idle(model, loaded, said, built)
        for number in range(seed, seed + seeds):
            folder = out if number == seed else out / sibling_name(number)
            folders.append(folder)
            torch.manual_seed(number)
            trained = workbench.train(
                workbench.build_model(model, loaded, **{**built, **said}),
                loaded,
                folder,
                command=_command(sys.argv[1:], folder, number)
                if seeds > 1
                else command_line(sys.argv[1:]),
                watch=watch,
                seed=number,
                **how,
            )
            reached = "; ".join(
                f"test hit@10 {metrics['hit@10']:.4f}, ndcg@10 {metrics['ndcg@10']:.4f} ({policy})"
                for split, policy, metrics in from_card(trained.card)
                if split == "test"
            )
            if ranks.first:
                say(f"{model} on {loaded.name}, seed {number}: {reached}, weights in {folder}")


def _command(words: Sequence[str], folder: Path, seed: int) -> str:
    """The command that trains one of several seeds by itself."""
    kept = without(words, "--out", "--seed", "--seeds")
    return command_line([*kept, "--out", str(folder), "--seed", str(seed)])


def command_line(words: Sequence[str]) -> str:
    """The command of these words, with the processes that share it: others draw other dropout."""
    started, size = "python", int(os.environ.get("WORLD_SIZE", "1"))
    if size > 1:
        here = int(os.environ.get("LOCAL_WORLD_SIZE", size))
        hosts = f" --nnodes {size // here}" if here < size else ""
        started = f"torchrun{hosts} --nproc-per-node {here}"
    return f"{started} -m workbench {shlex.join(without(words, '--progress'))}"
