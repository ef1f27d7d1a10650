"""The Yelp open data set: reviews as JSON lines, with names of businesses in a second file."""

from pathlib import Path

from workbench.data.readers import jsonl
from workbench.data.readers.base import Interactions, Options, data_suffix
from workbench.data.readers.titles import optional
from workbench.errors import WorkbenchError

REVIEWS = "yelp_academic_dataset_review.json"
ROLES = {"user": "user_id", "item": "business_id", "time": "date"}


def detect(path: Path, encoding: str) -> bool:
    """Whether a folder holds the reviews, or a file has their fields."""
    if path.is_dir():
        return (path / REVIEWS).exists()
    return (
        path.is_file()
        and data_suffix(path) in (".json", ".jsonl")
        and set(ROLES.values()) <= set(jsonl.names(jsonl.head(path)))
    )


def read(path: Path, options: Options) -> Interactions:
    """Read the reviews file, or the one in a folder; names come from `..._business.json`.

    Raises
    ------
    WorkbenchError
        If columns are named, which are fixed, if a folder has no reviews, or if a line cannot be
        read.
    """
    if options.columns:
        raise WorkbenchError("Yelp reviews have fixed fields; leave columns out.")
    file = path / REVIEWS if path.is_dir() else path
    if not file.exists():
        raise WorkbenchError(f"{path} holds no {REVIEWS}.")
    businesses = file.with_name(file.name.replace("review", "business"))
    there = businesses != file and businesses.exists()
    titles, doubts = optional(
        businesses,
        lambda: (
            jsonl.read_titles(businesses, "business_id", "name", options.encoding)
            if there
            else None
        ),
    )
    known = jsonl.names(jsonl.head(file, options.encoding))
    return jsonl.read_interactions(file, ROLES, known, options, titles).doubted(doubts)
