"""The null experiment: nothing differs in it, and a report claims as rarely as it should."""

import numpy as np
import pandas as pd
import pytest

from analyses.diagnostic import discover
from analyses.diagnostics import boost
from analyses.diagnostics.faithfulness.importance_choices import HELD_OUT, SIZES
from analyses.diagnostics.gradient_agreement.agreement_findings import (
    FLATTENED,
    SHUFFLED,
    TRAINED,
)
from analyses.diagnostics.order import ASKED, UNCHANGED
from benchmarks.null_claims import (
    NULLS,
    claimed,
    decided,
    summary,
    without_difference,
)
from tests.analyses.handmade import results_of

N = 80
MODELS = ("SASRec", "SASRec-uniform", "AC-SASRec")
SIBLINGS = {model: [f"{model} seed 1", f"{model} seed 2"] for model in MODELS}
IMPORTANCES = ("random", "recency", "saliency", "attention", "attention layer 1")


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """What four models of large differences come to."""
    draw = np.random.default_rng(0)
    made: dict[str, list[pd.DataFrame]] = {}
    for k, model in enumerate(MODELS):
        user = {"model": model, "user": np.arange(N), "length": 9, "rank": 3}
        ndcg = draw.exponential(1 + k, N) * (draw.random(N) < 0.4)
        worth = pd.DataFrame(user | {"hit": draw.random(N) < 0.1 * k, "ndcg": ndcg})
        made.setdefault("attention_worth", []).append(worth.astype({"hit": float}))
        made.setdefault("calibration_variants", []).append(
            worth.astype({"hit": float}).assign(evenness=draw.random(N) / (1 + k), tau=0.1)
        )
        made.setdefault("order", []).extend(
            worth.astype({"hit": float}).assign(
                condition=condition, d_ndcg=-draw.exponential(1, N), top1_changed=0.0, jaccard=0.5
            )
            for condition in (UNCHANGED, *ASKED)
        )
        place = {"stage": "attention", "layer": "1", "least": 0.0, "kept": 0.0}
        made.setdefault("attention_maps", []).extend(
            pd.DataFrame(user | place | {"kind": kind, "key": key, "value": value})
            for kind, key, value in (
                ("entropy", np.nan, draw.random(N) / (1 + k)),
                ("distance", 0, draw.random(N)),
            )
        )
        made.setdefault("gradient_agreement", []).extend(
            pd.DataFrame(
                user
                | {"target": "held-out item", "method": "saliency", "layer": "mean", "head": "mean"}
                | {"control": control, "tau": draw.normal(level, 0.2, N), "draw": np.arange(N)}
                | {"p_value": 0.5, "gap": np.nan, "status": "ok"}
            )
            for control, level in ((TRAINED, 0.2 * k), (SHUFFLED, 0.1), (FLATTENED, 0))
        )
        made.setdefault("max_attention_removal", []).extend(
            pd.DataFrame(
                user
                | {"operator": operator, "k": n, "layer": "all", "rows": "prediction"}
                | {"equal": False, "short": False, "rank_before": 3, "rank_after": 3.0}
                | {"d_ndcg": -draw.exponential(1, N), "top1_changed": 0.0}
                | {"jsd": draw.random(N) * (1 + (operator == "largest")), "mass": 0.1, "size": 0.1}
            )
            for operator in ("largest", "control")
            for n in (1, 5)
        )
        made.setdefault("faithfulness", []).extend(
            pd.DataFrame(
                user
                | {"target": HELD_OUT, "control": "trained", "importance": importance, "hit": 0.0}
                | {"operator": operator, "last": last}
                | {"align": (draw.random(N) < 0.1 + 0.2 * n).astype(float), "cause": np.nan}
                | {
                    f"{way} {size}": draw.exponential(1 + n, N)
                    for way in ("without", "alone")
                    for size in SIZES
                }
            )
            for operator, last in (("replacement", "ranked"), ("masking", "kept"))
            for n, importance in enumerate((*IMPORTANCES, "replacement"))
        )
        made.setdefault("smallest_change", []).extend(
            pd.DataFrame(
                user
                | {"size": 1.0, "old_rank": 9.0, "hit": 0.0, "importance": importance}
                | {"holds": (draw.random(N) < 0.1 + 0.2 * n).astype(float)}
            )
            for n, importance in enumerate(IMPORTANCES)
            if importance != "saliency"
        )
        made.setdefault("boost", []).extend(
            pd.DataFrame(
                user
                | {"target": boost.HELD_OUT, "raised": raised, "hit": 0.0}
                | dict.fromkeys(boost.MEASURES, 0.1)
                | {value: draw.exponential(1, N) for value in boost.BEYOND}
            )
            for raised in (boost.MATTERS, boost.RANDOM)
        )
    return {name: pd.concat(parts, ignore_index=True) for name, parts in made.items()}


