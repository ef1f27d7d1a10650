"""Pieces shared over ranks: what is measured is what one process measures.

Here ranks are threads that count in one store, each with models of its own.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch.distributed import HashStore

from analyses.diagnostic import Diagnostic
from analyses.running import measuring
from analyses.running.inputs import Inputs
from analyses.running.measuring import measured
from analyses.running.sharing import measure_shared, with_shared_cost
from analyses.running.store import Store
from tests.analyses.handmade import Handmade, data_of
from workbench.processes import Ranks

DATA = data_of([1, 2], [1, 3], [2, 3], [3, 1], [2, 5], [4, 1], [5, 2])
USERS = np.arange(7)
Watch = Callable[[str, int, int], object]


def diagnostic(name: str, before: Callable[[int], object] = lambda user: None) -> Diagnostic:
    """Measures lengths; `before` is called with every user."""

    def measure(model, cases, *, seed):
        for user in cases.users:
            before(int(user))
        return pd.DataFrame({"length": cases.batch.lengths.numpy(), "word": name})

    return Diagnostic(
        name=name,
        title=name,
        question="",
        measure=measure,
        findings=lambda results: [],
        tables=lambda results: {},
        summaries=lambda results: {},
        captions={},
    )


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(measuring, "PIECE", 2)


def given() -> Inputs:
    models = {"a": Handmade([1.0, 2, 3, 4, 5], "a"), "b": Handmade([2.0, 2, 3, 4, 5], "b")}
    return Inputs(DATA, models, USERS)


def shared(
    folder: Path, asked: Sequence[Diagnostic], size: int, watch: Watch, *, force: bool = False
) -> Ranks:
    """Run ranks to their end; the first of them."""
    counts = HashStore()
    ranks = [Ranks(number, size, counts) for number in range(size)]

    def run(here: Ranks) -> None:
        store = Store(folder, force=force)
        measure_shared(here, asked, given(), 0, store, watch)

    with ThreadPoolExecutor(size) as pool:
        list(pool.map(run, ranks))
    return ranks[0]


def quiet(name: str, done: int, total: int) -> None:
    pass


@pytest.mark.parametrize("size", [1, 2, 3])
def test_ranks_measure_what_one_process_measures(tmp_path, size):
    asked = [diagnostic("one"), diagnostic("other")]
    moments = []
    first = shared(tmp_path, asked, size, lambda *moment: moments.append(moment))
    for each in asked:
        alone = measured(each, given(), 0, None, quiet=True)
        collected = measured(each, given(), 0, Store(tmp_path), quiet=True)
        pd.testing.assert_frame_equal(collected.results.frame, alone.results.frame)
        assert (collected.pieces_made, collected.pieces_reused) == (0, 8)
        cost = with_shared_cost(collected, first)
        assert (cost.pieces_made, cost.pieces_reused) == (8, 0)
        assert max(done for name, done, _ in moments if name == each.name) == 14
    assert {total for *_, total in moments} == {14}


def test_what_a_killed_rank_had_finished_is_kept_for_another_number_of_ranks(tmp_path):
    asked: list[int] = []
    lock = threading.Lock()

    def killed(user: int) -> None:
        with lock:
            asked.append(user)
            if len(asked) >= 6:
                raise KeyboardInterrupt  # as torchrun ends all ranks when one is killed

    with pytest.raises(KeyboardInterrupt):
        shared(tmp_path, [diagnostic("one", killed)], 2, quiet)
    kept = len(list(tmp_path.iterdir()))
    assert kept >= 2
    again: list[int] = []
    shared(tmp_path, [diagnostic("one", again.append)], 3, quiet)
    assert len(list(tmp_path.iterdir())) == 8
    assert len(again) <= 14 - 2 * kept + 1  # the last piece of a model has one user


def test_what_fails_in_any_rank_fails_where_it_is_collected(tmp_path):
    def broken(user: int) -> None:
        if user == 3:
            raise RuntimeError("user 3")

    asked = [diagnostic("one", broken), diagnostic("other")]
    shared(tmp_path, asked, 2, quiet)
    with pytest.raises(RuntimeError, match="user 3"):
        measured(asked[0], given(), 0, Store(tmp_path), quiet=True)
    assert measured(asked[1], given(), 0, Store(tmp_path), quiet=True).pieces_made == 0


def test_a_forced_piece_that_fails_leaves_no_old_one(tmp_path):
    shared(tmp_path, [diagnostic("one")], 2, quiet)

    def broken(user: int) -> None:
        if user == 3:
            raise RuntimeError("user 3")

    shared(tmp_path, [diagnostic("one", broken)], 2, quiet, force=True)
    assert len(list(tmp_path.iterdir())) == 6


def test_a_diagnostic_that_no_model_can_serve_is_passed_over(tmp_path):
    needy = replace(diagnostic("needy"), needs_attention=True)
    inputs = given()
    for model in inputs.models.values():
        model.stages = ()
    measure_shared(Ranks(), [needy, diagnostic("one")], inputs, 0, Store(tmp_path), quiet)
    assert len(list(tmp_path.iterdir())) == 8
