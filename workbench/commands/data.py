"""python -m workbench data"""

import json
from pathlib import Path
from typing import Annotated

import typer

from workbench import load_data
from workbench.data import KNOWN, convert, describe


def data_command(
    source: Annotated[
        str | None,
        typer.Argument(
            help="What to describe; without it the known ones are listed. How to read a file may "
            "stand behind its path, in quotes: "
            "'x.csv?user=who&item=what&encoding=latin-1&min_user=5'."
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Convert: a .parquet file, or a folder of RecBole files.")
    ] = None,
) -> None:
    """List known data sets, or describe or convert one."""
    if source is None:
        row = "{:<22} {:>7} {:>7} {:>13}  {}"
        typer.echo(row.format("name", "users", "items", "interactions", "where it comes from"))
        for known in KNOWN.values():
            counts = (f"{n:,}" for n in (known.n_users, known.n_items, known.n_interactions))
            typer.echo(row.format(known.name, *counts, known.obtain))
        return
    found = load_data(source)
    typer.echo(json.dumps(describe(found), indent=2, default=str))
    if to is not None:
        convert(found, to)
        typer.echo(f"written to {to}")
