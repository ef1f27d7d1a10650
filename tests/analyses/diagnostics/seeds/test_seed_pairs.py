"""Two trainings side by side, against SciPy and loops written out."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import kendalltau

from analyses.diagnostics.seeds import DIAGNOSTIC
from analyses.diagnostics.seeds.seed_pairs import (
    Trainings,
    divergence,
    not_shared,
    order_distance,
    other_largest,
)
from analyses.running.comparison import Comparison
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results, Rows
from tests.analyses.handmade import PARTS, Handmade, data_of

N_USERS, SIBLINGS = 40, {"SASRec": ["SASRec seed 1", "SASRec seed 2"], "AC-SASRec": ["AC seed 1"]}


def test_differences_are_those_of_scipy():
    rng = np.random.default_rng(0)
    one, other = rng.dirichlet(np.ones(6), (2, 5))
    one[:, 4:] = other[:, 4:] = np.nan
    a, b = one[:, :4], other[:, :4]
    expected = [jensenshannon(x, y) ** 2 for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(divergence(one, other), expected, atol=1e-9)
    expected = [1 - kendalltau(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(order_distance(one, other), expected, atol=1e-9)
    np.testing.assert_array_equal(other_largest(one, other), a.argmax(1) != b.argmax(1))


def test_lone_items_and_lists():
    lone = np.array([[0.5, np.nan]])
    assert np.isnan(other_largest(lone, lone)).all()
    assert np.isnan(order_distance(lone, lone)).all()
    assert not_shared(np.array([[1.0, 2, 3, 4]]), np.array([[9.0, 4, 1, 8]])).tolist() == [0.5]


def made_up(apart: float) -> Results:
    """Attention of all trainings around one of their model; the models' are `apart`."""
    rng = np.random.default_rng(1)
    frames = []
    for model in ("SASRec", "AC-SASRec"):
        center = rng.normal(0, apart, (N_USERS, 5)) if model != "SASRec" else 0.0
        for training in (model, *SIBLINGS[model]):
            weights = np.exp(center + rng.normal(0, 1, (N_USERS, 5)))
            weights /= weights.sum(1, keepdims=True)
            user, key = np.indices(weights.shape).reshape(2, -1)
            base = {"model": training, "user": user}
            frames.append(
                pd.DataFrame(base | {"kind": "attention", "key": key, "value": weights.ravel()})
            )
            listed = np.argsort(-weights, 1)[:, :2].ravel()
            user, key = np.indices((N_USERS, 2)).reshape(2, -1)
            base["user"] = user
            frames.append(pd.DataFrame(base | {"kind": "top", "key": key, "value": listed}))
            quality = {"kind": "ndcg", "key": 0, "value": rng.random(N_USERS)}
            frames.append(pd.DataFrame({"model": training, "user": range(N_USERS)} | quality))
    comparison = Comparison({name: PARTS[name] for name in ("SASRec", "AC-SASRec")}, SIBLINGS)
    return Results(Rows([pd.concat(frames, ignore_index=True)]), comparison)


def test_what_models_differ_beyond_seeds_is_a_mean_over_pairs_of_other_seeds():
    results = made_up(1.0)
    frame = results.frame[results.frame["kind"] == "attention"]
    wide = {
        n: g.pivot(index="user", columns="key", values="value") for n, g in frame.groupby("model")
    }

    def of(one: str, other: str) -> np.ndarray:
        return np.array(
            [jensenshannon(wide[one].loc[u], wide[other].loc[u]) ** 2 for u in range(N_USERS)]
        )

    plain, light = (["SASRec", *SIBLINGS["SASRec"]], ["AC-SASRec", *SIBLINGS["AC-SASRec"]])
    within = (of(plain[0], plain[1]) + of(plain[0], plain[2]) + of(plain[1], plain[2])) / 3
    pairs = [of(light[i], plain[j]) for i in range(2) for j in range(3) if i != j]
    expected = np.mean(pairs, axis=0) - (within + of(*light)) / 2
    excess = Trainings(results).excess("divergence", "AC-SASRec", "SASRec")
    assert excess is not None
    assert excess.estimate == pytest.approx(expected.mean())
    assert excess.n == N_USERS


