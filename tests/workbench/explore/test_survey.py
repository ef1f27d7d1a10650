"""The survey of every user, against one user looked at alone."""

import numpy as np
import pandas as pd
import pytest
import torch

from tests.analyses.handmade import Handmade, data_of, rank_by_hand
from workbench import build_model
from workbench.data import planted
from workbench.data.batches import make_batch
from workbench.data.splits import held_out_cases
from workbench.errors import WorkbenchError
from workbench.explore.inspection import METHODS, inspect_case
from workbench.explore.prediction import divergence, predict
from workbench.explore.scenario import Change, Scenario
from workbench.explore.survey import listed, ranked_apart, survey


@pytest.mark.parametrize("hide_seen", [False, True])
@pytest.mark.parametrize("name", ["SASRec", "AC-SASRec"])
def test_a_row_says_what_inspecting_the_user_says(name, hide_seen):
    data = planted(n_users=7, n_items=40, length=12, n_causes=4).data
    torch.manual_seed(1)
    model = build_model(name, data, hidden_size=8, inner_size=8, max_length=9).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    done: list[int] = []
    table = survey(model, data, hide_seen=hide_seen, batch_size=3, progress=done.append)
    assert done == [3, 3, 1]
    assert table["user"].tolist() == list(range(7))
    for row in table.itertuples():
        case = make_batch(data, held_out_cases(data, 9, [row.user]))
        held_out = int(data.history(row.user)[-1])
        seen = {int(item) for item in data.history(row.user)[:-1]} if hide_seen else set()
        found = inspect_case(model, case, held_out, hidden=seen)
        assert row.length == len(data.history(row.user)) - 1
        assert row.rank == found.rank(held_out)
        tau = found.agreement(found.matrix("attention")[-1], METHODS[0]).tau
        assert row.tau == pytest.approx(tau, abs=1e-12)
        scenario = Scenario.of(data, row.user)
        before, after = (
            predict(model, each, hide_seen=hide_seen)
            for each in (scenario, scenario.apply(Change("largest")))
        )
        assert row.flips == (before.top(1) != after.top(1))
        assert row.divergence == pytest.approx(divergence(before, after), abs=1e-6)


def test_numbers_known_by_hand():
    """Salience 1, 2, 1: saliency ranks as attention does, and item 2 has the largest weight."""
    table = survey(Handmade([1.0, 2.0, 1.0, 1.0, 1.0]), data_of([1, 2, 3, 4], [1, 4], [5]))
    assert table["user"].tolist() == [0, 1]  # the last has no test case
    assert table["length"].tolist() == [3, 1]
    assert table["rank"].tolist() == [
        rank_by_hand({1: 1, 2: 2, 3: 1}, 4),
        rank_by_hand({1: 1}, 4),
    ]
    assert table["tau"][0] == pytest.approx(1)
    assert np.isnan(table["tau"][1])
    # before (3 + 1, 8, 2 + 5, 9, 4 + 6) / 4: item 5; after (3 + 1, 0, 5, 9, 6) / 2: item 4
    assert table["flips"].tolist() == [True, False]


def test_users_who_are_named_are_measured_in_order():
    data = data_of(*[[1, 2]] * 30, [3])
    assert survey(Handmade([1.0] * 5), data, np.array([4, 2]))["user"].tolist() == [2, 4]


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user": [0, 1, 2, 3],
            "length": [3, 9, 1, 5],
            "rank": [4, 11, 1, 300],
            "tau": [0.5, -0.2, np.nan, 0.1],
            "flips": [True, False, True, True],
            "divergence": [0.1, 0.9, 0.3, 0.2],
        }
    )


@pytest.mark.parametrize(
    ("listing", "users"),
    [
        ("disagree", [1, 3, 0]),
        ("flip", [2, 3, 0]),
        ("right", [2, 0]),
        ("wrong", [3, 1]),
    ],
)
def test_lists_begin_with_the_most_telling(table, listing, users):
    assert listed(table, listing)["user"].tolist() == users


def test_where_two_models_differ_most(table):
    other = table.assign(rank=[5, 1, 1, 150])
    assert ranked_apart(table, other)["user"].tolist() == [1, 3, 0, 2]
    assert ranked_apart(other, table)["rank_second"].tolist() == [11, 300, 4, 1]


def test_what_cannot_be_surveyed(table):
    with pytest.raises(WorkbenchError, match="SASRec knows 5 items and hand has 6"):
        survey(Handmade([1.0] * 5), data_of([1, 2], n_items=6))
    with pytest.raises(WorkbenchError, match="no list 'x'"):
        listed(table, "x")
