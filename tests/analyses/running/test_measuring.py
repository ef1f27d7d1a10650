import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from analyses.diagnostic import Diagnostic, discover
from analyses.running import measuring
from analyses.running.inputs import Inputs
from analyses.running.measuring import measure_in_memory, measured
from analyses.running.results import Results
from analyses.running.store import Store
from tests.analyses.handmade import Handmade, data_of
from workbench import WorkbenchError, WorkbenchWarning, adapt


@dataclass
class Counting:
    """Measures the index of each user, remembers whom it was asked for, and dies when it is to."""

    die_at: int = -1
    asked: list[tuple[str, ...]] = field(default_factory=list)
    chosen: list[Results] = field(default_factory=list)

    def diagnostic(self) -> Diagnostic:
        def measure(model, cases, *, seed):
            if len(self.asked) == self.die_at:
                raise KeyboardInterrupt
            assert not model.training
            self.asked.append((model.config.name, *map(str, cases.users)))
            return pd.DataFrame({"length": cases.batch.lengths.numpy()})

        return Diagnostic(
            name="counting",
            title="Counting",
            question="",
            measure=measure,
            findings=lambda results: [],
            tables=lambda results: {},
            summaries=lambda results: {},
            captions={},
        )

    def with_examples(self) -> Diagnostic:
        def examples(models, data, results):
            self.chosen.append(results)
            user = results.frame["user"].max()
            return pd.DataFrame({"model": list(models), "user": user, "length": -1})

        return replace(self.diagnostic(), examples=examples)


@pytest.fixture
def inputs(monkeypatch):
    monkeypatch.setattr(measuring, "PIECE", 2)
    models = {"a": Handmade([1.0, 2, 3, 4, 5], "a"), "b": Handmade([2.0, 2, 3, 4, 5], "b")}
    return Inputs(data_of([1, 2], [1, 3], [2, 3]), models, np.arange(3))


def test_after_a_kill_finished_pieces_are_not_measured_again(inputs, tmp_path):
    counting = Counting(die_at=3)
    with pytest.raises(KeyboardInterrupt):
        measured(counting.diagnostic(), inputs, 0, Store(tmp_path))
    assert counting.asked == [("a", "0", "1"), ("a", "2"), ("b", "0", "1")]

    again = Counting()
    result = measured(again.diagnostic(), inputs, 0, Store(tmp_path))
    assert again.asked == [("b", "2")]
    assert (result.pieces_made, result.pieces_reused) == (1, 3)
    assert result.results.frame.astype(str).to_numpy().tolist() == [
        [model, str(user), "1"] for model in "ab" for user in range(3)
    ]


def test_only_what_changed_is_measured_again(inputs, tmp_path):
    measured(Counting().diagnostic(), inputs, 0, Store(tmp_path))
    changed = Counting()
    other = replace(inputs, models={**inputs.models, "b": Handmade([9.0, 2, 3, 4, 5], "b")})
    measured(changed.diagnostic(), other, 0, Store(tmp_path))
    assert changed.asked == [("b", "0", "1"), ("b", "2")]


def test_examples_are_measured_once_all_users_are_and_stored(inputs, tmp_path):
    counting = Counting()
    for made, reused in ((5, 0), (0, 5)):
        result = measured(counting.with_examples(), inputs, 0, Store(tmp_path))
        assert (result.pieces_made, result.pieces_reused) == (made, reused)
        frame = result.results.frame
        assert frame[frame["length"] == -1].astype(str).to_numpy().tolist() == [
            ["a", "2", "-1"],
            ["b", "2", "-1"],
        ]
    (results,) = counting.chosen
    assert results.frame["user"].tolist() == [0, 1, 2, 0, 1, 2]
    assert results.comparison.names == ["a", "b"]


def test_force_measures_everything_again(inputs, tmp_path):
    measured(Counting().diagnostic(), inputs, 0, Store(tmp_path))
    forced = Counting()
    measured(forced.diagnostic(), inputs, 0, Store(tmp_path, force=True))
    assert len(forced.asked) == 4


def test_where_nobody_watches_a_line_is_written_at_either_end(inputs, tmp_path, capsys):
    moments = []
    measured(
        Counting().diagnostic(), inputs, 0, Store(tmp_path), lambda *moment: moments.append(moment)
    )
    assert moments == [(0, 6), (2, 6), (3, 6), (5, 6), (6, 6)]
    first, last = capsys.readouterr().err.splitlines()
    assert first == "counting ..."
    assert re.fullmatch(r"counting: 6 measurements, \d+\.\d s", last)


def test_in_memory_nothing_is_shown_and_all_users_with_a_case_are_measured(inputs, capsys):
    data = data_of([1, 2], [3], [2, 3])
    results = measure_in_memory(Counting().diagnostic(), inputs.models, data)
    assert results.frame["user"].tolist() == [0, 2, 0, 2]
    assert capsys.readouterr() == ("", "")
    with pytest.raises(WorkbenchError, match="u1 of hand has no item before the held-out one"):
        measure_in_memory(Counting().diagnostic(), inputs.models, data, np.array([1]))


