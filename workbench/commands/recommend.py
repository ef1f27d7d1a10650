"""python -m workbench recommend"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import workbench
from workbench.announcing import announce, say
from workbench.commands.options import Data, Device, reading
from workbench.errors import WorkbenchError
from workbench.files import check_replaceable, not_written, replaced_file

if TYPE_CHECKING:
    import pandas as pd

WRITERS: "dict[str, Callable[[pd.DataFrame, Path], object]]" = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
    ".json": lambda frame, path: frame.to_json(
        path, orient="records", force_ascii=False, double_precision=15, indent=2
    ),
}

BEGINNINGS = {  # how earlier lists begin, with users and without
    ".csv": (b"user,rank,", b"rank,item,"),
    ".parquet": (b"PAR1",),
    ".json": (b'[\n  {\n    "user"', b'[\n  {\n    "rank"', b"[]"),
}


def recommend_command(
    model: Annotated[str, typer.Option(help="A folder that `train` wrote, or a shipped model.")],
    data: Data = "ml-100k",
    users: Annotated[
        list[str] | None,
        typer.Option(metavar="ID ...", help="Ids of users, as in the data; all without it."),
    ] = None,
    items: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ITEM ...",
            help="A history in place of users, oldest first: ids, or titles, whole or in part.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("--k", help="Items for each.", min=1)] = 10,
    keep_seen: Annotated[
        bool, typer.Option("--keep-seen", help="Recommend items of the history as well.")
    ] = False,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(help="A .csv, .parquet or .json file; without it a table is printed."),
    ] = None,
) -> None:
    """The items that come next, best first, after all of a history."""
    if out is not None and out.suffix.lower() not in WRITERS:
        raise WorkbenchError(
            f"{out}: lists are written as {', '.join(WRITERS)}; give a name with one of these "
            "endings."
        )
    if out is not None:
        check_replaceable(out, *BEGINNINGS[out.suffix.lower()])
    reading(data, model, out=out)
    table = workbench.recommend(
        workbench.load_model(model).to(workbench.choose_device(device)),
        workbench.load_data(data),
        users or None,
        k,
        items=items or None,
        keep_seen=keep_seen,
    )
    if table.empty:
        announce("nothing is left to recommend: every item is in the history (see --keep-seen)")
    if out is None and len(table):
        say(*table.to_string(index=False, float_format="{:.4f}".format).split("\n"))
    if out is None:
        return
    try:
        with replaced_file(out) as aside:
            WRITERS[out.suffix.lower()](table, aside)
    except OSError as error:
        raise not_written(out, error) from error
    lists = 1 if items else table["user"].nunique()
    say(f"{lists:,} lists of up to {k:,} items in {out}", err=True)
