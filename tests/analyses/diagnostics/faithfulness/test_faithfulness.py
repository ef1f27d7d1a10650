"""What moves the prediction, in a model whose causes are known, and in one whose map is a lie."""

import pandas as pd
import pytest

from analyses.diagnostics.faithfulness import DIAGNOSTIC
from analyses.diagnostics.faithfulness import importance_choices as choices
from analyses.diagnostics.faithfulness.faithfulness_figures import shown
from analyses.running.measuring import measure_in_memory
from tests.analyses.pointer import Pointer, made
from workbench import WorkbenchError


@pytest.fixture(scope="module", params=[True, False], ids=["honest", "lying"])
def measured(request):
    truth = made(n_users=40)
    model = Pointer(truth.effects, request.param)
    return request.param, measure_in_memory(DIAGNOSTIC, {"pointer": model}, truth.data)


def test_the_map_that_is_used_names_what_matters_and_the_other_does_not(measured):
    honest, results = measured
    rows = choices.of_model(results.rows, "pointer", choices.OWN)
    means = rows.groupby("importance", observed=True)["align"].mean()
    assert means["replacement"] == 1
    assert means["attention"] == (1 if honest else 0)
    assert means["recency"] == 0
    lost = rows.groupby("importance", observed=True)[choices.LOST].mean()
    if honest:
        assert lost["attention"] == pytest.approx(lost["replacement"])
    else:
        assert lost["attention"] < 0.8 * lost["replacement"]


def test_the_sentence_tells_one_from_the_other(measured):
    honest, results = measured
    first, *_ = DIAGNOSTIC.findings(results)
    told = "In pointer attention names the item that matters most to the score of the held-out item"
    assert first.startswith(f"{told} more often than any control") == honest


def test_where_causes_are_known_it_tells_who_names_them(measured):
    honest, results = measured
    rows = results.rows.where(control=choices.TRAINED, last="ranked").whole()
    named = rows.groupby(["target", "importance"], observed=True)["cause"].mean()
    assert named[choices.OWN].isna().all()
    assert named[choices.HELD_OUT]["replacement"] == 1
    assert named[choices.HELD_OUT]["attention"] == (1 if honest else 0)
    (told,) = (line for line in DIAGNOSTIC.findings(results) if "planted cause" in line)
    assert "replacement for 100.0 [" in told
    tables = DIAGNOSTIC.tables(results)
    column = "names the cause"
    assert column in tables["held-out item, replacement, last item ranked"]
    assert column not in tables["own recommendation, replacement, last item ranked"]


def test_every_column_is_in_the_tables_and_figures(measured):
    _, results = measured
    tables = DIAGNOSTIC.tables(results)
    assert "own recommendation, replacement, last item ranked" in tables
    figures = DIAGNOSTIC.summaries(results)
    assert {*figures} == {"deletion curves", "sufficiency curves", "first item"}
    assert set(figures["deletion curves"].table["at"]) == {1, 2, 3, 5}
    assert DIAGNOSTIC.by_user(results).n_users
    assert DIAGNOSTIC.exclusions(results)


def test_the_best_curve_is_best_by_what_is_drawn():
    """The layer names what matters most, the mean loses more without, a head less with it alone."""
    parts = ("attention", "attention layer 1", "attention layer 1 head 1")
    frame = pd.DataFrame(
        {"importance": parts, "user": 0, "align": [0.0, 1.0, 0.0]}
        | {choices.LOST: [3.0, 2.0, 1.0], choices.LEFT: [3.0, 2.0, 1.0]}
    )
    for kind, best in (("without", "attention"), ("alone", "attention layer 1 head 1")):
        assert shown(frame, kind, "replacement")["attention (best)"] == best


def test_halves_are_judged_by_what_the_other_half_chose():
    """Users at even places choose b, at odd ones a; each is judged by the other's choice."""
    wide = pd.DataFrame({"a": [0, 1, 0, 1], "b": [1, 0, 1, 0.0]}, index=[10, 11, 12, 13])
    assert choices.chosen_elsewhere(wide, ["a", "b"]).tolist() == [0, 0, 0, 0]
    assert choices.best(wide, ["a", "b"]) == "a"
    same = pd.DataFrame({"a": [1, 1, 1, 1], "b": [0, 0, 0, 0.0]})
    assert choices.chosen_elsewhere(same, ["b", "a"]).tolist() == [1, 1, 1, 1]


def test_where_no_user_has_a_number_nothing_is_chosen():
    values = pd.DataFrame({"attention": [float("nan")] * 2, "saliency": [0.5, 1.0]})
    assert choices.best(values, ["attention", "saliency"]) == "saliency"
    with pytest.raises(WorkbenchError, match=r"by which to choose from attention, as .*\.$"):
        choices.best(values, ["attention"])
