"""python -m workbench data"""

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import workbench.data  # whose names bring pandas when they are asked for
from workbench.announcing import announce, say
from workbench.commands.options import READING
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.writing import plain


def data_command(
    source: Annotated[
        str | None,
        typer.Argument(
            help=f"What to describe; without it the known ones are listed. How {READING}."
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Convert: a .parquet file, or a folder of RecBole files.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List known data sets, or show how one is understood, or convert one."""
    if source is None:
        if to is not None or as_json:
            given = "--json" if to is None else "--to"
            raise WorkbenchError(f"{given} needs what to read: a known data set or a path.")
        row = "{:<22} {:>7} {:>7} {:>13}  {}"
        say(row.format("name", "users", "items", "interactions", "where it comes from"))
        for known in workbench.data.KNOWN.values():
            counts = (f"{n:,}" for n in (known.n_users, known.n_items, known.n_interactions))
            say(row.format(known.name, *counts, known.obtain))
        return
    announce(f"reading {source}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WorkbenchWarning)  # they are among what is printed
        data = workbench.data.load_data(source)
    about = workbench.data.describe(data)
    if as_json:
        say(*json.dumps(about, indent=2, default=str).split("\n"))
    else:
        say(*_lines(data, about))
    if to is not None:
        workbench.data.convert(data, to)
        say(f"written to {to}", err=as_json)


def _lines(data: "workbench.data.SequenceData", about: Mapping[str, Any]) -> Iterator[str]:
    """What `describe` tells of data, for people."""
    from workbench.data.description import left_out

    origin = about["provenance"]
    yield f"{data.name}: {data.size_in_words} (density {about['density']:.2%})"
    if origin.get("columns"):
        yield f"{'format':<10} {origin['reader']}"
        for role in ("user", "item", "time", "title"):
            column = origin["columns"].get(role)
            kept = "in a file of their own" if role == "title" and about["titles"] else "none"
            yield f"{role:<10} {kept if column is None else 'column ' + column}"
        yield f"{'unused':<10} {', '.join(origin['unused']) or 'none'}"
    if about["span"] is not None:
        unit = origin.get("time_unit")
        written = f", written in {unit}" if unit not in (None, "date") else ""
        ties = about["tie_share"]
        shared = "" if ties is None else f", {ties:.1%} as the one before"
        yield f"{'times':<10} {' to '.join(about['span'])}{written}{shared}"
    if about["caused"] is not None:
        rates = " and ".join(f"Hit@{k} {origin[f'bayes_hit@{k}']:.3f}" for k in (1, 10))
        yield f"{'planted':<10} {origin['settings']['rule']}; who knows the rule can have {rates}"
        yield f"{'causes':<10} of {about['caused']:.1%} of the items to be predicted in a test"
    length = about["history_length"]
    yield f"{'histories':<10} {length['min']:,.0f} to {length['max']:,.0f} items, " + (
        f"median {length['median']:,.0f}"
    )
    yield f"{'repeats':<10} {about['repeats']:.1%} of interactions with an item the user had before"
    if "rows_read" in origin:
        parts = [f"{origin['rows_read']:,} read", *(left_out(data) or ["none left out"])]
        yield f"{'rows':<10} {'; '.join(parts)}"
    yield "first rows"
    rows = [
        {name: plain(value or "") for name, value in row.items()} for row in about["first_rows"]
    ]
    shown = [name for name in ("user", "item", "time", "title") if any(row[name] for row in rows)]
    widths = {name: max(len(name), *(len(row[name][:40]) for row in rows)) for name in shown}
    for row in ({name: name for name in shown}, *rows):
        yield "  " + "  ".join(row[name][:40].ljust(widths[name]) for name in shown).rstrip()
    for warning in origin.get("warnings", []):
        yield f"warning: {warning}"
