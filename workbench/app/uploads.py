"""Files a user brings: how large they may be, and where uploads are kept."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import streamlit as st

from workbench.data.fetch import cache_folder
from workbench.data.readers.movielens import RATINGS
from workbench.errors import WorkbenchError

Kind = Literal["interactions", "checkpoint"]
MB = 1_000_000
UPLOAD_MB: dict[Kind, int] = {"interactions": 200, "checkpoint": 500}  # held in memory on its way
KEPT_MB = 5_000  # all uploads and imported models together
PLAIN = (".inter", ".csv", ".tsv", ".tab", ".txt", ".dat", ".seq", ".json", ".jsonl")
SUFFIXES = (".parquet", *PLAIN, *(f"{suffix}.gz" for suffix in PLAIN))


def place() -> Path:
    """Where uploads and what is imported are kept, there or not."""
    return cache_folder() / "uploads"


def folder() -> Path:
    """`place()`, made for this user of the machine alone."""
    place().mkdir(parents=True, exist_ok=True, mode=0o700)
    return place()


def keep(content: bytes, called: str, kind: Kind) -> Path:
    """Write an upload into `folder()`, under its SHA-256.

    called: the file's name as its owner has it. It chooses among names known here and is never a
    path itself. Raises WorkbenchError for a kind of file that is not read, and for one too large.
    """
    if len(content) > UPLOAD_MB[kind] * MB:
        raise WorkbenchError(
            f"The upload has {len(content) / MB:,.0f} MB, and {UPLOAD_MB[kind]} are taken; give "
            "its path on this machine instead."
        )
    file = folder() / hashlib.sha256(content).hexdigest() / _name(called, kind)
    if file.exists():
        return file
    kept = sum(one.stat().st_size for one in folder().rglob("*") if one.is_file())
    if kept + len(content) > KEPT_MB * MB:
        raise WorkbenchError(
            f"{folder()} holds {kept / MB:,.0f} of {KEPT_MB:,} MB that uploads may take; delete "
            "there what is no longer needed."
        )
    file.parent.mkdir(exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(handle, "wb") as partial:
        partial.write(content)
    os.replace(temporary, file)
    return file


def _name(called: str, kind: Kind) -> str:
    if kind == "checkpoint":
        return "checkpoint"
    lowered = called.lower()
    if lowered in RATINGS:  # which is how MovieLens' files are told
        return RATINGS[RATINGS.index(lowered)]
    suffix = next((suffix for suffix in SUFFIXES if lowered.endswith(suffix)), None)
    if suffix is None:
        raise WorkbenchError(
            "An upload of interactions is told by how its name ends, and this one ends in none of "
            f".parquet, {', '.join(PLAIN)} (or these with .gz); rename the file."
        )
    return f"interactions{suffix}"


def take(label: str, kind: Kind, key: str) -> None:
    """A field to upload to; the path of what is kept goes into the session under `key`."""
    file = st.file_uploader(
        label, key=f"upload_{key}", max_upload_size=UPLOAD_MB[kind], help=TAKEN[kind]
    )
    if file is None or st.session_state.get(f"took_{key}") == file.file_id:
        return
    st.session_state[f"took_{key}"] = file.file_id
    st.session_state[key] = str(keep(file.getvalue(), file.name, kind))


TAKEN: dict[Kind, str] = {
    "interactions": "CSV, TSV or Parquet with columns of your choice, RecBole's .inter, MovieLens, "
    "Amazon or Yelp reviews, or a line per user, `user item item ...`. Where titles are in a file "
    "of their own, give the path of the folder instead.",
    "checkpoint": "What `torch.save` wrote, or safetensors: of RecBole, AC-TSR, or the S3-Rec "
    "family.",
}


@contextmanager
def named() -> Iterator[None]:
    """Errors within speak of an uploaded file as such, instead of where it is kept."""
    try:
        yield
    except WorkbenchError as error:
        kept = re.escape(str(folder())) + r"/[0-9a-f]{64}/(\w+(?:\.\w+)*)"
        said = re.sub(kept, r"the uploaded file (\1)", str(error))
        raise WorkbenchError(said[:1].upper() + said[1:]) from error
