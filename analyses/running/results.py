"""What a diagnostic measured: the tidy table, and which part each of its models plays."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analyses.running.comparison import Comparison
from analyses.running.store import Piece, PieceList

Step = Callable[[pd.DataFrame], pd.DataFrame]
ROOM = 2**29  # bytes of a table that are in memory at most while it is concluded from


@dataclass(frozen=True)
class _Where:
    """A step: the rows that have these values, by column."""

    values: Mapping[str, object]

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        matches = [(frame[column] == value).to_numpy() for column, value in self.values.items()]
        return frame[np.logical_and.reduce(matches)] if matches else frame


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
        rows, model = self, values.get("model")
        if isinstance(model, str) and isinstance(self.source, PieceList):
            rows = replace(self, source=self.source.of_model(model))
        return rows.map(_Where(values))

    def only(self, columns: Sequence[str]) -> "Rows":
        """These columns; where rows were chosen and nothing else made of them, no others are read.

        But for those that the rows were chosen by.
        """
        chosen = [step for step in self.steps if isinstance(step, _Where)]
        rows = self
        if isinstance(self.source, PieceList) and len(chosen) == len(self.steps):
            needed = tuple(dict.fromkeys([*columns, *(c for step in chosen for c in step.values)]))
            rows = replace(self, source=replace(self.source, columns=needed))
            if not chosen:
                return rows
        return rows.map(lambda frame: frame[[*columns]])

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

    def gathered(self) -> "Results":
        """The same for many passes over the rows: in memory as far as `ROOM` reaches.

        There pieces of one model become one, so that every step is taken once for all of them.
        """
        source = self.rows.source
        if not isinstance(source, PieceList):
            return self
        return replace(self, rows=replace(self.rows, source=_gathered(source)))


def of_users(results: Results, users: np.ndarray) -> Results:
    """The results of some users alone, as if there were no others.

    Parameters
    ----------
    results : of all users.
    users : [n] indices of those that are kept.
    """
    rows = results.rows.map(lambda frame: frame[frame["user"].isin(users)])
    return replace(results, rows=rows)


def _gathered(pieces: PieceList) -> PieceList:
    groups: list[list[pd.DataFrame]] = []
    models: list[str] = []
    alike, room = None, ROOM
    for frame, model in zip(pieces, pieces.models, strict=True):
        room -= int(frame.memory_usage().sum())
        if room < 0:
            break
        if (model, *_columns(frame)) == alike:
            groups[-1].append(frame)
        else:
            alike = (model, *_columns(frame))
            groups.append([frame])
            models.append(model)
    rest = slice(sum(map(len, groups)), None)
    joined: list[Piece] = [compact(frames) if len(frames) > 1 else frames[0] for frames in groups]
    return PieceList(
        [*joined, *pieces.pieces[rest]], [*models, *pieces.models[rest]], pieces.columns
    )


def _columns(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """The names and kinds of columns, by which pieces fit together."""
    return [(str(name), kind.name) for name, kind in frame.dtypes.items()]


def compact(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame; words as categories, since a condition is repeated for every user."""
    frame = pd.concat(frames, ignore_index=True)
    words = frame.select_dtypes(include=["object", "string"]).columns
    return frame.astype(dict.fromkeys(words, "category"))