def test_in_memory_a_model_of_other_data_is_warned_of(inputs):
    models, data = inputs.models, inputs.data
    models["b"].card = {"data": {"checksum": "another"}}
    with pytest.warns(WorkbenchWarning, match="^b learned from other data than hand"):
        measure_in_memory(Counting().diagnostic(), models, data)


def scorer(name: str, **parts):
    return adapt(
        lambda batch: torch.ones(len(batch.items), 6), n_items=5, max_length=9, name=name, **parts
    )


@pytest.mark.parametrize("diagnostic", discover().values(), ids=lambda d: d.name)
def test_models_that_cannot_serve_are_left_out_in_a_sentence(diagnostic):
    data = data_of([1, 2, 3, 4, 5], [5, 1, 3, 2], [3, 2, 4, 1, 5, 2])
    models = {"popular": scorer("Popular"), "SASRec": Handmade([8.0, 4, 2, 1, 16])}
    results = measure_in_memory(diagnostic, models, data)
    needs = diagnostic.needs_attention or diagnostic.needs_gradients
    assert results.comparison.names == (["SASRec"] if needs else ["popular", "SASRec"])
    assert set(results.frame["model"]) == set(results.comparison.names)
    assert len(results.left_out) == needs
    for sentence in results.left_out:
        assert sentence.startswith(f"{diagnostic.title} leaves out popular: Popular ")
        assert sentence.endswith(".")
    assert diagnostic.findings(results)


def test_without_any_model_that_can_serve_there_is_one_error():
    data = data_of([1, 2, 3])
    diagnostic = replace(Counting().diagnostic(), needs_attention=True)
    with pytest.raises(WorkbenchError, match="Counting leaves out popular: Popular has no attent"):
        measure_in_memory(diagnostic, {"popular": scorer("Popular")}, data)


def test_siblings_are_measured_where_a_diagnostic_compares_seeds(inputs):
    models, data = inputs.models, inputs.data
    siblings = {"a": {"a seed 1": Handmade([3.0, 2, 1, 4, 5], "a")}}
    across = replace(Counting().diagnostic(), across_seeds=True)
    results = measure_in_memory(across, models, data, siblings=siblings)
    assert results.comparison.names == ["a", "b"]
    assert results.comparison.trainings("a") == ["a", "a seed 1"]
    assert results.comparison.trainings("b") == ["b"]
    assert results.frame["model"].value_counts().to_dict() == {"a": 3, "b": 3, "a seed 1": 3}
    results = measure_in_memory(Counting().diagnostic(), models, data, siblings=siblings)
    assert set(results.frame["model"]) == {"a", "b"}
    assert results.comparison.trainings("a") == ["a"]


def test_of_many_pieces_none_is_kept_in_memory(inputs, tmp_path, monkeypatch):
    few = measured(Counting().with_examples(), inputs, 0, Store(tmp_path)).results
    monkeypatch.setattr(measuring, "HELD", 3)
    many = measured(Counting().with_examples(), inputs, 0, Store(tmp_path)).results
    assert all(isinstance(part, pd.DataFrame) for part in few.rows.source.pieces)
    assert all(isinstance(part, Path) for part in many.rows.source.pieces)
    for one, other in zip(few.rows, many.rows, strict=True):
        pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(many.frame, few.frame)


def test_users_in_another_order_or_named_twice_are_the_same_users(monkeypatch, inputs):
    """So that a sample of them is the same, too, and the same as in a report."""
    monkeypatch.setattr(measuring, "PIECE", 1024)
    models, data = inputs.models, inputs.data
    asked = []

    def measure(model, cases, *, seed):
        asked.append((cases.users.tolist(), cases.in_sample.tolist()))
        return pd.DataFrame({"length": cases.batch.lengths.numpy()})

    monkeypatch.setattr("analyses.running.held_out.SAMPLE", 2)
    diagnostic = replace(Counting().diagnostic(), measure=measure)
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0, 1, 1]):
        measure_in_memory(diagnostic, {"a": models["a"]}, data, np.array(order))
    assert asked[0] == asked[1] == asked[2]
    assert sum(asked[0][1]) == 2


@pytest.mark.parametrize(
    ("measure", "told"),
    [
        (lambda model, cases, seed: [1.0], "is of the type list; give a DataFrame"),
        (
            lambda model, cases, seed: pd.DataFrame({"x": [1.0]}).loc[[0] * 4],
            "has 4 rows for 2 users; say whose each is by a column user",
        ),
        (
            lambda model, cases, seed: pd.DataFrame({"user": cases.data.user_ids[cases.users]}),
            "has rows of user .u[01]., who is none of those asked for",
        ),
        (
            lambda model, cases, seed: pd.DataFrame({"user": cases.users, "model": "mine"}),
            "has a column model, in which the name of the model is written",
        ),
    ],
)
def test_what_is_measured_has_to_be_a_table_of_these_users(inputs, measure, told):
    diagnostic = replace(Counting().diagnostic(), measure=measure)
    with pytest.raises(WorkbenchError, match=f"what counting measures {told}"):
        measure_in_memory(diagnostic, inputs.models, inputs.data, inputs.users[:2])