def test_the_experiment_knows_every_diagnostic(tables):
    assert set(tables) == set(NULLS) == set(discover()) - {"seeds"}  # which claims nothing


def test_a_users_models_are_exchanged_together_and_signs_are_turned(tables):
    frame = tables["max_attention_removal"]
    null = NULLS["max_attention_removal"]
    exchanged = without_difference(frame, null, np.random.default_rng(0))
    keys = ["user", "model", "operator", "k"]
    assert len(exchanged.drop_duplicates(keys)) == len(frame)
    columns = ["user", "operator", "d_ndcg"]
    old, new = (
        f.assign(d_ndcg=f["d_ndcg"].abs())[columns].sort_values(columns, ignore_index=True)
        for f in (frame, exchanged)
    )
    pd.testing.assert_frame_equal(old, new)
    largest = exchanged[exchanged["operator"] == "largest"]
    share = (largest.groupby("user")["d_ndcg"].max() > 0).mean()
    assert (largest.groupby("user")["d_ndcg"].apply(np.sign).groupby("user").nunique() == 1).all()
    assert share == pytest.approx(0.5, abs=0.15)
    means = largest.groupby("model", observed=True)["d_ndcg"].mean()
    assert means.abs().max() < 4 * largest["d_ndcg"].std() / np.sqrt(N)


@pytest.mark.parametrize("name", list(NULLS))
def test_corrected_a_report_claims_as_rarely_as_it_should_where_intervals_claim_more(tables, name):
    family = claimed(discover()[name], results_of(tables[name]), 12, seed=1)
    assert family.by_intervals.sum() >= family.corrected.sum()
    assert family.corrected.sum() <= 1  # of 12
    assert not (family.corrected & ~family.by_intervals).any()
    assert family.comparisons > 1


@pytest.mark.parametrize("name", ["faithfulness", "smallest_change", "boost"])
def test_what_differs_is_claimed_before_it_is_made_one_of_no_difference(tables, name):
    with decided() as decisions:
        discover()[name].findings(results_of(tables[name]))
    assert all(decision.claims for decision in decisions)


@pytest.mark.parametrize(
    ("name", "value"), [("faithfulness", "align"), ("smallest_change", "holds")]
)
def test_a_users_importances_are_exchanged_alike_in_every_model(tables, name, value):
    frame = tables[name]
    null = NULLS[name]
    frame = frame[null.rows(frame)]
    assert set(frame["importance"]) <= {*IMPORTANCES}
    frame = frame.assign(was=frame["importance"])
    exchanged = without_difference(frame, null, np.random.default_rng(0))
    assert (exchanged.groupby(["user", "was"])["importance"].nunique() == 1).all()
    assert (exchanged.groupby(["user", "importance"], observed=True)["was"].nunique() == 1).all()
    pd.testing.assert_series_equal(exchanged[value], frame[value])
    means = exchanged.groupby("importance", observed=True)[value].mean()
    before = frame.groupby("importance")[value].mean()
    assert np.ptp(before) > 0.5 > 0.2 > np.ptp(means)


def test_a_users_gains_beyond_random_change_their_sign_together(tables):
    frame = tables["boost"]
    turned = without_difference(frame, NULLS["boost"], np.random.default_rng(0))
    signs = np.sign(turned[[*boost.BEYOND]]).groupby(turned["user"]).agg(["min", "max"])
    assert (signs.nunique(axis=1) == 1).all()
    assert (signs["nats_beyond", "min"] > 0).mean() == pytest.approx(0.5, abs=0.2)


def test_summary_counts_a_report_once(tables):
    families = {
        name: claimed(discover()[name], results_of(tables[name]), 1, seed=1)
        for name in ("attention_worth", "attention_maps")
    }
    *_, last = summary(families)
    assert last[:2] == ["any of them", "7"]
