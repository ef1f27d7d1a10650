import re

import numpy as np
import pandas as pd
import pytest
import torch

from analyses.diagnostics.gradient_agreement.agreement_findings import (
    FLATTENED,
    METHOD,
    TARGET,
    TRAINED,
    beyond,
)
from analyses.diagnostics.gradient_agreement.agreement_measures import DIAGNOSTIC, completeness_gap
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results
from analyses.telling.wording import CONTRARY, NOT_SEEN, SEEN
from tests.analyses.handmade import SALIENCE, Handmade, data_of, results_of
from tests.models.variants import batch_of
from workbench.faithfulness.randomization import PERMUTED, SHUFFLED


def measure(salience, *sequences) -> Results:
    return measure_in_memory(DIAGNOSTIC, {"SASRec": Handmade(salience)}, data_of(*sequences))


def pick(results, method, target=TARGET, layer="mean", head="mean", control=TRAINED):
    frame = results.frame
    chosen = (
        (frame["method"] == method)
        & (frame["control"] == control)
        & (frame["target"] == target)
        & (frame["layer"] == layer)
        & (frame["head"] == head)
    )
    return frame[chosen].set_index("user").sort_index()


@pytest.fixture(scope="module")
def results() -> Results:
    return measure(SALIENCE, [1, 2, 3, 4, 5], [5, 1, 3, 2], [1, 2, 3], [3, 5, 1, 4, 2, 4])


def test_saliency_of_the_handmade_model_is_its_attention(results):
    # saliency = weight times a constant of the target, so the two orders are the same
    for target, layer, head in (
        (TARGET, "mean", "mean"),
        (TARGET, "1", "mean"),
        (TARGET, "1", "1"),
        ("own recommendation", "mean", "mean"),
    ):
        tau = pick(results, "saliency", target, layer, head)["tau"]
        np.testing.assert_allclose(tau.loc[[0, 1, 3]], 1)


def test_input_x_gradient_agrees_with_a_computation_by_hand(results):
    # user 0, target 5: weight * effect[item, 5] = 8*0, 4*2, 2*6, 1*7; attention 8, 4, 2, 1.
    # pairs: (0,8) - (0,12) - (0,7) - ; (8,12) - ; (8,7) + ; (12,7) + -> (2 - 4) / 6
    assert pick(results, "input_x_gradient")["tau"].loc[0] == pytest.approx(-1 / 3)


def test_integrated_gradients_of_a_linear_score_are_input_x_gradient_and_complete(results):
    path, direct = pick(results, "integrated_gradients"), pick(results, "input_x_gradient")
    np.testing.assert_allclose(path["tau"], direct["tau"])
    np.testing.assert_allclose(path["gap"], 0, atol=1e-6)  # Captum's steps: single precision


def test_completeness_is_missed_by_what_an_importance_leaves_over():
    model, batch = Handmade(SALIENCE), batch_of([1, 2, 3, 4])
    # weights 8, 4, 2, 1 over 15; score of item 5: (4 * 2 + 2 * 6 + 1 * 7) / 15 = 1.8
    importance = torch.tensor([[0.0, 8, 12, 7]]).double() / 15
    for left, gap in ((0.0, 0.0), (0.09, 0.05), (-0.9, 0.5)):
        moved = importance - torch.tensor([[left, 0, 0, 0]])
        found = completeness_gap(model, batch, torch.tensor([5]), moved)
        torch.testing.assert_close(found, torch.tensor([gap]).double())


class Saturating(Handmade):
    """Scores that rise too soon for any number of steps of integrated gradients to add up."""

    def score(self, hidden, items=None):
        scores = super().score(hidden, items)
        return scores + 50 * (50_000 * scores).tanh()


def test_integrated_gradients_that_do_not_add_up_are_left_out_and_counted():
    models = {"SASRec": Saturating(SALIENCE)}
    data = data_of([1, 2, 3, 4, 5], [2, 1, 3, 5], [1, 2, 3])
    results = measure_in_memory(DIAGNOSTIC, models, data)
    path = pick(results, "integrated_gradients")
    assert path["status"].to_dict() == {0: "incomplete", 1: "incomplete", 2: "short"}
    assert path[["tau", "p_value"]].isna().all(axis=None)
    assert (path["gap"].loc[[0, 1]] > 0.05).all()
    assert "left out: users, 2 in SASRec." in " ".join(DIAGNOSTIC.exclusions(results))


