import numpy as np
import pandas as pd
import pytest

from analyses.diagnostics.gradient_agreement.agreement_measures import DIAGNOSTIC
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results
from tests.analyses.handmade import Handmade, data_of, results_of

SALIENCE = [8.0, 4.0, 2.0, 1.0, 16.0]


def measure(salience, *sequences) -> Results:
    return measure_in_memory(DIAGNOSTIC, {"SASRec": Handmade(salience)}, data_of(*sequences))


def pick(results, method, target="held-out item", layer="mean", head="mean"):
    frame = results.frame
    chosen = (
        (frame["method"] == method)
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
    for target in ("held-out item", "own top item"):
        for layer, head in (("mean", "mean"), ("1", "mean"), ("1", "1")):
            tau = pick(results, "saliency", target, layer, head)["tau"]
            np.testing.assert_allclose(tau.loc[[0, 1, 3]], 1)


def test_input_x_gradient_agrees_with_a_computation_by_hand(results):
    # user 0, target 5: weight * effect[item, 5] = 8*0, 4*2, 2*6, 1*7; attention 8, 4, 2, 1.
    # pairs: (0,8) - (0,12) - (0,7) - ; (8,12) - ; (8,7) + ; (12,7) + -> (2 - 4) / 6
    assert pick(results, "input_x_gradient")["tau"].loc[0] == pytest.approx(-1 / 3)


def test_integrated_gradients_of_a_linear_score_are_input_x_gradient_without_delta(results):
    path, direct = pick(results, "integrated_gradients"), pick(results, "input_x_gradient")
    np.testing.assert_allclose(path["tau"], direct["tau"])
    np.testing.assert_allclose(path["delta"], 0, atol=1e-6)  # Captum's steps: single precision


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


def test_shuffled_attention_scores_at_chance():
    generator = np.random.default_rng(1)
    sequences = [generator.permutation(5) + 1 for _ in range(400)]
    null = pick(measure(SALIENCE, *sequences), "saliency")["null_tau"]
    # tau over 4 items has variance 2 (2n + 5) / (9 n (n - 1)) = 26 / 108
    assert abs(null.mean()) < 4 * np.sqrt(26 / 108 / 400)
    assert null.var() == pytest.approx(26 / 108, rel=0.2)


def agreements(n=80, method="saliency", **levels: float) -> pd.DataFrame:
    noises = np.random.default_rng(0).normal(0, 0.1, (1 + len(levels), n))
    return pd.concat(
        pd.DataFrame(
            {"model": model.replace("_", "-"), "user": np.arange(n), "target": "held-out item"}
            | {"method": method, "layer": "mean", "head": "mean", "length": 9}
            | {"tau": level + noise, "null_tau": noises[-1]}
            | {"p_value": 0.5, "delta": np.nan, "status": "ok"}
        )
        for (model, level), noise in zip(levels.items(), noises, strict=False)
    )


@pytest.mark.parametrize(
    ("base", "calibrated", "claim"),
    [
        (0.2, 0.4, "As the paper reports, attention agrees with gradients more in AC-SASRec"),
        (0.4, 0.2, "Against the paper, attention agrees with gradients less in AC-SASRec"),
        (0.2, 0.2, "no difference in agreement with gradients was detected"),
    ],
)
def test_claims_follow_the_numbers(base, calibrated, claim):
    frame = agreements(SASRec=base, AC_SASRec=calibrated)
    sentences = DIAGNOSTIC.findings(results_of(frame))
    assert claim in sentences[0]
    assert all("n = 80 users" in s for s in sentences[:-1])
    assert "not faithfulness" in sentences[-1]


@pytest.mark.parametrize(
    ("level", "words"), [(0.4, "more than"), (-0.4, "less than"), (0.0, "no more than")]
)
def test_agreement_is_compared_with_shuffled_attention(level, words):
    assert (
        f"{words} shuffled attention"
        in DIAGNOSTIC.findings(results_of(agreements(SASRec=level)))[0]
    )


def test_where_input_x_gradient_vanishes_it_is_said_and_not_compared():
    by_norm = agreements(SASRec=0.4, AC_SASRec=0.2)
    by_product = agreements(method="input_x_gradient", SASRec=0.3, AC_SASRec=0.3)
    by_product.loc[by_product["model"] == "AC-SASRec", ["tau", "null_tau", "p_value"]] = np.nan
    sentences = DIAGNOSTIC.findings(results_of(pd.concat([by_norm, by_product])))
    claims = [s for s in sentences if "paper" in s]
    assert len(claims) == 1
    assert "(saliency, paired difference of tau −0.2" in claims[0]
    (vanishing,) = (s for s in sentences if "Input x gradient says nothing of" in s)
    assert "AC-SASRec:" in vanishing
    assert not any("nan" in s for s in sentences)


def test_where_both_methods_have_values_the_claim_is_made_by_both():
    both = [
        agreements(method=m, SASRec=0.2, AC_SASRec=0.4) for m in ("saliency", "input_x_gradient")
    ]
    claims = [
        s for s in DIAGNOSTIC.findings(results_of(pd.concat(both))) if "As the paper reports" in s
    ]
    assert ["saliency" in claims[0], "input x gradient" in claims[1]] == [True, True]
