"""Uploaded files: how large they may be, and where they are kept."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import streamlit as st

from workbench.data.fetch import cache_folder
from workbench.data.readers.movielens import RATINGS
from workbench.errors import WorkbenchError
from workbench.files import write_file
from workbench.importing.formats import FORMATS

Kind = Literal["interactions", "checkpoint"]
MB = 1_000_000
UPLOAD_MB: dict[Kind, int] = {
    "interactions": 200,
    "checkpoint": 500,
}  # held in memory while it arrives
KEPT_MB = 5_000  # all uploads and imported models together
PLAIN = (".inter", ".csv", ".tsv", ".tab", ".txt", ".dat", ".seq", ".json", ".jsonl")
LONGEST_STEM = 40  # letters of a name that are kept
SUFFIXES = (".parquet", *PLAIN, *(f"{suffix}.gz" for suffix in PLAIN))


def place() -> Path:
    """The folder of uploads and imported models, whether it exists or not."""
    return cache_folder() / "uploads"


def folder() -> Path:
    """`place()`, created if needed; only the user who runs the app may read it."""
    place().mkdir(parents=True, exist_ok=True, mode=0o700)
    return place()


def models() -> Path:
    """The folder of the models that were imported or trained here, whether it exists or not."""
    return place() / "models"


def new_model(name: str) -> Path:
    """The folder of a model that will be made, below `models()`, which only its user may read."""
    folder()
    return models() / name


def keep(content: bytes, user_name: str, kind: Kind) -> Path:
    """Write an upload into `folder()`, under its SHA-256.

    Parameters
    ----------
    content : the bytes of the file.
    user_name : the file's name on the user's machine, of which letters and digits are kept, to be
        known by.
    kind : what the file holds.

    Raises
    ------
    WorkbenchError
        If this kind of file is not read, or if the file is too large.
    """
    if len(content) > UPLOAD_MB[kind] * MB:
        raise WorkbenchError(
            f"The upload has {len(content) / MB:,.0f} MB and the limit is {UPLOAD_MB[kind]} MB; "
            "give the path of the file on this machine instead."
        )
    file = folder() / hashlib.sha256(content).hexdigest() / _kept_name(user_name, kind)
    if file.exists():
        return file
    kept = sum(path.stat().st_size for path in folder().rglob("*") if path.is_file())
    if kept + len(content) > KEPT_MB * MB:
        raise WorkbenchError(
            f"There is no room for the upload: {folder()} holds {kept / MB:,.0f} MB and the limit "
            f"is {KEPT_MB:,} MB; delete the files there that are no longer needed."
        )
    write_file(file, content)
    return file


def _kept_name(user_name: str, kind: Kind) -> str:
    if kind == "checkpoint":
        return "checkpoint"
    lowered = user_name.lower()
    if lowered in RATINGS:  # the reader of MovieLens knows its files by their names
        return RATINGS[RATINGS.index(lowered)]
    suffix = next((suffix for suffix in SUFFIXES if lowered.endswith(suffix)), None)
    if suffix is None:
        raise WorkbenchError(
            "The name of an upload must end in .parquet or in one of "
            f"{', '.join(PLAIN)} (these also with .gz); rename the file."
        )
    given = re.split(r"[/\\\\]", user_name[: len(user_name) - len(suffix)])[-1]
    stem = re.sub(r"[^\w-]+", "-", given).strip("-_")[:LONGEST_STEM]
    return f"{stem or 'interactions'}{suffix}"


def take(label: str, kind: Kind, key: str) -> None:
    """Show a field for uploads; the path of the kept file goes into the session under `key`."""
    file = st.file_uploader(
        label, key=f"upload_{key}", max_upload_size=UPLOAD_MB[kind], help=HELP[kind]
    )
    if file is None or st.session_state.get(f"took_{key}") == file.file_id:
        return
    st.session_state[f"took_{key}"] = file.file_id
    st.session_state[key] = str(keep(file.getvalue(), file.name, kind))


HELP: dict[Kind, str] = {
    "interactions": "CSV, TSV or Parquet with columns of your choice, RecBole's .inter, MovieLens, "
    "Amazon or Yelp reviews, or a line per user, `user item item ...`. If the titles are in a "
    "separate file, give the path of the folder instead.",
    "checkpoint": "A file written by `torch.save`, or safetensors, of one of these: "
    f"{', '.join(format.name for format in FORMATS)}.",
}


@contextmanager
def paths_hidden() -> Iterator[None]:
    """Errors raised inside are written by `told`."""
    try:
        yield
    except WorkbenchError as error:
        raise WorkbenchError(told(str(error))) from error


def told(text: str) -> str:
    """An error or a warning about a file, for somebody who may have uploaded it.

    It names an upload as such instead of the path it is kept at, and says where options are added.
    """
    kept = re.escape(str(folder())) + r"/[0-9a-f]{64}/([\w-]+(?:\.\w+)*)"
    message, count = re.subn(kept, r"the uploaded file (\1)", text)
    if not count:
        return text
    message = message.replace("behind the path", "behind its path in the box that holds it")
    return message[:1].upper() + message[1:]
