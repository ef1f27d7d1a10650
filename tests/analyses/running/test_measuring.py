import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from analyses.diagnostic import Diagnostic
from analyses.running import measuring
from analyses.running.measuring import measured
from analyses.running.store import Store
from tests.analyses.handmade import Handmade, data_of


@dataclass
class Counting:
    """Measures nothing much, remembers what it was asked for, and dies when told to."""

    die_at: int = -1
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def diagnostic(self) -> Diagnostic:
        def measure(models, data, *, users, seed, progress):
            if len(self.asked) == self.die_at:
                raise KeyboardInterrupt
            self.asked.append((*models, *map(str, users)))
            progress(len(users) * len(models))
            return pd.concat(pd.DataFrame({"model": m, "user": users}) for m in models)

        return Diagnostic(
            "counting", "", "", measure, lambda f: {}, lambda f: {}, lambda f: [], lambda f: [], {}
        )


@pytest.fixture
def inputs(monkeypatch):
    monkeypatch.setattr(measuring, "CHUNK", 2)
    models = {"a": Handmade([1.0, 2, 3, 4, 5]), "b": Handmade([2.0, 2, 3, 4, 5])}
    return models, data_of([1, 2], [1, 3], [2, 3]), np.arange(3), 0


def test_after_a_kill_finished_pieces_are_not_measured_again(inputs, tmp_path):
    counting = Counting(die_at=3)
    with pytest.raises(KeyboardInterrupt):
        measured(counting.diagnostic(), *inputs, Store(tmp_path))
    assert counting.asked == [("a", "0", "1"), ("a", "2"), ("b", "0", "1")]

    again = Counting()
    result = measured(again.diagnostic(), *inputs, Store(tmp_path))
    assert again.asked == [("b", "2")]
    assert (result.pieces_made, result.pieces_reused) == (1, 3)
    assert result.frame.astype(str).to_numpy().tolist() == [
        [model, str(user)] for model in "ab" for user in range(3)
    ]


def test_only_what_changed_is_measured_again(inputs, tmp_path):
    models, *rest = inputs
    measured(Counting().diagnostic(), models, *rest, Store(tmp_path))
    changed = Counting()
    models = {**models, "b": Handmade([9.0, 2, 3, 4, 5])}
    measured(changed.diagnostic(), models, *rest, Store(tmp_path))
    assert changed.asked == [("b", "0", "1"), ("b", "2")]


def test_force_measures_everything_again(inputs, tmp_path):
    measured(Counting().diagnostic(), *inputs, Store(tmp_path))
    forced = Counting()
    measured(forced.diagnostic(), *inputs, Store(tmp_path, force=True))
    assert len(forced.asked) == 4


def test_where_nobody_watches_a_line_is_written_at_either_end(inputs, tmp_path, capsys):
    moments = []
    measured(
        Counting().diagnostic(), *inputs, Store(tmp_path), lambda *moment: moments.append(moment)
    )
    assert moments == [(0, 6), (2, 6), (3, 6), (5, 6), (6, 6)]
    first, last = capsys.readouterr().err.splitlines()
    assert first == "counting ..."
    assert re.fullmatch(r"counting: 6 users, \d+\.\d s", last)
