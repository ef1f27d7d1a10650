"""Measuring a diagnostic piece by piece, reusing every piece that is stored."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import pandas as pd

from analyses.diagnostic import Diagnostic, Measure
from analyses.running.code import code_hash
from analyses.running.comparison import Comparison
from analyses.running.held_out import HeldOutCases, held_out_batches
from analyses.running.inputs import NONE, Inputs, check_seed, inputs_at_hand
from analyses.running.results import Results, Rows, compact
from analyses.running.store import HELD, Piece, PieceList, Store, piece_key
from models import Recommender
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.model import Model, weights_hash, with_attention, with_gradients
from workbench.phrases import counted
from workbench.progress_bars import progress_bar

PIECE = 1024  # users in a piece


@dataclass(frozen=True)
class Measured:
    """What was measured for a diagnostic, and what it cost.

    Attributes
    ----------
    code : the hash of the code that measured it.
    pieces_made, pieces_reused : how many were measured now, and how many were stored.
    """

    diagnostic: Diagnostic
    results: Results
    code: str
    seconds: float
    pieces_made: int
    pieces_reused: int


@dataclass(frozen=True)
class Unmeasured:
    """A diagnostic that could not be measured, and why."""

    diagnostic: Diagnostic
    error: Exception


def measure_in_memory(
    diagnostic: Diagnostic,
    models: Mapping[str, Model],
    data: SequenceData,
    users: np.ndarray | None = None,
    seed: int = 0,
    siblings: Mapping[str, Mapping[str, Model]] = NONE,
) -> Results:
    """Measure a diagnostic on models at hand, and store nothing.

    Parameters
    ----------
    diagnostic : what is measured.
    models : by the name that they are to have in tables and sentences.
    data : where the users come from.
    users : indices, in any order; by default all who have a test case.
    seed : of what is drawn at random.
    siblings : the same training with other seeds, by the name of the model and then by its own;
        measured where the diagnostic asks for them.

    Warns
    -----
    WorkbenchWarning
        If a model may not fit the data.

    Raises
    ------
    WorkbenchError
        As in `inputs_at_hand` and `measured`.
    """
    seed = check_seed(seed)
    inputs = inputs_at_hand(models, data, users, siblings)
    for sentence in inputs.notices:
        warnings.warn(sentence, WorkbenchWarning, stacklevel=2)
    return measured(diagnostic, inputs, seed, None, quiet=True).results


def measured(
    diagnostic: Diagnostic,
    inputs: Inputs,
    seed: int,
    store: Store | None,
    watch: Callable[[int, int], object] = lambda done, total: None,
    *,
    quiet: bool = False,
) -> Measured:
    """Measure every piece that is not stored, storing each as soon as it is there.

    Parameters
    ----------
    diagnostic, inputs, seed : what is measured, of whom, and the seed of what is random.
    store : where pieces are kept; None keeps none.
    watch : called with the users done, counted for each model, and how many these are in all.
    quiet : whether to show no progress.

    Raises
    ------
    WorkbenchError
        If none of the models can be measured, a user has no test case, or what is measured is no
        table of these users.
    """
    start = perf_counter()
    pieces = Pieces(diagnostic, inputs, seed, store, held=HELD)
    who, users = pieces.who, inputs.users
    kept: list[Piece] = []
    done, total = 0, len(who.everyone) * len(users)
    with progress_bar(total, diagnostic.name, "measurement", quiet=quiet) as bar:

        def step(n: int) -> None:
            nonlocal done
            done += n
            bar.update(n)
            watch(done, total)

        step(0)
        for name, members in pieces.members:
            kept.append(pieces.of_users(name, members, step))
        comparison = Comparison.of(
            who.models, {name: [*each] for name, each in who.related.items()}
        )
        names = [name for name, _ in pieces.members]
        results = Results(Rows(PieceList(tuple(kept), names)), comparison, who.left_out)
        if diagnostic.examples is not None:
            kept.append(pieces.of_examples(results, users))
            results = replace(results, rows=Rows(PieceList(kept, [*names, ""])))
    return Measured(
        diagnostic, results, pieces.code, perf_counter() - start, pieces.made, pieces.reused
    )


def measure_piece(
    measure: Measure,
    name: str,
    model: Model,
    data: SequenceData,
    users: np.ndarray,
    seed: int,
    step: Callable[[int], object],
) -> pd.DataFrame:
    """The rows of one model and some users, batch by batch.

    Parameters
    ----------
    measure : what is measured of each batch.
    name : of the model, in the rows.
    model, data, users, seed : what is measured; users are indices.
    step : called with the number of users done, once for each batch.
    """
    frames = []
    for cases in held_out_batches(model, data, users, seed=seed):
        frame = measure(model, cases, seed=seed)
        frames.append(frame if "user" in frame else frame.assign(user=cases.users))
        step(len(cases.users))
    frame = pd.concat(frames, ignore_index=True).assign(model=name)
    first = ["model", "user"]
    return compact([frame[[*first, *(c for c in frame.columns if c not in first)]]])


class Pieces:
    """The pieces of a diagnostic, each measured or taken from a store, and counted.

    They are handed on in memory where they are no more than `held`, or where there is no store;
    else as files.

    Attributes
    ----------
    who : whom the diagnostic is measured on.
    members : of each piece the name of its model and its users.
    made, reused : how many were measured, and how many were taken from the store.
    """

    def __init__(
        self,
        diagnostic: Diagnostic,
        inputs: Inputs,
        seed: int,
        store: Store | None,
        *,
        held: int,
    ) -> None:
        self.who = participants(diagnostic, inputs)
        self.diagnostic, self.data, self.seed, self.store = diagnostic, inputs.data, seed, store
        self.models = self.who.everyone
        self.members = [
            (name, inputs.users[start : start + PIECE])
            for name in self.models
            for start in range(0, len(inputs.users), PIECE)
        ]
        self.held = len(self.members) <= held
        self.made = self.reused = 0
        self.weights: dict[str, str] = {}
        self.code = ""
        if store is not None:
            self.weights = {name: weights_hash(model) for name, model in self.models.items()}
            self.code = measuring_code(diagnostic, self.models)

    def of_users(self, name: str, users: np.ndarray, step: Callable[[int], object]) -> Piece:
        """What is measured of one model and some users."""
        key = self._key([name], users, self.code)
        piece = self._stored(key)
        if piece is not None:
            step(len(users))
            return piece
        measure, model = _checked(self.diagnostic), self.models[name]
        return self._keep(
            key, measure_piece(measure, name, model, self.data, users, self.seed, step)
        )

    def of_examples(self, results: Results, users: np.ndarray) -> Piece:
        """What is measured of a few users, chosen by what was measured of all."""
        examples = self.diagnostic.examples
        assert examples is not None
        code = code_hash([examples]) if self.store is not None else ""
        models = {name: self.models[name] for name in results.comparison.names}
        key = self._key(list(models), users, self.code + code)
        piece = self._stored(key)
        if piece is None:
            piece = self._keep(key, compact([examples(models, self.data, results)]))
        return piece

    def _key(self, names: list[str], users: np.ndarray, code: str) -> str:
        if self.store is None:
            return ""
        weights = {name: self.weights[name] for name in names}
        return piece_key(self.diagnostic.name, weights, self.data, users, self.seed, code)

    def _stored(self, key: str) -> Piece | None:
        frame = self.store.get(key) if self.store is not None else None
        self.reused += frame is not None
        return None if frame is None else self._piece(key, frame)

    def _keep(self, key: str, frame: pd.DataFrame) -> Piece:
        self.made += 1
        if self.store is not None:
            self.store.put(key, frame)
        return self._piece(key, frame)

    def _piece(self, key: str, frame: pd.DataFrame) -> Piece:
        return frame if self.held or self.store is None else self.store.path(key)


def _checked(diagnostic: Diagnostic) -> Measure:
    """The measure of a diagnostic; what it gives is looked at, batch by batch."""

    def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
        frame: object = diagnostic.measure(model, cases, seed=seed)
        told = f"what {diagnostic.name} measures"
        if not isinstance(frame, pd.DataFrame):
            raise WorkbenchError(
                f"{told} is of the type {type(frame).__name__}; give a DataFrame, a row per user "
                "and condition."
            )
        if "model" in frame:
            raise WorkbenchError(
                f"{told} has a column model, in which the name of the model is written; call it "
                "otherwise."
            )
        if "user" not in frame and len(frame) != len(cases.users):
            raise WorkbenchError(
                f"{told} has {counted(len(frame), 'row')} for {counted(len(cases.users), 'user')}; "
                "say whose each is by a column user, of `cases.users`."
            )
        if "user" in frame and not frame["user"].isin(cases.users).all():
            other = frame["user"][~frame["user"].isin(cases.users)].tolist()[0]
            raise WorkbenchError(
                f"{told} has rows of user {other!r}, who is none of those asked for; the column "
                "user holds indices, as `cases.users` does."
            )
        return frame

    return measure


def measuring_code(diagnostic: Diagnostic, models: Mapping[str, Model]) -> str:
    """The hash of all code that measures these models.

    What the diagnostic and the loop around it reach, and the models: all of `models`, and for
    others the module of their class, since no name leads there.
    """
    foreign = {type(m).__module__ for m in models.values() if not isinstance(m, Recommender)}
    return code_hash([diagnostic.measure, measure_piece], ["models", *sorted(foreign)])


@dataclass(frozen=True)
class Participants:
    """Who takes part in a diagnostic.

    Attributes
    ----------
    models : those that it can be measured on.
    related : their siblings, where it compares seeds.
    left_out : a sentence for each other model.
    """

    models: dict[str, Model]
    related: dict[str, Mapping[str, Model]]
    left_out: tuple[str, ...]

    @property
    def everyone(self) -> dict[str, Model]:
        """The models, and then their siblings."""
        siblings = {name: m for each in self.related.values() for name, m in each.items()}
        return {**self.models, **siblings}


def participants(diagnostic: Diagnostic, inputs: Inputs) -> Participants:
    """Who takes part in a diagnostic.

    Raises
    ------
    WorkbenchError
        If none of the models can be measured.
    """
    able: dict[str, Model] = {}
    left_out = []
    for name, model in inputs.models.items():
        try:
            if diagnostic.needs_attention:
                with_attention(model)
            if diagnostic.needs_gradients:
                with_gradients(model)
            able[name] = model
        except WorkbenchError as error:
            left_out.append(f"{diagnostic.title} leaves out {name}: {error}")
    if not able:
        raise WorkbenchError(" ".join(left_out) or "no model to measure was given.")
    related = {name: inputs.siblings.get(name, {}) for name in able if diagnostic.across_seeds}
    return Participants(able, related, tuple(left_out))
