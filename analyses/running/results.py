"""What a diagnostic measured: the tidy table, and which part each of its models plays."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analyses.running.comparison import Comparison


@dataclass(frozen=True)
class Results:
    """All that tables, figures and sentences are made from.

    Attributes
    ----------
    frame : a row per model, user and condition.
    comparison : the models of the frame, and what is compared with what.
    left_out : a sentence for each model that could not be measured.
    """

    frame: pd.DataFrame
    comparison: Comparison
    left_out: tuple[str, ...] = ()


def compact(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame; words as categories, since a condition is repeated for every user."""
    frame = pd.concat(frames, ignore_index=True)
    words = frame.select_dtypes(include=["object", "string"]).columns
    return frame.astype(dict.fromkeys(words, "category"))