def test_what_models_differ_by_beyond_seeds_is_said_and_not_claimed():
    begins = (
        "How much further a training of AC-SASRec and one of SASRec differ than two of the same "
        "model, or less far where below 0: divergence of attention, nats: "
    )
    same, apart = (
        next(s for s in DIAGNOSTIC.findings(made_up(by)) if s.startswith(begins))
        for by in (0.0, 3.0)
    )
    for sentence in (same, apart):
        assert "2 and 3 trainings" in sentence
        assert "intervals are over users alone" in sentence
    excess = [float(text.removeprefix(begins).split()[0]) for text in (same, apart)]
    assert abs(excess[0]) < 0.05 < 0.1 < excess[1]


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (8, "divergence of attention, nats: too few users to tell (8 of 8 changed); share of"),
        (1, "divergence of attention, nats: nobody could be measured; share of"),
    ],
)
def test_of_few_users_sentences_go_on_as_sentences(n, said):
    """Of one user the histories have a single item each, so that none attends to another."""
    frame = made_up(3.0).frame
    frame = frame[frame["user"] < n]
    if n == 1:
        frame.loc[frame["kind"] == "attention", "value"] = np.nan
    findings = DIAGNOSTIC.findings(Results(Rows([frame]), made_up(3.0).comparison))
    (told,) = (sentence for sentence in findings if sentence.startswith("How much further"))
    assert said in told
    among = [sentence for sentence in findings if "nothing but their seed" in sentence]
    assert len(among) == 2
    assert not any("for nobody" in sentence for sentence in among)


def test_quality_over_seeds_is_a_mean_and_a_standard_deviation():
    results = made_up(1.0)
    frame = results.frame[results.frame["kind"] == "ndcg"]
    levels = frame.groupby("model")["value"].mean()[["SASRec", *SIBLINGS["SASRec"]]]
    row = DIAGNOSTIC.tables(results)["trainings"].iloc[0]
    assert row["trainings"] == 3
    assert row["mean"] == pytest.approx(levels.mean(), abs=1e-4)
    assert row["sd"] == pytest.approx(np.std(levels, ddof=1), abs=1e-4)


def test_what_is_measured_of_a_training_is_its_own():
    data = data_of([1, 2, 3, 4], [3, 1, 2, 5])
    models = {"SASRec": Handmade([1.0, 2, 3, 4, 5])}
    siblings = {"SASRec": {"SASRec seed 1": Handmade([5.0, 4, 3, 2, 1])}}
    results = measure_in_memory(DIAGNOSTIC, models, data, siblings=siblings)
    frame = results.frame[(results.frame["kind"] == "attention") & (results.frame["user"] == 0)]
    by_model = frame.sort_values("key").groupby("model", observed=True)["value"].apply(list)
    np.testing.assert_allclose(by_model["SASRec"], np.array([1, 2, 3]) / 6)
    np.testing.assert_allclose(by_model["SASRec seed 1"], np.array([5, 4, 3]) / 12)
    sentences = " ".join(DIAGNOSTIC.findings(results))
    assert "Trainings of SASRec that differ in nothing but their seed attend most" in sentences


def test_a_model_trained_once_is_told_how_to_get_more():
    data = data_of([1, 2, 3, 4], [3, 1, 2, 5])
    results = measure_in_memory(DIAGNOSTIC, {"SASRec": Handmade([1.0, 2, 3, 4, 5])}, data)
    (sentence,) = DIAGNOSTIC.findings(results)
    assert "not known of SASRec, of which one training was given" in sentence
    assert "--seeds 3" in sentence
    assert DIAGNOSTIC.summaries(results) == {}
