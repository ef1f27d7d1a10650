"""All diagnostics on all models at once: what each may be asked, and what no mask token is."""

import numpy as np
import pytest
import torch

from analyses.diagnostic import discover
from analyses.running.held_out import held_out_batches
from analyses.running.measuring import measure_in_memory
from analyses.telling.drawing import draw, images
from tests.workbench.tiny import data_of
from workbench import build_model
from workbench.registry import NAMES

SIZES = {"hidden_size": 8, "inner_size": 8, "max_length": 6}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    lengths = [2, 3, 5, 6, 9, 12]
    times = np.concatenate([100 + rng.integers(0, 9, n).cumsum() for n in lengths])
    return data_of(*(rng.integers(1, 13, n).tolist() for n in lengths), times=times.tolist())


@pytest.fixture(scope="module")
def models(data):
    torch.manual_seed(0)
    return {name: build_model(name, data, **SIZES).eval() for name in NAMES}


@pytest.mark.parametrize("diagnostic", discover().values(), ids=lambda d: d.name)
def test_measured_and_concluded(diagnostic, models, data):
    results = measure_in_memory(diagnostic, models, data)
    frame, comparison = results.frame, results.comparison
    assert results.left_out == ()
    assert comparison.names == list(models)
    assert set(frame["model"]) == set(models)
    short = {0, 1} if diagnostic.name == "faithfulness" else set()  # too few items to be ranked
    assert set(frame["user"]) == set(range(6)) - short
    for name in (*diagnostic.summaries(results), *diagnostic.tables(results)):
        assert diagnostic.caption(name), name
    sentences = " ".join(diagnostic.findings(results))
    learned = [*comparison.with_role("plain"), *comparison.with_role("calibrated")]
    assert all(name in sentences for name in learned)
    assert diagnostic.exclusions(results) is not None


@pytest.mark.parametrize("diagnostic", discover().values(), ids=lambda d: d.name)
def test_models_of_other_depths_and_heads_stand_side_by_side(diagnostic, data):
    torch.manual_seed(0)
    shapes = {"SASRec": (1, 2), "AC-SASRec": (3, 1), "AC-SASRec-light": (2, 4), "BERT4Rec": (1, 1)}
    models = {
        name: build_model(name, data, n_layers=layers, n_heads=heads, **SIZES)
        for name, (layers, heads) in shapes.items()
    }
    results = measure_in_memory(diagnostic, models, data)
    summaries, pictures = diagnostic.summaries(results), diagnostic.pictures(results)
    for figure in (*map(draw, summaries.values()), *pictures.values()):
        images(figure)
    for name in pictures:
        assert diagnostic.caption(name), name
    for table in diagnostic.tables(results).values():
        assert len(table)
    sentences = diagnostic.findings(results)
    assert all(any(name in sentence for sentence in sentences) for name in list(models)[:3])
    assert not any("nan" in sentence for sentence in sentences)
    for summary in summaries.values():
        rows = summary.table[summary.table["series"].isin(list(models))]
        for name, layer in zip(rows["series"], rows.get("layer", ()), strict=False):
            assert layer in ("mean", "all", "history") or int(layer) <= shapes[name][0]
    assert diagnostic.exclusions(results) is not None
    assert diagnostic.by_user(results).n_users


@pytest.mark.parametrize("diagnostic", discover().values(), ids=lambda d: d.name)
def test_names_of_models_decide_nothing(diagnostic, data):
    """The same numbers and sentences, whatever the models are called."""
    made = {}
    for names in (("m1", "m2", "m3"), ("AC-x", "y-uniform", "SASRec-light")):
        kinds = ("SASRec", "SASRec-uniform", "AC-SASRec")
        models = {}
        for name, kind in zip(names, kinds, strict=True):
            torch.manual_seed(0)
            models[name] = build_model(kind, data, **SIZES)
        results = measure_in_memory(diagnostic, models, data)
        sentences = " ".join(diagnostic.findings(results))
        for name, letter in zip(names, "PUC", strict=True):
            sentences = sentences.replace(name, letter)
        made[names] = sentences, [s.replace(names[2], "C") for s in diagnostic.summaries(results)]
    first, second = made.values()
    assert first == second
    assert "C" in first[0]


@pytest.mark.parametrize("diagnostic", discover().values(), ids=lambda d: d.name)
def test_where_histories_have_a_single_item_no_verdict_stands_on_nobody(diagnostic):
    data = data_of([1, 2], [3, 4], [5, 12])
    torch.manual_seed(0)
    names = ("SASRec", "SASRec-uniform", "AC-SASRec")
    models = {name: build_model(name, data, **SIZES) for name in names}
    results = measure_in_memory(diagnostic, models, data)
    sentences = diagnostic.findings(results)
    assert sentences
    assert not [s for s in sentences if "nan" in s or "n = 0" in s]
    for summary in diagnostic.summaries(results).values():
        images(draw(summary))
    assert diagnostic.tables(results)


