"""python -m workbench train"""

import json
import shlex
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer

from workbench import build_model, load_data, train
from workbench.checkpoint import sibling_name
from workbench.commands.options import Data, Device, read_option
from workbench.evaluation import from_card
from workbench.files import write_file
from workbench.processes import joined
from workbench.registry import NAMES
from workbench.training.objectives import Objective
from workbench.training.sampling import EXACT_UP_TO, Loss
from workbench.training.state import Avoid, History

Precision = StrEnum("Precision", [("single", "32-true"), ("mixed", "bf16-mixed")])


def train_command(
    model: Annotated[
        str,
        typer.Option(
            help=f"One of {', '.join(NAMES)}: learned attention, frozen to uniform (-uniform), "
            "calibrated (AC-), or calibrated by the spatial calibrator alone (-light)."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the weights and their card.", file_okay=False)
    ],
    data: Data = "ml-100k",
    objective: Annotated[
        Objective | None,
        typer.Option(
            help="Loss at all positions of a window; at the last position of every prefix of a "
            "history, which costs more; or, for BERT4Rec, at masked items. By default masking for "
            "BERT4Rec, else positions."
        ),
    ] = None,
    loss: Annotated[
        Loss | None,
        typer.Option(
            help="exact: cross-entropy over all items; sampled: estimated from sampled ones, with "
            "the same cost at any size of the catalogue; gbce: binary cross-entropy over sampled "
            f"ones, as in gSASRec. By default exact up to {EXACT_UP_TO:,} items, else sampled.",
        ),
    ] = None,
    negatives: Annotated[
        int, typer.Option(help="Items sampled for a step, with the losses sampled, gbce.", min=1)
    ] = 256,
    gbce_t: Annotated[
        float, typer.Option(help="gbce: from 0, uncalibrated, to 1.", min=0.0, max=1.0)
    ] = 0.75,
    mask_ratio: Annotated[
        float, typer.Option(help="Chance of an item to be masked.", min=0.0, max=1.0)
    ] = 0.2,
    mask_last: Annotated[
        float,
        typer.Option(help="Share of samples with the last item alone masked.", min=0.0, max=1.0),
    ] = 0.5,
    epochs: Annotated[int, typer.Option(help="Passes over the data, at most.", min=1)] = 100,
    patience: Annotated[
        int,
        typer.Option(help="Stop after so many epochs without a better validation NDCG@10.", min=1),
    ] = 10,
    batch_size: Annotated[int, typer.Option(help="Items to predict in a step.", min=1)] = 256,
    learning_rate: Annotated[float, typer.Option(help="Adam's step size.", min=0.0)] = 1e-3,
    weight_decay: Annotated[float, typer.Option(help="Adam's L2 penalty.", min=0.0)] = 0.0,
    seed: Annotated[
        int, typer.Option(help="Of first weights, batch order, dropout and noise.", min=0)
    ] = 0,
    seeds: Annotated[
        int,
        typer.Option(
            help="Train so many times, each with the next seed; the others go into OUT/seed-K, "
            "where a report finds them.",
            min=1,
        ),
    ] = 1,
    device: Device = "auto",
    precision: Annotated[
        Precision, typer.Option(help="Mixed is faster on an accelerator, and less exact.")
    ] = Precision.single,
    avoid: Annotated[
        Avoid | None,
        typer.Option(
            help="Keep attention off items, to see whether the model ranks as well: the planted "
            "cause of each target, or the item that is the most important to a plain model.",
        ),
    ] = None,
    avoid_by: Annotated[
        str | None, typer.Option(help="That plain model, a folder or a name.")
    ] = None,
    avoid_weight: Annotated[
        float, typer.Option(help="Of the penalty for attention to what is avoided.", min=0.0)
    ] = 0.1,
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
) -> None:
    """Train a model and write its best weights.

    The best are those with the highest validation NDCG@10; the card beside them tells how they
    came about. Killed and started again with the same options, it goes on after the last whole
    epoch; where they are done, nothing is trained, and a model of other options is not replaced.
    Under torchrun the ranks share every step.
    """

    def watch(epochs: History) -> None:
        if progress is not None:
            write_file(progress, json.dumps(epochs).encode())

    with joined() as ranks:
        loaded = load_data(data)
        options = dict(read_option(text) for text in option or [])
        for number in range(seed, seed + seeds):
            folder = out if number == seed else out / sibling_name(number)
            torch.manual_seed(number)
            trained = train(
                build_model(model, loaded, **options),
                loaded,
                folder,
                command=_command(sys.argv[1:], folder, number)
                if seeds > 1
                else _line(sys.argv[1:]),
                watch=watch,
                objective=objective,
                loss=loss,
                negatives=negatives,
                gbce_t=gbce_t,
                mask_ratio=mask_ratio,
                mask_last=mask_last,
                epochs=epochs,
                patience=patience,
                batch_size=batch_size,
                learning_rate=learning_rate,
                weight_decay=weight_decay,
                seed=number,
                device=device,
                precision=precision,
                avoid=avoid,
                avoid_by=avoid_by,
                avoid_weight=avoid_weight,
            )
            reached = "; ".join(
                f"test hit@10 {metrics['hit@10']:.4f}, ndcg@10 {metrics['ndcg@10']:.4f} ({policy})"
                for split, policy, metrics in from_card(trained.card)
                if split == "test"
            )
            if ranks.first:
                typer.echo(
                    f"{model} on {loaded.name}, seed {number}: {reached}, weights in {folder}"
                )


def _command(words: Sequence[str], folder: Path, seed: int) -> str:
    """The command that trains one of several seeds by itself."""
    kept = _without(words, "--out", "--seed", "--seeds")
    return _line([*kept, "--out", str(folder), "--seed", str(seed)])


def _without(words: Sequence[str], *names: str) -> list[str]:
    """The words of a command without some options and their values."""
    kept, given = [], iter(words)
    for word in given:
        name, equals, _ = word.partition("=")
        if name not in names:
            kept.append(word)
        elif not equals:
            next(given)  # its value
    return kept


def _line(words: Sequence[str]) -> str:
    return "python -m workbench " + shlex.join(_without(words, "--progress"))
