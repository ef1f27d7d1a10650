"""One process at a time trains into a folder."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.files import write_file

HELD = ".training-"  # how the file of a process begins; its host and its id follow


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder while the block runs, so that no other process trains into it.

    A process names itself in a file of its own before it looks for others, so that two that begin
    at once never both go on. The file of a process that has ended holds nothing.

    Raises
    ------
    WorkbenchError
        If another process holds it.
    """
    host, process = socket.gethostname(), os.getpid()
    mine = folder / f"{HELD}{host}-{process}"
    write_file(mine, str(_started(process)).encode())
    try:
        for theirs in folder.glob(f"{HELD}*"):
            if theirs == mine:
                continue
            other, _, number = theirs.name.removeprefix(HELD).rpartition("-")
            if other == host and not _runs(int(number), theirs):
                theirs.unlink(missing_ok=True)
                continue
            where = "" if other == host else f" on {other}"
            raise WorkbenchError(
                f"{folder}: process {number}{where} is training there; wait for it, end it, or "
                f"choose another folder (if it has ended, delete {theirs})."
            )
        yield
    finally:
        mine.unlink(missing_ok=True)


def _runs(process: int, theirs: Path) -> bool:
    """Whether the process that wrote a file runs, and not another that was given its id."""
    began = _started(process)
    return began is not None and began == _text(theirs)


def _started(process: int) -> str | None:
    """When a process of this machine began, in ticks; None where it has ended."""
    stat = _text(Path(f"/proc/{process}/stat"))
    if stat is None:
        return None
    state, *numbers = stat.rpartition(")")[2].split()  # a name may hold spaces
    return None if state in "ZX" else numbers[18]


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
