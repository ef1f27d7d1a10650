"""Whether an importance finds the planted cause."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from analyses.judging import labels
from models import ModelConfig, make_model
from tests.workbench.tiny import data_of
from workbench import WorkbenchError
from workbench.data.truth import Truth


def data():
    """The last item of the users was caused at 1; at 0 and 3; by chance; at 0; and at 3."""
    made = data_of(
        [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [6, 7, 8, 9, 1], [1, 2, 3, 4, 5, 6]
    )
    causes, second = np.full(26, -1), np.full(26, -1)
    causes[[4, 9, 19, 25]], second[9] = [1, 0, 0, 3], 3
    return replace(made, truth=Truth(causes, second))


def model(**options):
    torch.manual_seed(0)
    return make_model(ModelConfig("tiny", 12, 4, hidden_size=8, inner_size=8, **options)).eval()


def test_cases_are_those_whose_causes_are_read():
    cases = labels.caused_cases(data(), 4)
    assert cases.users.tolist() == [0, 1, 3, 4]
    assert cases.targets.tolist() == [5, 5, 1, 6]
    # the first item of user 4 is not read
    assert [row.nonzero()[:, 0].tolist() for row in cases.causes] == [[1], [0, 3], [0], [2]]
    assert cases.batch.items[3].tolist() == [2, 3, 4, 5]
    # nor are the first of the others by a model that reads three
    assert labels.caused_cases(data(), 3).users.tolist() == [0, 4]
    assert labels.caused_cases(data(), 1) is None


def test_without_causes_there_are_no_cases():
    nothing = np.full(26, -1)
    assert labels.caused_cases(replace(data(), truth=Truth(nothing, nothing)), 4) is None
    with pytest.raises(WorkbenchError, match="carries no causes"):
        labels.caused_cases(replace(data(), truth=None), 4)


def test_of_many_cases_some_are_drawn(monkeypatch):
    monkeypatch.setattr(labels, "CASES", 2)
    assert len(labels.caused_cases(data(), 4).users) == 2


def test_recency_finds_what_was_last():
    cases = labels.caused_cases(data(), 4)
    (row,) = labels.truth_table(model(), cases, ["recency"]).to_dict("records")
    assert (row["n"], row["top1"]) == (4, 0.25)
    assert row["found"] == row["recency"] == 0.125  # one of two causes, of one of four users
    assert row["rank"] == pytest.approx((3 + 2.5 + 4 + 2) / 4)
    assert row["chance"] == pytest.approx((1 + 2 + 1 + 1) / 16)
    assert row["above recency, at least"] == 0


def test_uniform_attention_scores_chance():
    cases = labels.caused_cases(data(), 4)
    (row,) = labels.truth_table(model(attention="uniform"), cases, ["attention"]).to_dict("records")
    assert row["found"] == row["top1"] == pytest.approx(row["chance"])
    assert labels.label(row) == "unfaithful"


def test_what_the_model_gets_right_is_counted_apart():
    cases = labels.caused_cases(data(), 4)
    made = model()
    best = made.scores(cases.batch).argmax(1)
    cases = replace(cases, targets=torch.where(torch.arange(4) < 2, best, best % 12 + 1))
    (row,) = labels.truth_table(made, cases, ["recency"]).to_dict("records")
    assert row["hit@1"] == 0.5
    assert row["found where right"] == 0.25  # one of the two causes of one of the first two


GOOD = {
    "n": 300,
    "hit@1": 0.9,
    "found": 0.95,
    "found where right": 0.97,
    "chance": 0.06,
    "recency": 0.4,
    "above chance, at least": 0.8,
    "above recency, at least": 0.5,
}


@pytest.mark.parametrize(
    ("changed", "label"),
    [
        ({}, "faithful"),
        ({"hit@1": 0.3}, "partly"),
        ({"found": 0.8, "found where right": 0.85}, "partly"),
        ({"found": 0.45}, "unfaithful"),
        ({"found": 0.15, "recency": 0.0}, "unfaithful"),
        ({"above recency, at least": -0.01, "found": 0.55}, "partly"),
        ({"recency": 0.95, "found": 1.0, "above recency, at least": 0.02}, "faithful"),
        ({"recency": 0.95, "found": 0.95, "above recency, at least": 0.0}, "partly"),
        ({"recency": 0.95, "found": 0.85, "above recency, at least": -0.2}, "unfaithful"),
        ({"n": 0}, "unfaithful"),
    ],
)
def test_labels(changed, label):
    assert labels.label(GOOD | changed) == label
