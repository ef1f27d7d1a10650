"""Which files the pages open: those below a few folders, and others after a click.

A path that a user typed looks like one that a link brought, since the address holds both. So a
path outside `folders()` waits until a person presses a button that names it, and until then
nothing on a page depends on whether the path exists.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from workbench.app import uploads
from workbench.app.uploads import MB
from workbench.data.address import planting
from workbench.data.catalogue import candidates, is_built_in, named_folder
from workbench.errors import WorkbenchError
from workbench.files import LARGEST_JSON, REPORTS, expanded
from workbench.model_folders import CARD, PRETRAINED, WEIGHTS, shipped_names

FILE_MB = 2_000  # a file on this machine, unpacked
ROW_BYTES = 20  # bytes of a row in memory; a small Parquet file can claim any number of rows
PACKED = (".gz", ".bz2", ".lz4", ".zst")  # endings of files that Arrow unpacks
MOST_PLANTED = 5_000_000  # interactions
# files with titles, which some formats keep beside the file that is named
BESIDE = ("*.item", "movies.*", "meta_*", "*business*")
CLICKED = "clicked"  # in the session: real paths that a person chose to open


class Outside(Exception):
    """A path outside `folders()`; `open_outside` lets this session open it."""

    def __init__(self, name: str, paths: Iterable[Path]) -> None:
        super().__init__(f"{name} is in none of the folders that pages open by themselves")
        self.name = name
        self.paths = [_real(path) for path in paths]


def open_outside(outside: Outside) -> None:
    """Let this session open a path; called by the button that names it."""
    st.session_state[CLICKED] = {*st.session_state.get(CLICKED, ()), *outside.paths}


def folders() -> list[Path]:
    """Folders whose files any address may name, links resolved.

    They are the folder the app was started in and its reports, the uploads, the shipped models, the
    data folder named by the environment, and those named at the start by `python -m workbench app
    --allow DIR`.

    Raises
    ------
    WorkbenchError
        If one named at the start is not a folder.
    """
    given = named()
    for folder in given:
        if not folder.is_dir():
            raise WorkbenchError(
                f"--allow {folder}: this is not a folder; start the app with one that exists."
            )
    known = [Path(), uploads.place(), PRETRAINED, REPORTS, *named_folder(), *given]
    return [_real(folder) for folder in known]


def named() -> list[Path]:
    """Folders named at the start by `--allow DIR`, as they were written."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--allow", action="append", default=[], type=Path)
    try:
        return list(parser.parse_known_args(sys.argv[1:])[0].allow)
    except argparse.ArgumentError as error:
        raise WorkbenchError(
            "--allow needs a folder; start the app again with --allow DIR."
        ) from error


def data(source: str) -> list[Path]:
    """The files that `load_data` may read for this source; none for what is built in.

    Raises
    ------
    Outside
        If this session may not open one.
    WorkbenchError
        If one is too large or not a file, or the source names planted data that are too large or
        cannot be.
    """
    settings = planting(source)
    if settings is not None and settings.n_users * settings.length > MOST_PLANTED:
        raise WorkbenchError(
            f"{source} may have {settings.n_users * settings.length:,} interactions, and the limit "
            f"is {MOST_PLANTED:,} here; use the command line, `python -m workbench`, or name fewer "
            "users."
        )
    if is_built_in(source):
        return []
    name = source.rpartition("?")[0] or source
    # a name itself may hold a question mark, which `load_data` tries first
    path = _admit(name, [expanded(source), *candidates(name)])
    if path is None:
        return []
    if path.is_dir():
        files = [file for file in path.iterdir() if not file.is_dir()]
        parts = list(path.rglob("*.parquet"))
        _check(files)
        _check_size(path, _check(parts), FILE_MB * MB)  # read as one table
        return [*files, *parts]
    beside = (file for pattern in BESIDE for file in path.parent.glob(pattern))
    files = [path, *(file for file in beside if not file.is_dir())]
    _check(files)
    return files


def model(source: str) -> Path | None:
    """The folder of a model: a path, or the name of one shipped, imported or trained here.

    None if there is none.

    Raises
    ------
    Outside, WorkbenchError
        If `data` would raise it for a file of the folder.
    """
    shipped = [PRETRAINED / source] if source in shipped_names() else []
    folders_named = [*shipped, expanded(source), uploads.models() / source]
    card = _admit(source, [folder / CARD for folder in folders_named], also=folders_named)
    if card is None:
        return None
    _check([card], LARGEST_JSON)
    _check([card.with_name(WEIGHTS)])
    return card.parent


