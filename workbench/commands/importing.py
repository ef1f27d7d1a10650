"""python -m workbench import"""

from pathlib import Path
from typing import Annotated, Any

import typer

import workbench
from models.config import ModelConfig
from workbench.announcing import announce, say
from workbench.commands.options import Device, once, read_option

# as `workbench.importing.formats` has them, which bring PyTorch
KNOWN = "AC-TSR, RecBole, S3-Rec family, SASRec.pytorch, gSASRec-pytorch, RecTools, RePlay"


def import_command(
    file: Annotated[Path, typer.Argument(help=f"A checkpoint of {KNOWN}.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the weights and their card.", file_okay=False)
    ],
    data: Annotated[
        str | None,
        typer.Option(help="What it was trained on: a known data set, or a path."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What the file cannot tell, as often as wanted, such as n_heads=2, or "
            "extra_rows=1, rows at the end of the item table that stand for no item; and with "
            "--data numbering=appearance|ids|sorted|tokens, how its items got their ids, where not "
            "as usual.",
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Take over a model that other software trained; nothing in its file is executed.

    With the data it was trained on, its items are put in their order and its quality is measured.
    """
    options: dict[str, Any] = once("--option", map(read_option, option or []))
    announce(f"reading {file}" + (f" and {data}" if data else ""))
    from workbench.cards import from_card  # PyTorch, which takes seconds to import

    place = workbench.choose_device(device)
    model = workbench.import_checkpoint(file, out, data=data, device=place, **options)
    origin = model.card["origin"]
    say(f"{origin['format']} {origin['model']}: {_sizes(model.config)}")
    if origin["assumed"]:
        assumed = ", ".join(f"{name}={value}" for name, value in origin["assumed"].items())
        say(f"assumed, since the file does not tell: {assumed}")
    for note in origin["notes"]:
        say(note)
    for split, policy, metrics in from_card(model.card):
        quality = ", ".join(f"{k} {metrics[k]:.4f}" for k in ("hit@10", "ndcg@10", "mrr@10"))
        say(f"{split}: {quality} (full ranking, {policy})")
    say(f"weights in {out}")


def _sizes(config: ModelConfig) -> str:
    return (
        f"{config.n_items:,} items, layers {config.n_layers}, heads {config.n_heads}, hidden size "
        f"{config.hidden_size}, inner size {config.inner_size}, histories of up to "
        f"{config.max_length} items"
    )
