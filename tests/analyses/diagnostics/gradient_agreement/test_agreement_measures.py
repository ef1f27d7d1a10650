import numpy as np
import pandas as pd
import pytest

from analyses.diagnostics.gradient_agreement.agreement_measures import DIAGNOSTIC
from tests.analyses.handmade import Handmade, data_of

SALIENCE = [8.0, 4.0, 2.0, 1.0, 16.0]


def measure(salience, *sequences):
    data = data_of(*sequences)
    return DIAGNOSTIC.measure(
        {"SASRec": Handmade(salience)},
        data,
        users=np.arange(data.n_users),
        seed=0,
        progress=lambda n: None,
    )


def pick(frame, method, target="held-out item", layer="mean", head="mean"):
    chosen = (
        (frame["method"] == method)
        & (frame["target"] == target)
        & (frame["layer"] == layer)
        & (frame["head"] == head)
    )
    return frame[chosen].set_index("user").sort_index()


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return measure(SALIENCE, [1, 2, 3, 4, 5], [5, 1, 3, 2], [1, 2, 3], [3, 5, 1, 4, 2, 4])


def test_saliency_of_the_handmade_model_is_its_attention(frame):
    # saliency = weight times a constant of the target, so the two orders are the same
    for target in ("held-out item", "own top item"):
        for layer, head in (("mean", "mean"), ("1", "mean"), ("1", "1")):
            tau = pick(frame, "saliency", target, layer, head)["tau"]
            np.testing.assert_allclose(tau.loc[[0, 1, 3]], 1)


def test_input_x_gradient_agrees_with_a_computation_by_hand(frame):
    # user 0, target 5: weight * effect[item, 5] = 8*0, 4*2, 2*6, 1*7; attention 8, 4, 2, 1.
    # pairs: (0,8) - (0,12) - (0,7) - ; (8,12) - ; (8,7) + ; (12,7) + -> (2 - 4) / 6
    assert pick(frame, "input_x_gradient")["tau"].loc[0] == pytest.approx(-1 / 3)


def test_integrated_gradients_of_a_linear_score_are_input_x_gradient_without_delta(frame):
    path, direct = pick(frame, "integrated_gradients"), pick(frame, "input_x_gradient")
    np.testing.assert_allclose(path["tau"], direct["tau"])
    np.testing.assert_allclose(path["delta"], 0, atol=1e-9)


def test_short_histories_have_no_tau_and_are_counted(frame):
    own = pick(frame, "saliency")
    assert own["status"].to_dict() == {0: "ok", 1: "ok", 2: "short", 3: "ok"}
    assert np.isnan(own["tau"].loc[2])
    assert "1 had fewer than 3 items" in DIAGNOSTIC.exclusions(frame)[0]


def test_constant_attention_has_no_tau_and_says_so():
    frame = measure([1.0] * 5, [1, 2, 3, 4, 5], [5, 1, 3, 2])
    assert set(frame["status"]) == {"constant"}
    assert frame["tau"].isna().all()
    assert "constant within every history" in DIAGNOSTIC.conclude(frame)[0]


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
    sentences = DIAGNOSTIC.conclude(frame)
    assert claim in sentences[0]
    assert all("n = 80 users" in s for s in sentences[:-1])
    assert "not faithfulness" in sentences[-1]


@pytest.mark.parametrize(
    ("level", "told"), [(0.4, "more than"), (-0.4, "less than"), (0.0, "no more than")]
)
def test_agreement_is_told_against_shuffled_attention(level, told):
    assert f"{told} shuffled attention" in DIAGNOSTIC.conclude(agreements(SASRec=level))[0]


def test_where_input_x_gradient_vanishes_it_is_told_and_not_compared():
    by_norm = agreements(SASRec=0.4, AC_SASRec=0.2)
    by_product = agreements(method="input_x_gradient", SASRec=0.3, AC_SASRec=0.3)
    by_product.loc[by_product["model"] == "AC-SASRec", ["tau", "null_tau", "p_value"]] = np.nan
    sentences = DIAGNOSTIC.conclude(pd.concat([by_norm, by_product]))
    claims = [s for s in sentences if "paper" in s]
    assert len(claims) == 1
    assert "(saliency, paired difference of tau −0.2" in claims[0]
    told = [s for s in sentences if "Input x gradient says nothing of" in s]
    assert len(told) == 1
    assert "AC-SASRec:" in told[0]
    assert not any("nan" in s for s in sentences)


def test_where_both_methods_have_values_the_claim_is_told_by_both():
    both = [
        agreements(method=m, SASRec=0.2, AC_SASRec=0.4) for m in ("saliency", "input_x_gradient")
    ]
    claims = [s for s in DIAGNOSTIC.conclude(pd.concat(both)) if "As the paper reports" in s]
    assert ["saliency" in claims[0], "input x gradient" in claims[1]] == [True, True]