def test_controls_of_a_model_that_agrees_by_construction_agree_as_well():
    generator = np.random.default_rng(1)
    # saliency is a weight times a constant, whatever the weights are: agreement says nothing
    results = measure(SALIENCE, *(generator.permutation(5) + 1 for _ in range(60)))
    for control in (TRAINED, SHUFFLED, PERMUTED, FLATTENED):
        tau = pick(results, "saliency", control=control)["tau"]
        assert len(tau) == 60
        np.testing.assert_allclose(tau, 1, atol=1e-6)
    sentence, *_ = DIAGNOSTIC.findings(results)
    assert sentence == (
        "Whether in SASRec attention agrees with saliency of the held-out item (mean tau +1.000 "
        "for n = 60 users) more than in its controls, +1.000 with all weights shuffled and +1.000 "
        "with attention permuted: nothing changed for any of 60 users."
    )


def test_short_histories_have_no_tau_and_are_counted(results):
    rows = pick(results, "saliency")
    assert rows["status"].to_dict() == {0: "ok", 1: "ok", 2: "short", 3: "ok"}
    assert np.isnan(rows["tau"].loc[2])
    assert "1 had fewer than 3 items" in DIAGNOSTIC.exclusions(results)[0]


def test_constant_attention_has_no_tau_and_says_so():
    results = measure([1.0] * 5, [1, 2, 3, 4, 5], [5, 1, 3, 2])
    assert set(results.frame["status"]) == {"constant"}
    assert results.frame["tau"].isna().all()
    assert "constant within every history" in DIAGNOSTIC.findings(results)[0]


def test_where_all_histories_are_short_nobody_could_be_measured():
    results = measure(SALIENCE, [1, 2, 3], [5, 4])
    first, *_ = DIAGNOSTIC.findings(results)
    assert first == ("How far attention agrees with gradients in SASRec: nobody could be measured.")


def agreements(n=80, method=METHOD, controls=None, **levels: float) -> pd.DataFrame:
    """Taus about a level per model; and per control, about its level."""
    generator = np.random.default_rng(0)
    return pd.concat(
        pd.DataFrame(
            {"model": model.replace("_", "-"), "user": np.arange(n), "target": TARGET}
            | {"method": method, "layer": "mean", "head": "mean", "length": 9, "control": control}
            | {"draw": np.arange(n)}
            | {"tau": at + generator.normal(0, 0.1, n)}
            | {"p_value": 0.5, "gap": np.nan, "status": "ok"}
        )
        for model, level in levels.items()
        for control, at in {TRAINED: level, **((controls or {}).get(model, {}))}.items()
    )


@pytest.mark.parametrize(
    ("base", "calibrated", "claim"),
    [
        (
            0.2,
            0.4,
            f"{SEEN} AC-SASRec: its attention agrees with saliency more than that of SASRec",
        ),
        (0.4, 0.2, f"{CONTRARY} AC-SASRec: its attention agrees with saliency less than"),
        (0.2, 0.2, f"{NOT_SEEN} AC-SASRec: no difference from SASRec in agreement with saliency"),
    ],
)
def test_claims_follow_the_numbers(base, calibrated, claim):
    frame = agreements(SASRec=base, AC_SASRec=calibrated)
    sentences = DIAGNOSTIC.findings(results_of(frame))
    assert claim in sentences[0]
    assert "n = 80 users" in sentences[0]
    assert "not faithfulness" in sentences[-1]


@pytest.mark.parametrize(
    ("shuffled", "words", "doubt"),
    [
        (0.1, "between the same two with all weights shuffled it is +0.1", False),
        (0.3, "it is +0.3", True),
        (0.5, ", and what they learned moves it down (difference of the differences −0.", True),
    ],
)
def test_the_papers_claim_stands_beside_what_shuffled_weights_do(shuffled, words, doubt):
    controls = {"SASRec": {SHUFFLED: 0.0}, "AC_SASRec": {SHUFFLED: shuffled}}
    frame = agreements(400, controls=controls, SASRec=0.1, AC_SASRec=0.4)
    sentence = DIAGNOSTIC.findings(results_of(frame))[0]
    assert sentence.startswith(f"{SEEN} AC-SASRec: its attention agrees with saliency more")
    assert words in sentence
    assert ("so that agreeing more is no evidence of what was learned" in sentence) == doubt
    assert ("what they learned moves it up" in sentence) == (shuffled == 0.1)


