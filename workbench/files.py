"""Files and folders that are there whole or not at all, however the writing ends."""

import hashlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.errors import WorkbenchError

REPORTS = Path("reports")  # in the current folder, unless another is named
LARGEST_JSON = 20_000_000  # bytes of a model's card or a manifest that are read
ASIDE = ".partial-"  # how names of what is being written begin; the process and its host follow


def expanded(path: str | Path) -> Path:
    """The path with `~` as a home folder; where it names nobody's, with a `~` like any other."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """A file to write, beside `path`, which takes its place when the block ends.

    If the block fails, the file that was there stays as it was, and a folder that was made for the
    new file is removed. Other readers see the old file or the new one, never a part.
    """
    made = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    # named like the file, since some writers go by the ending
    handle, name = tempfile.mkstemp(f"-{path.name}", _aside(os.getpid()), path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        aside.chmod(0o666 & ~_umask())  # some writers keep the file to its owner
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        if made:
            with suppress(OSError):
                path.parent.rmdir()
        raise


def checksum(path: Path) -> str:
    """SHA-256 of a file, of any size.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; its folder is made if it is missing."""
    with replaced_file(path) as aside:
        aside.write_bytes(content)


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, beside `path`, which takes its place when the block ends.

    What was at `path` is there until then, and stays if the block fails. Where `path` is a link to
    a folder, that folder is replaced, and the link stays.
    """
    path = followed(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_aside(os.getpid()), dir=path.parent) as aside:
        folder = Path(aside) / path.name
        folder.mkdir()
        yield folder
        if path.exists():
            shutil.move(path, Path(aside) / "earlier")
        os.replace(folder, path)


def clear_partial(folder: Path) -> None:
    """Remove what processes of this host that have ended had begun to write in a folder."""
    for left in folder.glob(f"{ASIDE}*"):
        process = left.name.removeprefix(ASIDE).partition("@")[0]
        if not process.isdecimal() or not left.name.startswith(_aside(int(process))):
            continue  # of another host, whose processes are not known here
        if _runs(int(process)):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _aside(process: int) -> str:
    """How the names begin of what a process of this host is writing."""
    return f"{ASIDE}{process}@{socket.gethostname()}@"


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def followed(path: Path) -> Path:
    """Where a folder is, or will be, that a link may name.

    Parameters
    ----------
    path : of the folder, or of the link.
    """
    return Path(os.path.realpath(path))


def file_name(text: str) -> str:
    """Text as the name of a file or folder: what such a name may not hold becomes a hyphen."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")


def try_writing(folder: Path) -> None:
    """Write a file that is gone at once in a folder, or where the folder will be made.

    Raises
    ------
    OSError
        If that cannot be done.
    """
    place = next(each for each in (folder, *folder.parents) if each.exists())
    tempfile.TemporaryFile(dir=place).close()


def check_writable(folder: Path) -> None:
    """Make a folder that will be filled, before the work for it is done.

    What processes that have ended had begun to write in it is removed.

    Raises
    ------
    WorkbenchError
        If it cannot be made, or files cannot be written in it or beside it.
    """
    place = followed(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for each in (place.parent, place):
            try_writing(each)
        clear_partial(place)
    except OSError as error:
        raise not_written(folder, error) from error


def check_apart(out: Path, read: Iterable[Path]) -> None:
    """Refuse to write where something that is read would be lost.

    Parameters
    ----------
    out : the file or folder that will be written.
    read : the files and folders that are read.

    Raises
    ------
    WorkbenchError
        If `out` is one of these, or a file within one of these folders.
    """
    place = out.resolve()
    for source in read:
        within = out.is_file() and source.resolve() in place.parents
        if within or place == source.resolve() or (out.exists() and out.samefile(source)):
            raise WorkbenchError(f"{out} is read from; choose another place to write to.")


def check_replaceable(path: Path, *begins: bytes) -> None:
    """Refuse a file that would be replaced, if it holds something else yet.

    Parameters
    ----------
    path : of the file, which need not be there.
    begins : how what may be replaced begins; one of these.

    Raises
    ------
    WorkbenchError
        If it is a folder, or a file that begins otherwise.
    """
    if path.is_dir():
        raise WorkbenchError(f"{path} is a folder; give a file.")
    if path.exists():
        with path.open("rb") as file:
            first = file.read(max(map(len, begins)))
            if first and not first.startswith(begins):
                raise WorkbenchError(f"{path} holds something else; give a file of another name.")


def not_written(path: Path, error: Exception) -> WorkbenchError:
    """The error to raise if something could not be written to a place."""
    reason = getattr(error, "strerror", None) or error
    return WorkbenchError(f"{path} cannot be written to: {reason}; choose another folder.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
