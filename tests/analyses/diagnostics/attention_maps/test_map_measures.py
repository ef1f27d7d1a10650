import numpy as np
import pandas as pd
import pytest

from analyses.diagnostics.attention_maps.heatmaps import _matrix
from analyses.diagnostics.attention_maps.map_measures import DIAGNOSTIC, chosen
from analyses.report.page import readable
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results
from tests.analyses.handmade import SALIENCE, Handmade, data_of


@pytest.fixture(scope="module")
def results() -> Results:
    data = data_of([1, 2, 3, 5], [2, 4], [1, 3, 4, 5, 2, 1], [5, 3, 2, 1, 4, 4, 2])
    models = {"SASRec": Handmade(SALIENCE), "even": Handmade([1.0] * 5, attention="uniform")}
    return measure_in_memory(DIAGNOSTIC, models, data)


@pytest.fixture(scope="module")
def frame(results) -> pd.DataFrame:
    return results.frame


def rows_of(frame, kind, user, model="SASRec"):
    return frame[(frame["kind"] == kind) & (frame["user"] == user) & (frame["model"] == model)]


def test_weights_by_distance_and_entropy_are_those_set_by_hand(frame):
    by_distance = rows_of(frame, "distance", 0).set_index("key")["value"]
    np.testing.assert_allclose(by_distance.loc[[2, 1, 0]], np.array([8, 4, 2]) / 14)
    p = np.array([8, 4, 2]) / 14
    assert rows_of(frame, "entropy", 0)["value"].item() == pytest.approx(-(p * np.log(p)).sum())
    even = rows_of(frame, "entropy", 0, "even")["value"].item()
    assert even == pytest.approx(np.log(3))


def test_the_least_possible_entropy_is_a_bound_without_an_interval(results):
    table = DIAGNOSTIC.tables(results)["entropy by layer"]
    header, rows = readable(table)
    assert {row[header.index("least possible %")] for row in rows} == {"0.0000"}
    assert "least possible % low" not in table


def test_padding_and_the_future_are_never_shrows_of(frame):
    shown = frame[frame["kind"] == "weight"]
    assert (shown["key"] <= shown["query"]).all()
    assert (shown["query"] < shown["length"]).all()
    rows = shown.groupby(["model", "choice", "query"], observed=True)["value"].sum()
    np.testing.assert_allclose(rows, 1)
    assert not shown["title"].astype(str).str.contains("pad").any()


def test_users_shown_have_highest_median_and_lowest_agreement():
    candidates = pd.DataFrame(
        {"user": [9, 8, 7, 6, 5, 4], "length": [9, 9, 9, 9, 9, 2]}
        | {"tau": [0.1, 0.5, np.nan, -0.4, 0.5, 0.9]}
    )
    assert chosen(candidates) == {"highest": (5, 0.5), "median": (9, 0.1), "lowest": (6, -0.4)}


def test_a_model_that_sees_less_is_aligned_at_the_last_item():
    weights = pd.DataFrame({"query": [0, 1, 1], "key": [0, 0, 1], "value": [1.0, 0.25, 0.75]})
    matrix = _matrix(weights, 4)
    np.testing.assert_array_equal(matrix[3], [np.nan, np.nan, 0.25, 0.75])
    assert np.isnan(matrix[:2]).all()


def test_sentences_name_the_bound_only_where_there_is_one(results):
    spread, last = DIAGNOSTIC.findings(results)  # the uniform model needs none
    assert "cannot fall below" not in spread
    assert "n = 3 users" in spread  # one history has a single item
    assert last == (
        "Whether SASRec gives the last item another weight than uniform attention would give it: "
        "too few users to tell (3 of 3 changed)."
    )