def run(name: str) -> Path:
    """The folder of a stored run, whether it holds one or not.

    Raises
    ------
    Outside, WorkbenchError
        If `data` would raise it for a file of the folder.
    """
    folder = expanded(name)
    if _admit(name, [folder]):
        _check(folder.glob("*.json"), LARGEST_JSON)
        _check(file for part in ("raw", "figures") for file in (folder / part).glob("*"))
    return folder


def checkpoint(name: str) -> Path:
    """The path of a checkpoint, or of the folder of a model.

    Raises
    ------
    Outside, WorkbenchError
        If `data` would raise it for the file, or for a file of the folder.
    WorkbenchError
        If the path does not exist.
    """
    path = _admit(name, [expanded(name)])
    if path is None:
        raise WorkbenchError(f"{name} does not exist; give the path of a file or folder.")
    if path.is_dir():
        return model(name) or path
    _check([path])
    return path


def _real(path: Path) -> Path:
    """The path with its links resolved."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle, or not a valid path
        return Path("/") / path


def _admit(name: str, tried: Sequence[Path], also: Sequence[Path] = ()) -> Path | None:
    """The first of some paths that exists, or None.

    Parameters
    ----------
    name : what the page calls the paths.
    tried : the paths, in this order.
    also : paths that are opened together with one of these.

    Raises Outside, before it looks at the path, if this session may not open one.
    """
    # homes of unknown users wait for a click, too: no address tells which users there are
    opened = _clicked() if str(expanded(name)).startswith("~") else _opened()
    for path in tried:
        if not _is_in(opened, path):
            raise Outside(name, [*tried, *also])
        if _is_there(path):
            return path
    return None


def _opened() -> list[Path]:
    """Files and folders that this session may read."""
    return [*folders(), *_clicked()]


def _clicked() -> list[Path]:
    return [*st.session_state.get(CLICKED, ())]


def _is_in(opened: Iterable[Path], path: Path) -> bool:
    real = _real(path)
    return any(real.is_relative_to(folder) for folder in opened)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # the reader that opens it says what is wrong
        return False


def _check(files: Iterable[Path], largest: int | None = None) -> int:
    """The bytes of all files together, unpacked.

    Raises Outside if one is a link that leads outside, and WorkbenchError if one is not a file, or
    has more than `largest` bytes (FILE_MB if None) when unpacked.
    """
    most = FILE_MB * MB if largest is None else largest
    opened, total = _opened(), 0
    for file in files:
        if not _is_in(opened, file):
            raise Outside(str(file), [file])
        if not _is_there(file):
            continue
        if not file.is_file():
            raise WorkbenchError(
                f"{file} is neither a file nor a folder; give the path of a file or folder."
            )
        size, suffix = file.stat().st_size, file.suffix.lower()
        if size <= most and suffix in (*PACKED, ".parquet"):
            size = max(size, _unpacked(str(file), state_of(file)))
        _check_size(file, size, most)
        total += size
    return total


def state_of(path: Path) -> str:
    """What tells one content of a file from another; the same for all files that are missing.

    A copy may keep the size and the time of writing, as `cp -p` and `rsync -t` do: it has another
    inode, or a later change of its status.
    """
    if not path.exists():
        return "missing"
    status = path.stat()
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _check_size(path: Path, size: int, most: int) -> None:
    if size > most:
        raise WorkbenchError(
            f"{path} has {size / MB:,.0f} MB or more when unpacked, and the limit is "
            f"{most / MB:,.0f} MB here; use the command line, `python -m workbench`, or take a "
            "part of the data."
        )


@st.cache_data(max_entries=32, show_spinner="Checking the size of the file ...")
def _unpacked(file: str, state: str) -> int:
    """Bytes of a packed file when unpacked, counted to just above the limit; 0 if it is damaged."""
    try:
        if file.lower().endswith(".parquet"):
            metadata = pq.read_metadata(file)
            groups = (metadata.row_group(k) for k in range(metadata.num_row_groups))
            size_of_groups = sum(group.total_byte_size for group in groups)
            return max(metadata.num_rows * ROW_BYTES, size_of_groups)
        counted = 0
        with pa.input_stream(file) as stream:  # unpacked as the ending of its name says
            while counted <= FILE_MB * MB and (block := stream.read(1 << 20)):
                counted += len(block)
        return counted
    except (OSError, pa.ArrowException):
        return 0  # the reader that opens it says what is wrong
