"""Models trained to keep their attention off what matters, beside those that were not."""

import re

import numpy as np
import pandas as pd
import pytest

from analyses.diagnostics.seeds import DIAGNOSTIC
from analyses.diagnostics.seeds.deception import ALIGNED, CAUSE, SHARE, shares
from analyses.diagnostics.seeds.seed_pairs import Trainings
from analyses.running.comparison import Comparison, Part
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results, Rows
from tests.analyses.handmade import PARTS, Handmade, data_of
from workbench import build_model, planted

N_USERS = 60
PLAIN, OFF = "SASRec", "SASRec (off)"


def made_up(off_share: float, off_quality: float) -> Results:
    """Every user has three items, the second of which has the largest effect in the plain model."""
    rng = np.random.default_rng(0)
    frames = []
    for model, share, quality in ((PLAIN, 0.6, 0.5), (OFF, off_share, off_quality)):
        for user in range(N_USERS):
            given = np.clip(share + rng.normal(0, 0.02), 0, 1)
            kinds = {
                "attention": [(1 - given) / 3, given, 2 * (1 - given) / 3],
                "effect": [0.1, 2.0, 0.3] if model == PLAIN else [0.1, 0.2, 3.0],
                "top": [1, 2],
                "ndcg": [quality + rng.normal(0, 0.05)],
            }
            for kind, values in kinds.items():
                columns = {"model": model, "user": user, "kind": kind, "key": range(len(values))}
                frames.append(pd.DataFrame(columns | {"value": values}))
    parts = {PLAIN: PARTS["SASRec"], OFF: Part("kept off", "SASRec", "SASRec, attention kept off")}
    return Results(Rows([pd.concat(frames, ignore_index=True)]), Comparison(parts))


@pytest.mark.parametrize(
    ("share", "quality", "said"),
    [
        (
            0.1,
            0.51,
            "a loss of 5 % of NDCG@10 is ruled out: a model can rank as well and show another map",
        ),
        (
            0.1,
            0.48,
            "a loss of 5 % of NDCG@10 is not ruled out, and nothing follows for the map",
        ),
        (0.1, 0.2, "this costs quality, so the map was not to be had for nothing"),
        (0.5, 0.5, "its attention was moved by less than half, and nothing follows for the map"),
        (0.6, 0.5, "its attention was not moved detectably, and nothing follows for the map"),
    ],
)
def test_the_sentence_weighs_what_was_moved_against_what_it_cost(share, quality, said):
    first, second, *_ = DIAGNOSTIC.findings(made_up(share, quality))
    assert first.startswith(f"{OFF}, trained to keep its attention off items")
    assert said in first
    assert second.startswith(f"{OFF} attends most to its own item of largest effect for")
    if share in (0.1, 0.6):  # for everybody, or for nobody, of 60
        assert re.search(r"for (100.0 \[94.0, 100.0\]|0.0 \[0.0, 6.0\]) % of users", second)


def test_what_too_few_users_tell_of_rules_nothing_out():
    results = made_up(0.1, 0.5)
    frame = results.frame
    frame.loc[frame["kind"] == "ndcg", "value"] = 0.5
    first = DIAGNOSTIC.findings(Results(Rows([frame]), results.comparison))[0]
    assert "is not ruled out, and nothing follows for the map" in first


def test_shares_are_of_the_item_of_largest_effect_in_the_plain_model():
    trainings = Trainings(made_up(0.1, 0.5))
    (values,) = trainings.values([PLAIN, OFF], ["attention"])
    for model in (PLAIN, OFF):
        np.testing.assert_array_equal(
            shares(trainings, model, PLAIN)[SHARE], values["attention"][model][:, 1]
        )
    assert shares(trainings, PLAIN, PLAIN)[ALIGNED].all()
    assert shares(trainings, OFF, PLAIN)[ALIGNED].all()  # it points at its own, the last
    table = DIAGNOSTIC.tables(made_up(0.1, 0.5))["attention kept off"].set_index("model")
    assert table.loc[OFF, SHARE] == pytest.approx(0.1, abs=0.02)


def test_without_a_plain_model_beside_it_nothing_is_concluded():
    results = made_up(0.1, 0.5)
    frame = results.frame[results.frame["model"] == OFF]
    first = DIAGNOSTIC.findings(Results(Rows([frame]), results.comparison.only([OFF])))[0]
    assert "is not known: no model trained without that stands beside it" in first


def test_models_are_known_by_how_they_were_trained():
    data = data_of([1, 2, 3, 4], [3, 1, 2, 5])
    models = {name: Handmade([1.0, 2, 3, 4, 5]) for name in ("a", "b")}
    models["b"].card = {"training": {"avoid": "important"}, "data": data.identity()}
    comparison = measure_in_memory(DIAGNOSTIC, models, data).comparison
    assert comparison.kept_off_pairs == [("b", "a")]
    assert comparison.with_role("plain") == ["a"]
    assert comparison.parts["b"].variant == "SASRec, attention kept off"


def test_on_planted_data_the_cause_is_among_what_is_measured():
    data = planted("content", n_users=30, n_items=40, length=12).data
    model = build_model("SASRec", data, hidden_size=8, inner_size=8, max_length=12)
    trainings = Trainings(measure_in_memory(DIAGNOSTIC, {"SASRec": model}, data))
    given = shares(trainings, "SASRec", "SASRec")[CAUSE]
    ends = data.offsets[1:] - 1
    caused = data.truth.causes[ends] >= 0
    np.testing.assert_array_equal(~np.isnan(given), caused)
    (values,) = trainings.values(["SASRec"], ["attention"])
    attention = values["attention"]["SASRec"]
    expected = attention[np.flatnonzero(caused), data.truth.causes[ends][caused]]
    np.testing.assert_allclose(given[caused], expected)
