"""The one error and the one warning that a user is meant to read, and how they are printed."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

from workbench.writing import plain


class WorkbenchError(ValueError):
    """Bad input, described in one sentence: which file, where in it, and what to do about it."""


class WorkbenchWarning(UserWarning):
    """What to know before a result is believed, in one sentence."""


@contextmanager
def printed_warnings(echo: Callable[[str], object]) -> Iterator[None]:
    """Give each of our warnings to `echo` as a line while the block runs, as for errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", WorkbenchWarning)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, WorkbenchWarning):
                echo(plain(f"warning: {message}"))
            else:
                others(message, category, *rest)

        warnings.showwarning = show  # type: ignore[assignment]
        yield


def loaded(thing: object, by: str, known_by: str) -> None:
    """See whether something was loaded, and is neither what it is loaded from nor something else.

    Parameters
    ----------
    thing : a model, or data.
    by : the function of `workbench` that makes it.
    known_by : an attribute that it has then.

    Raises
    ------
    WorkbenchError
        If it is a name or a path, or has no such attribute, as where arguments were swapped.
    """
    if isinstance(thing, str | Path):
        raise WorkbenchError(f"{str(thing)!r} is a name or a path; give what {by} makes of it.")
    if not hasattr(thing, known_by):
        raise WorkbenchError(
            f"a {type(thing).__name__} was given in the place of what {by} makes; see the order of "
            "the arguments."
        )


def one_of(option: str, value: object, words: Iterable[str]) -> None:
    """See whether the value of an option is one of the words that it may be.

    Parameters
    ----------
    option, value : as they were given, `option=value`.
    words : all that it may be.

    Raises
    ------
    WorkbenchError
        If it is none of them.
    """
    known = tuple(words)
    if value not in known:
        raise WorkbenchError(f"{option}={value!r} is not known; choose from {', '.join(known)}.")


def check_split(split: str) -> None:
    """See whether the targets of a split were held out of training.

    Raises
    ------
    WorkbenchError
        If it is neither valid nor test.
    """
    if split not in ("valid", "test"):
        raise WorkbenchError(f"no split {split!r} to evaluate; choose valid or test.")


def whole(option: str, value: object, least: int = 1) -> None:
    """See whether the value of an option is a whole number.

    Parameters
    ----------
    option, value : as they were given, `option=value`.
    least : what it may be.

    Raises
    ------
    WorkbenchError
        If it is another kind of thing, or smaller.
    """
    fits = isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least
    if not fits:
        raise WorkbenchError(f"{option}={value!r}; give a whole number, {least} or more.")


def several(option: str, value: object) -> None:
    """See whether an option for several words was not given one, whose letters would be taken.

    Raises
    ------
    WorkbenchError
        If it was.
    """
    if isinstance(value, str):
        raise WorkbenchError(
            f"{option}={value!r} is a word, where a list of them is expected; give [{value!r}]."
        )


def ways(query: str, python: str) -> str:
    """How an option of `load_data` is given, in brackets: behind a path, or in Python.

    Parameters
    ----------
    query : the option behind a path.
    python : the same option in Python.
    """
    return f"({query} behind the path, {python} in Python)"


def sentence(error: WorkbenchError | OSError) -> str:
    """The sentence to print for an error; for one of the file system, the path and its reason."""
    if isinstance(error, OSError):
        return plain(f"{error.filename or 'a file'}: {error.strerror or error}.")
    return plain(str(error))
