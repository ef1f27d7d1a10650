"""Where what is measured is kept, from which a command that was stopped goes on."""

from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.files import REPORTS, clear_partial, try_writing

CACHE = REPORTS / ".cache"


def check_keeping(folder: Path) -> None:
    """Refuse a folder in which pieces cannot be kept, before any is measured.

    What processes that have ended had begun to write in it is removed.

    Raises
    ------
    WorkbenchError
        If files cannot be written in it, or it cannot be made.
    """
    try:
        try_writing(folder)
        clear_partial(folder)
    except OSError as error:
        below = "" if folder.is_absolute() else f" below the current folder, {Path.cwd()}"
        raise WorkbenchError(
            f"what is measured is kept in {folder}{below}, which cannot be written to "
            f"({error.strerror}); run the command from a folder that can."
        ) from error