def test_the_mask_token_is_no_item_of_the_maps(models, data):
    chosen = {n: models[n] for n in ("SASRec", "BERT4Rec", "AC-BERT4Rec")}
    frame = measure_in_memory(discover()["attention_maps"], chosen, data).frame
    by_distance = frame[(frame["kind"] == "distance") & (frame["stage"] == "attention")]
    assert (by_distance["key"] < by_distance["length"]).all()
    total = by_distance.groupby(["model", "layer", "user"], observed=True)["value"].sum()
    np.testing.assert_allclose(total, 1, rtol=1e-6)
    kept = frame[(frame["kind"] == "entropy") & (frame["stage"] == "attention")]
    kept = kept.groupby("model", observed=True)["kept"].mean()
    assert kept["SASRec"] == 0
    assert kept["BERT4Rec"] > 0.05  # near 1 / (n + 1) in a new model
    shown = frame[(frame["kind"] == "weight") & (frame["key"] == frame["length"])]
    assert set(shown["title"]) == {"[mask]"}
    assert set(shown["model"]) == {"BERT4Rec", "AC-BERT4Rec"}


def test_agreement_with_saliency_is_one_number_in_all_diagnostics(models, data):
    chosen = {n: models[n] for n in ("SASRec", "BERT4Rec", "AC-BERT4Rec")}
    known, frames = discover(), {}
    for name in ("attention_maps", "gradient_agreement", "calibration_variants"):
        frames[name] = measure_in_memory(known[name], chosen, data).frame
    maps, gradients, variants = frames.values()
    maps = maps[maps["kind"] == "agreement"]
    for column, value in (
        ("control", "trained"),
        ("target", "held-out item"),
        ("method", "saliency"),
        ("layer", "mean"),
        ("head", "mean"),
    ):
        gradients = gradients[gradients[column] == value]
    taus = [f.set_index(["model", "user"])["tau"].sort_index() for f in (maps, gradients, variants)]
    assert taus[0].notna().sum() >= 8
    for other in taus[1:]:
        np.testing.assert_array_equal(taus[0], other)


def test_a_lone_item_beside_a_mask_token_is_not_removed(models, data):
    removal, chosen = discover()["max_attention_removal"], {"BERT4Rec": models["BERT4Rec"]}
    frame = measure_in_memory(removal, chosen, data, np.arange(2)).frame
    lone = frame[frame["user"] == 0]  # two interactions: one item of history
    assert lone["short"].all()
    assert lone["jsd"].isna().all()
    longer = frame[(frame["user"] == 1) & (frame["k"] == 1)]
    assert not longer["short"].any()
    assert (longer.loc[longer["layer"] == "all", "jsd"] > 0).all()


@pytest.mark.parametrize("diagnostic", discover().values(), ids=lambda d: d.name)
def test_a_model_that_attends_to_padding_is_diagnosed(diagnostic, data):
    torch.manual_seed(0)
    models = {
        name: build_model(name, data, left_padding="token", norm="query", **SIZES).eval()
        for name in ("SASRec", "SASRec-uniform")
    }
    results = measure_in_memory(diagnostic, models, data)
    frame = results.frame
    short = {0, 1} if diagnostic.name == "faithfulness" else set()  # too few items to be ranked
    assert set(frame["user"]) == set(range(6)) - short
    figures = map(draw, diagnostic.summaries(results).values())
    for figure in (*figures, *diagnostic.pictures(results).values()):
        images(figure)
    assert diagnostic.findings(results)
    if diagnostic.name == "attention_maps":
        weights = frame[(frame["kind"] == "weight") & (frame["model"] == "SASRec")]
        assert (weights["key"] < weights["length"]).all()  # items alone
        kept = frame[(frame["kind"] == "entropy") & (frame["model"] == "SASRec")]
        assert (kept.loc[kept["length"] < SIZES["max_length"], "kept"] > 0).all()
        assert (kept.loc[kept["length"] == SIZES["max_length"], "kept"].abs() < 1e-6).all()


def test_batches_of_the_longest_histories_fit(models, data):
    for model in models.values():
        for cases in held_out_batches(model, data, np.arange(6)):
            assert cases.batch.items.shape[1] <= SIZES["max_length"]
            assert model.scores(cases.batch).isfinite()[:, 1:].all()
