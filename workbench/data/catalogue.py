"""Data sets known by name, and where they are found."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from workbench.data.address import planting, split
from workbench.data.planted_settings import RULES
from workbench.errors import WorkbenchError
from workbench.files import expanded

DATA_VARIABLE = "ATTENTION_WORKBENCH_DATA"
ML_100K = "ml-100k"  # which is fetched


@dataclass(frozen=True)
class Known:
    """A data set known by name.

    Attributes
    ----------
    name : what it is called in `load_data`.
    n_users, n_items, n_interactions : counts after the usual filters.
    obtain : how to get it, as a part of a sentence.
    """

    name: str
    n_users: int
    n_items: int
    n_interactions: int
    obtain: str


KNOWN = {
    known.name: known
    for known in (
        Known(ML_100K, 943, 1_682, 100_000, "fetched at first use, then cached"),
        Known(
            "planted",
            2_000,
            200,
            33_003,
            "generated, causes known; or planted:RULE",
        ),
        Known(
            "amazon-beauty",
            22_363,
            12_101,
            198_502,
            "RecBole files or 5-core reviews of Amazon 2014",
        ),
        Known(
            "amazon-sports-outdoors",
            *(35_598, 18_357, 296_337),
            "RecBole files or 5-core reviews of Amazon 2014",
        ),
        Known(
            "amazon-toys-games",
            *(19_412, 11_924, 167_597),
            "RecBole files or 5-core reviews of Amazon 2014",
        ),
        Known(
            "yelp", 30_431, 20_033, 316_354, "RecBole files of a slice of the Yelp open data set"
        ),
    )
}
"""Data sets by name, with their counts and how each is obtained."""
BUILT_IN = (ML_100K, *(f"planted:{rule}" for rule in RULES))  # what there is to choose from


def is_built_in(source: str) -> bool:
    """Whether data are not read from a file of the user's: ml-100k, or planted in any way.

    Raises
    ------
    WorkbenchError
        If there is no such rule of planted data, or no such option.
    """
    return planting(source) is not None or split(source)[0] == ML_100K


def check_source(source: str) -> None:
    """Refuse what `load_data` would not find, before anything is read or fetched.

    Raises
    ------
    WorkbenchError
        If there is no such file, rule of planted data, or option of either.
    """
    if not is_built_in(source):
        locate(split(source)[0])


def place_of(source: str) -> Path | None:
    """The file or folder that data are read from; None where there is none that can be found."""
    try:
        return None if is_built_in(source) else locate(split(source)[0])
    except WorkbenchError:
        return None


def named_folder() -> list[Path]:
    """The folder of data that the environment names; none if it names none."""
    named = os.environ.get(DATA_VARIABLE)
    return [Path(named)] if named else []


def candidates(source: str | Path) -> list[Path]:
    """Where a path or a name may be, in the order in which `locate` looks."""
    return [folder / expanded(source) for folder in _searched()]


def _searched() -> list[Path]:
    return [Path(), Path("data"), *named_folder()]


def locate(source: str | Path) -> Path:
    """The file or folder meant by a path, or by a name under ./data or $ATTENTION_WORKBENCH_DATA.

    Raises
    ------
    WorkbenchError
        If there is none; the message names the known data sets and similar paths. Also if `source`
        cannot be a path, or is a device or a pipe.
    """
    name = str(source)
    try:
        if not name.strip():
            raise FileNotFoundError
        found = next(path for path in candidates(source) if path.exists())
    except (StopIteration, FileNotFoundError):
        raise WorkbenchError(_not_found(name)) from None
    except (OSError, ValueError) as error:
        raise WorkbenchError(
            f"{name[:80]!r} is no path: {error}; name a file or folder."
        ) from error
    if not (found.is_file() or found.is_dir()):  # a device, or a pipe, which is read only once
        raise WorkbenchError(f"{name} is neither a file nor a folder; save its lines to a file.")
    return found


def _not_found(name: str) -> str:
    if name in KNOWN:
        return (
            f"{name} is not here; get it ({KNOWN[name].obtain}) and give its path, or put it into "
            f"./data or the folder named by {DATA_VARIABLE}."
        )
    path = expanded(name)
    if path.is_symlink():
        return f"{name} is a link to {path.readlink()}, which is not there; give the file itself."
    beside = path.parent if path.parent.is_dir() else Path(".")
    there = {known: known for known in KNOWN}
    there |= {entry.name: str(entry) for folder in (beside, *_searched()) if folder.is_dir()
              for entry in folder.iterdir()
              if not entry.name.startswith(".") and entry.exists()}  # fmt: skip
    alike = [there[match] for match in difflib.get_close_matches(path.name, there, n=3)]
    hint = f"; did you mean {' or '.join(dict.fromkeys(alike))}?" if alike else "."
    return f"{name!r} is neither a file nor a known data set ({', '.join(KNOWN)}){hint}"
