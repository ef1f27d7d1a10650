"""The one error and the one warning a user is meant to read, and how they are printed."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class WorkbenchError(ValueError):
    """Bad input, told in one sentence: which file, where in it, and what to do about it."""


class WorkbenchWarning(UserWarning):
    """What to know before a result is believed, in one sentence."""


@contextmanager
def printed_warnings(echo: Callable[[str], object]) -> Iterator[None]:
    """While it lasts, each of our warnings is a line given to `echo`, as errors are on commands."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", WorkbenchWarning)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, WorkbenchWarning):
                echo(f"warning: {message}")
            else:
                others(message, category, *rest)

        warnings.showwarning = show  # type: ignore[assignment]
        yield


def ways(query: str, python: str) -> str:
    """How an option of `load_data` is given, in brackets: behind a path, or in Python."""
    return f"({query} behind the path, {python} in Python)"


def sentence(error: WorkbenchError | OSError) -> str:
    """What to print: of a full disk, or a folder that must not be written to, the path as well."""
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}."
    return str(error)
