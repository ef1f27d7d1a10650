"""One question per file or folder, by whose name it is known; each exposes `DIAGNOSTIC`."""

import pkgutil
from collections.abc import Iterable

from workbench.errors import WorkbenchError


def names() -> list[str]:
    """What the diagnostics are called, none of which is imported for it."""
    return [info.name for info in pkgutil.iter_modules(__path__)]


def check_names(given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse names that no diagnostic has.

    Parameters
    ----------
    given : the names.
    known : those that there are.

    Raises
    ------
    WorkbenchError
        If there is none of a name.
    """
    known = list(known)
    for name in given:
        if name not in known:
            raise WorkbenchError(f"no diagnostic is called {name!r}; known are {', '.join(known)}.")
