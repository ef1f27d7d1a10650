"""What a diagnostic measured: the tidy table, and which part each of its models plays."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from analyses.running.comparison import Comparison
from analyses.running.store import Parts

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
        """The pieces of which rows are left; where there are none, one that has the columns."""
        first, found = None, False
        for frame in self.source:
            if first is None or not len(first):
                first = frame
            for step in self.steps:
                frame = step(frame) if len(frame) else frame
            if len(frame):
                found = True
                yield frame
        if first is not None and not found:
            for step in self.steps:
                first = step(first)
            yield first

    def map(self, step: Step) -> "Rows":
        """What a step makes of each piece."""
        return Rows(self.source, (*self.steps, step))

    def where(self, **values: object) -> "Rows":
        """The rows that have these values, by column."""

        def chosen(frame: pd.DataFrame) -> pd.DataFrame:
            for column, value in values.items():
                frame = frame[frame[column] == value]
            return frame

        model = values.get("model")
        if isinstance(model, str) and isinstance(self.source, Parts):
            return replace(self, source=self.source.of_model(model)).map(chosen)
        return self.map(chosen)

    def only(self, columns: Sequence[str]) -> "Rows":
        """These columns; where nothing was made of the pieces, no others are read."""
        if isinstance(self.source, Parts) and not self.steps:
            return replace(self, source=replace(self.source, columns=tuple(columns)))
        return self.map(lambda frame: frame[[*columns]])

    def renamed(self, labels: Mapping[str, str]) -> "Rows":
        """The same rows, with columns named for readers."""
        return self.map(lambda frame: frame.rename(columns=labels))

    def once(self, by: Sequence[str], columns: Sequence[str] = ()) -> pd.DataFrame:
        """The first row of every `by`, of which these columns are kept as well."""

        def first(frame: pd.DataFrame) -> pd.DataFrame:
            return frame.drop_duplicates([*by])

        return first(self.only([*by, *columns]).map(first).whole())

    @property
    def n_users(self) -> int:
        """How many users have any row."""
        return len(self.once(["user"]))

    def whole(self) -> pd.DataFrame:
        """All rows in memory: of few users or columns."""
        frames = list(self)
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
