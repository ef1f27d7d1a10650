"""What several commands are given, and how it is read."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.announcing import alone, announce
from workbench.devices import DeviceName
from workbench.errors import WorkbenchError
from workbench.files import check_apart
from workbench.model_folders import located_model
from workbench.phrases import listing

READING = (  # behind "how"
    "to read a file may stand behind its path, in quotes: "
    "'x.csv?user=who&item=what&encoding=latin-1&min_user=5'; and so may settings of planted data: "
    "'planted:distance?noise=.3&users=500'"
)
Data = Annotated[
    str,
    typer.Option(
        "--data",
        help=f"A known data set (the command `data` lists them), or a path. How {READING}.",
    ),
]
PYTHONS = {"True": True, "False": False, "None": None}  # as commands in cards have them
Device = Annotated[
    DeviceName, typer.Option("--device", help="Where the model computes. auto: on CUDA if any.")
]


def reading(data: str, *models: str, purpose: str = "", out: Path | None = None) -> None:
    """Say what is about to be read, and see whether it is there, all before PyTorch is imported.

    Parameters
    ----------
    data, models : what is given to `load_data` and to `load_model`.
    purpose : what for, as the end of a sentence.
    out : a file that will be written.

    Raises
    ------
    WorkbenchError
        If there is no such model, there are no such data, or the file is among what is read.
    """
    folders = [located_model(model) for model in models] if alone() else []
    announce(f"reading {listing([data, *models])}{purpose}")
    if alone():
        from workbench.data.catalogue import check_source, place_of  # which bring pandas

        check_source(data)
        if out is not None:
            check_apart(out, filter(None, [place_of(data), *folders]))


def once(option: str, pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Names, or several at once, and values of an option that may come often; each name once.

    Raises
    ------
    WorkbenchError
        If a name comes twice.
    """
    found: dict[Any, Any] = {}
    for name, value in pairs:
        if name in found:
            written = name if isinstance(name, str) else ",".join(name)
            raise WorkbenchError(f"{option} {written} is given twice; leave one of them out.")
        found[name] = value
    return found


def read_option(text: str) -> tuple[str, object]:
    """`NAME=VALUE` of --option: a name and a value, JSON where it is."""
    name, equals, value = text.partition("=")
    if not equals:
        raise WorkbenchError(f"--option {text}: write it as NAME=VALUE.")
    return name, _value(value)


def read_values(text: str) -> tuple[tuple[str, ...], list[object]]:
    """`NAME[,NAME]=VALUE,...` of --vary: names that share values, and these."""
    names, equals, listed = text.partition("=")
    if not equals:
        raise WorkbenchError(f"--vary {text}: write it as NAME=VALUE,VALUE.")
    return tuple(names.split(",")), [_value(value) for value in listed.split(",")]


def _value(text: str) -> object:
    if text in PYTHONS:
        return PYTHONS[text]
    try:
        return json.loads(text)
    except ValueError:
        return text
