"""The null experiment: nothing differs in it, and Holm's method claims as rarely as it should."""

import numpy as np
import pandas as pd
import pytest

from analyses.diagnostic import discover
from analyses.diagnostics.gradient_agreement.agreement_findings import (
    FLATTENED,
    SHUFFLED,
    TRAINED,
)
from analyses.diagnostics.order import ASKED, UNCHANGED
from benchmarks.null_claims import NULLS, claimed, summary, without_difference
from tests.analyses.handmade import results_of

N = 150
MODELS = ("SASRec", "SASRec-uniform", "AC-SASRec", "AC-SASRec-light")


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
                | {"control": control, "tau": draw.normal(level, 0.2, N)}
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
    return {name: pd.concat(parts, ignore_index=True) for name, parts in made.items()}


def test_every_table_is_of_one_that_the_experiment_knows(tables):
    assert set(tables) == set(NULLS) <= set(discover())


def test_a_users_models_are_exchanged_together_and_signs_are_turned(tables):
    frame = tables["max_attention_removal"]
    null = NULLS["max_attention_removal"]
    exchanged = without_difference(frame, null.turn, np.random.default_rng(0))
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
def test_holm_claims_as_rarely_as_it_should_where_intervals_claim_more(tables, name):
    family = claimed(discover()[name], results_of(tables[name]), 80, seed=1)
    assert family.by_intervals.mean() > 0.1 > family.by_holm.mean()
    assert not (family.by_holm & ~family.by_intervals).any()
    assert family.comparisons > 1


def test_summary_counts_a_report_once(tables):
    families = {
        name: claimed(discover()[name], results_of(tables[name]), 2, seed=1)
        for name in ("attention_worth", "attention_maps")
    }
    *_, last = summary(families)
    assert last[:2] == ["any of them", "11"]
