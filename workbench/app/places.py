"""Which files the pages open: those below a few folders, and others after a click.

What was typed into a page cannot be told from what a link brought, since the address holds both.
So a path that leads out of `folders()` waits for a person to press a button that names it, and
until then nothing on a page depends on whether it is there.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from analyses.report.output import MANIFEST
from analyses.report.stored import LARGEST_MANIFEST
from analyses.run_all import REPORTS
from workbench.app import uploads
from workbench.checkpoint import CARD, PRETRAINED, WEIGHTS
from workbench.data.catalogue import BUILT_IN, DATA_VARIABLE
from workbench.errors import WorkbenchError

MB = 1_000_000
FILE_MB = 2_000  # a file on this machine, unpacked
ROW_BYTES = 20  # of a table in memory; a small Parquet file can claim any number of rows
PACKED = (".gz", ".bz2", ".lz4", ".zst")  # what Arrow unpacks by the name
# files that are read with the one that is named: titles, in the formats that have them apart
BESIDE = ("*.item", "movies.*", "meta_*", "*business*")
CLICKED = "clicked"  # in the session: real paths that a person chose to open


class Outside(Exception):
    """A path that no folder of `folders()` holds; `open_outside` lets this session open it."""

    def __init__(self, name: str, paths: Iterable[Path]) -> None:
        super().__init__(f"{name} is in none of the folders that pages open by themselves")
        self.name = name
        self.paths = [_real(path) for path in paths]


def open_outside(asked: Outside) -> None:
    """Let this session open a path; for the button that names it."""
    st.session_state[CLICKED] = {*st.session_state.get(CLICKED, ()), *asked.paths}


def folders() -> list[Path]:
    """Folders whose files any address may name, links resolved.

    The one the app was started in, the uploads, the models and reports of this repository, the
    data folder of the environment, and those named at the start, `streamlit run app.py -- --allow
    DIR`. Raises WorkbenchError for one of the latter that is no folder.
    """
    named = _named()
    for folder in named:
        if not folder.is_dir():
            raise WorkbenchError(f"--allow {folder} is no folder; start the app with one that is.")
    known = [Path(), uploads.place(), PRETRAINED, REPORTS, *_data_folder(), *named]
    return [_real(folder) for folder in known]


def _named() -> list[Path]:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--allow", action="append", default=[], type=Path)
    try:
        return list(parser.parse_known_args(sys.argv[1:])[0].allow)
    except argparse.ArgumentError as error:
        raise WorkbenchError("--allow names no folder; start the app with --allow DIR.") from error


def _data_folder() -> list[Path]:
    named = os.environ.get(DATA_VARIABLE)
    return [Path(named)] if named else []


def data(source: str) -> None:
    """Raise Outside, or WorkbenchError, where `load_data` must not be given this source."""
    if source in BUILT_IN:
        return
    name = source.rpartition("?")[0] or source
    # in the order in which they are looked for: a name may hold a question mark itself
    paths = [parent / _expanded(name) for parent in (Path(), Path("data"), *_data_folder())]
    found = _admit(name, [_expanded(source), *paths])
    if found is not None and found.is_dir():
        _check(file for file in found.iterdir() if not file.is_dir())
        _check_size(found, _check(found.rglob("*.parquet")), FILE_MB * MB)  # read as one table
    elif found is not None:
        beside = (file for pattern in BESIDE for file in found.parent.glob(pattern))
        _check([found, *(file for file in beside if not file.is_dir())])


def model(source: str) -> Path | None:
    """The folder of a model, shipped or not; None where there is none. Raises as `data` does."""
    folders_named = [_expanded(source), PRETRAINED / source]
    card = _admit(source, [folder / CARD for folder in folders_named], also=folders_named)
    if card is None:
        return None
    _check([card], LARGEST_MANIFEST)
    _check([card.with_name(WEIGHTS)])
    return card.parent


def run(name: str) -> Path:
    """The folder of a stored run, which may lack one. Raises as `data` does."""
    folder = _expanded(name)
    if _admit(name, [folder]):
        _check([folder / MANIFEST], LARGEST_MANIFEST)
        _check(file for part in ("raw", "figures") for file in (folder / part).glob("*"))
    return folder


def checkpoint(name: str) -> Path:
    """A checkpoint, or the folder of a model. Raises as `data` does, and where there is nothing."""
    path = _admit(name, [_expanded(name)])
    if path is None:
        raise WorkbenchError(f"{name} does not exist; give the path of a file or folder.")
    if path.is_dir():
        return model(name) or path
    _check([path])
    return path


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:  # the home of nobody
        return Path("/") / name


def _real(path: Path) -> Path:
    """Where a path leads, links resolved."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle, or no path at all
        return Path("/") / path


def _admit(name: str, candidates: Sequence[Path], also: Sequence[Path] = ()) -> Path | None:
    """The first candidate that is there, or None; `name` is what they are called on the page.

    Raises Outside, for the candidates and what is opened with them, before it looks at one that
    this session may not see.
    """
    opened = _opened()
    for path in candidates:
        if not _is_in(opened, path):
            raise Outside(name, [*candidates, *also])
        if _is_there(path):
            return path
    return None


def _opened() -> list[Path]:
    """What this session may read."""
    return [*folders(), *st.session_state.get(CLICKED, ())]


def _is_in(opened: Iterable[Path], path: Path) -> bool:
    real = _real(path)
    return any(real.is_relative_to(one) for one in opened)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # whoever opens it says what is wrong
        return False


def _check(files: Iterable[Path], largest: int | None = None) -> int:
    """Raise for whatever must not be read: too large, no file, or a link that leads outside.

    largest: bytes, FILE_MB where None. Returns the bytes of all together, unpacked.
    """
    most = FILE_MB * MB if largest is None else largest
    opened, total = _opened(), 0
    for file in files:
        if not _is_in(opened, file):
            raise Outside(str(file), [file])
        if not _is_there(file):
            continue
        if not file.is_file():
            raise WorkbenchError(f"{file} is neither a file nor a folder; name one of them.")
        about = file.stat()
        size, suffix = about.st_size, file.suffix.lower()
        if size <= most and suffix in (*PACKED, ".parquet"):
            size = max(size, _unpacked(str(file), about.st_mtime_ns, size))
        _check_size(file, size, most)
        total += size
    return total


def _check_size(path: Path, size: int, most: int) -> None:
    if size > most:
        raise WorkbenchError(
            f"{path} has {size / MB:,.0f} MB or more once unpacked, and {most / MB:,.0f} are "
            "read here; use the command line, `python -m workbench`, or take a part of it."
        )


@st.cache_data(max_entries=32, show_spinner="Looking how large the file is ...")
def _unpacked(file: str, changed: int, size: int) -> int:
    """Bytes of a packed file, counted up to just above what is read; 0 for a damaged one."""
    try:
        if file.lower().endswith(".parquet"):
            about = pq.read_metadata(file)
            groups = (about.row_group(k).total_byte_size for k in range(about.num_row_groups))
            return max(about.num_rows * ROW_BYTES, sum(groups))
        found = 0
        with pa.input_stream(file) as stream:  # unpacked as its name says
            while found <= FILE_MB * MB and (block := stream.read(1 << 20)):
                found += len(block)
        return found
    except (OSError, pa.ArrowException):
        return 0  # whoever reads it says what is wrong