def test_agreement_is_claimed_beyond_all_controls_alone():
    low, high = {SHUFFLED: 0.1, PERMUTED: 0.3, FLATTENED: -0.2}, {SHUFFLED: 0.5, PERMUTED: 0.1}
    for controls in (low, high):
        frame = agreements(controls={"SASRec": controls}, SASRec=0.4)
        sentence = DIAGNOSTIC.findings(results_of(frame))[0]
        claimed = "more than in any of its 2 controls" in sentence
        assert claimed == (controls is low)
        assert ("is no evidence of what it learned" in sentence) == (controls is high)
        assert ("flattened, agree at −0.2" in sentence) == (controls is low)
        assert "n = 80 users" in sentence
    assert "+0.49" in sentence
    assert "permuted" not in sentence  # which the model exceeds
    table = DIAGNOSTIC.tables(results_of(frame))["controls"].set_index("control")
    assert table["difference"].round(1).to_dict() == {SHUFFLED: -0.1, PERMUTED: 0.3}
    boxes = DIAGNOSTIC.summaries(results_of(frame))["distribution"].table
    assert boxes["row"].tolist() == [TRAINED, SHUFFLED, PERMUTED]
    assert boxes["estimate"].round(1).tolist() == [0.4, 0.5, 0.1]


def test_a_difference_is_of_the_users_whose_control_was_measured():
    frame = agreements(controls={"SASRec": {SHUFFLED: 0.1}}, SASRec=0.4)
    trained = frame["control"] == TRAINED
    frame.loc[trained & (frame["user"] >= 30), "tau"] = 0.0
    frame = frame[trained | (frame["user"] < 30)]
    results = results_of(frame)
    assert DIAGNOSTIC.tables(results)["controls"]["difference"].round(1).tolist() == [0.3]
    boxes = DIAGNOSTIC.summaries(results)["distribution"].table
    assert boxes["n"].tolist() == [30, 30]
    sentence = DIAGNOSTIC.findings(results)[0]
    mean, control, less = re.search(
        r"mean tau (.{6}) for n = 30 users.* (.{6}) with all weights shuffled \(.* (.{6}) \[",
        sentence,
    ).groups()
    assert float(mean) - float(control) == pytest.approx(float(less), abs=0.0011)


def test_intervals_cover_the_luck_of_the_draw():
    frame = agreements(controls={"SASRec": {SHUFFLED: 0.4, PERMUTED: 0.4}}, SASRec=0.4)
    generator = np.random.default_rng(3)
    shuffled = frame["control"] == SHUFFLED
    frame.loc[shuffled, "draw"] = np.arange(80) // 4
    luck = generator.normal(0, 0.3, 20)
    frame.loc[shuffled, "tau"] += luck[np.arange(80) // 4]
    found = beyond(results_of(frame).rows, "SASRec")
    users = frame.pivot(index="user", columns="control", values="tau")
    means = (users[TRAINED] - users[SHUFFLED]).groupby(np.arange(80) // 4).mean()
    assert found[SHUFFLED].estimate == pytest.approx(means.mean())
    assert found[SHUFFLED].standard_error == pytest.approx(means.std() / np.sqrt(20))
    assert found[SHUFFLED].standard_error > 3 * found[PERMUTED].standard_error
    assert found[SHUFFLED].n == found[PERMUTED].n == 80


def test_a_control_without_a_tau_has_no_level():
    frame = agreements(controls={"SASRec": {SHUFFLED: 0.4}}, SASRec=0.4)
    frame.loc[frame["control"] == SHUFFLED, "tau"] = np.nan
    sentence = DIAGNOSTIC.findings(results_of(frame))[0]
    assert re.search(
        r"tau \+0.4\d\d for n = 80 users\) more than in its controls: nobody", sentence
    )


def test_too_few_draws_are_not_called_users():
    frame = agreements(controls={"SASRec": {SHUFFLED: 0.2}}, SASRec=0.4)
    frame.loc[frame["control"] == SHUFFLED, "draw"] = np.arange(80) // 12
    sentence = DIAGNOSTIC.findings(results_of(frame))[0]
    assert sentence.endswith("too few draws of a control to tell (7, n = 80 users).")


def test_a_few_users_share_a_draw_and_all_have_one():
    generator = np.random.default_rng(1)
    results = measure(SALIENCE, *(generator.permutation(5) + 1 for _ in range(39)))
    draws = pick(results, METHOD, control=SHUFFLED)["draw"]
    assert draws.value_counts().tolist() == [6] * 4 + [5] * 3
    for control in (TRAINED, PERMUTED, FLATTENED):
        assert pick(results, METHOD, control=control)["draw"].is_unique


def test_where_input_x_gradient_vanishes_it_is_said():
    by_norm = agreements(SASRec=0.4, AC_SASRec=0.2)
    by_product = agreements(method="input_x_gradient", SASRec=0.3, AC_SASRec=0.3)
    by_product.loc[by_product["model"] == "AC-SASRec", ["tau", "p_value"]] = np.nan
    results = results_of(pd.concat([by_norm, by_product]))
    (vanishing,) = (s for s in DIAGNOSTIC.exclusions(results) if "Input x gradient says" in s)
    assert "says nothing of AC-SASRec:" in vanishing
    assert not any("nan" in s for s in DIAGNOSTIC.findings(results))
