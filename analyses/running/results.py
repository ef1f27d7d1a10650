"""What a diagnostic measured: the tidy table, and which part each of its models plays."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from analyses.running.comparison import Comparison

Step = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Rows:
    """A tidy table that is read piece by piece, so that it need not be in memory as a whole.

    All rows of one kind that a model has of a user are in one piece. What is worked out of every
    model and user by itself can therefore be worked out of each piece.

    Attributes
    ----------
    source : the pieces, read anew whenever they are iterated over.
    steps : what is made of each.
    """

    source: Iterable[pd.DataFrame]
    steps: tuple[Step, ...] = ()

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """The pieces that have rows; where none has, the last of them."""
        empty, found = None, False
        for frame in self.source:
            if len(frame):
                found = True
                yield self._made(frame)
            else:
                empty = frame
        if empty is not None and not found:
            yield self._made(empty)

    def _made(self, frame: pd.DataFrame) -> pd.DataFrame:
        for step in self.steps:
            frame = step(frame)
        return frame

    def map(self, step: Step) -> "Rows":
        """What a step makes of each piece."""
        return Rows(self.source, (*self.steps, step))

    def whole(self) -> pd.DataFrame:
        """All rows in memory: of few users or columns."""
        frames = list(self)
        frames = [frame for frame in frames if len(frame)] or frames[:1]
        return frames[0] if len(frames) == 1 else compact(frames)


@dataclass(frozen=True)
class Results:
    """All that tables, figures and sentences are made from.

    Attributes
    ----------
    rows : a row per model, user and condition.
    comparison : the models of the rows, and what is compared with what.
    left_out : a sentence for each model that could not be measured.
    """

    rows: Rows
    comparison: Comparison
    left_out: tuple[str, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """All rows in memory: of few users, or of a diagnostic with a row per model and user."""
        return self.rows.whole()


def compact(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame; words as categories, since a condition is repeated for every user."""
    frame = pd.concat(frames, ignore_index=True)
    words = frame.select_dtypes(include=["object", "string"]).columns
    return frame.astype(dict.fromkeys(words, "category"))
