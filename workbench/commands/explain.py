"""python -m workbench explain"""

import json
from typing import Annotated

import typer

import workbench
from workbench.announcing import say
from workbench.commands.options import Data, Device, reading


def explain_command(
    model: Annotated[str, typer.Option(help="A folder that `train` wrote, or a shipped model.")],
    user: Annotated[str, typer.Option(metavar="ID", help="The user's id, as in the data.")],
    data: Data = "ml-100k",
    item: Annotated[
        str | None,
        typer.Option(
            metavar="ITEM",
            help="What to explain, by id or title; by default the best that the user has not had.",
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="An importance beside attention, such as saliency or random; may be repeated. By "
            "default what replacing each item does.",
        ),
    ] = None,
    keep_seen: Annotated[
        bool, typer.Option("--keep-seen", help="Rank items of the history as well.")
    ] = False,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """What one recommendation owes to each item, and without which it would not be made."""
    reading(data, model)
    loaded = workbench.load_model(model).to(workbench.choose_device(device))
    explanation = workbench.explain_user(
        loaded,
        workbench.load_data(data),
        user=user,
        item=item,
        methods=method or (),
        smallest=True,
        hide_seen=not keep_seen,
    )
    if as_json:
        say(*json.dumps(explanation.to_json(), indent=2).split("\n"))
        return
    from workbench.explore.explanation_text import lines

    say(*lines(explanation))
