"""Every diagnostic on every model at once: what each may be asked, and what no mask token is."""

import numpy as np
import pytest
import torch

from analyses.diagnostic import backbone, by_backbone, calibrated_pairs, discover
from analyses.report.page import images
from analyses.running.passes import held_out_batches
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
def test_measured_drawn_and_told(diagnostic, models, data):
    done: list[int] = []
    frame = diagnostic.measure(models, data, users=np.arange(6), seed=0, progress=done.append)
    assert sum(done) == len(models) * 6
    assert set(frame["model"]) == set(models)
    assert set(frame["user"]) == set(range(6))
    for name in (*diagnostic.plot(frame), *diagnostic.tables(frame)):
        assert diagnostic.caption(name), name
    sentences = " ".join(diagnostic.conclude(frame))
    assert all(name in sentences for name in models if "-uniform" not in name)
    assert diagnostic.exclusions(frame) is not None


@pytest.mark.parametrize("diagnostic", discover().values(), ids=lambda d: d.name)
def test_models_of_other_depths_and_heads_stand_side_by_side(diagnostic, data):
    torch.manual_seed(0)
    shapes = {"SASRec": (1, 2), "AC-SASRec": (3, 1), "AC-SASRec-light": (2, 4), "BERT4Rec": (1, 1)}
    models = {
        name: build_model(name, data, n_layers=layers, n_heads=heads, **SIZES).eval()
        for name, (layers, heads) in shapes.items()
    }
    frame = diagnostic.measure(models, data, users=np.arange(6), seed=0, progress=lambda n: None)
    for figure in diagnostic.plot(frame).values():
        images(figure)
    for table in diagnostic.tables(frame).values():
        assert len(table)
    sentences = diagnostic.conclude(frame)
    assert all(any(name in sentence for sentence in sentences) for name in list(models)[:3])
    assert not any("nan" in sentence for sentence in sentences)
    for summary in diagnostic.summaries(frame).values():
        own = summary.table[summary.table["series"].isin(list(models))]
        for name, layer in zip(own["series"], own.get("layer", ()), strict=False):
            assert layer in ("mean", "all", "history") or int(layer) <= shapes[name][0]
    assert diagnostic.exclusions(frame) is not None
    assert len(diagnostic.by_user(frame))


def test_the_mask_token_is_no_item_of_the_maps(models, data):
    frame = discover()["attention_maps"].measure(
        {n: models[n] for n in ("SASRec", "BERT4Rec", "AC-BERT4Rec")},
        data,
        users=np.arange(6),
        seed=0,
        progress=lambda n: None,
    )
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


def test_a_lone_item_beside_a_mask_token_keeps_its_weight(models, data):
    frame = discover()["max_attention_removal"].measure(
        {"BERT4Rec": models["BERT4Rec"]},
        data,
        users=np.arange(2),
        seed=0,
        progress=lambda n: None,
    )
    lone = frame[frame["user"] == 0]  # two interactions: one item of history
    assert lone["one_key"].all()
    assert (lone["jsd"] == 0).all()
    every = lone[lone["rows"] == "all"]
    assert (every["one_key_rows"] == 2).all()  # the item's row and the mask token's
    longer = frame[(frame["user"] == 1) & (frame["operator"] == "largest")]
    assert not longer["one_key"].any()
    assert (longer.loc[longer["layer"] == "all", "jsd"] > 0).all()


@pytest.mark.parametrize("diagnostic", discover().values(), ids=lambda d: d.name)
def test_a_model_that_attends_to_padding_is_diagnosed(diagnostic, data):
    torch.manual_seed(0)
    models = {
        name: build_model(name, data, left_padding="token", norm="query", **SIZES).eval()
        for name in ("SASRec", "SASRec-uniform")
    }
    frame = diagnostic.measure(models, data, users=np.arange(6), seed=0, progress=lambda n: None)
    assert set(frame["user"]) == set(range(6))
    for figure in diagnostic.plot(frame).values():
        images(figure)
    assert diagnostic.conclude(frame)
    if diagnostic.name == "attention_maps":
        own = frame[(frame["kind"] == "weight") & (frame["model"] == "SASRec")]
        assert (own["key"] < own["length"]).all()  # items alone
        kept = frame[(frame["kind"] == "entropy") & (frame["model"] == "SASRec")]
        assert (kept.loc[kept["length"] < SIZES["max_length"], "kept"] > 0).all()
        assert (kept.loc[kept["length"] == SIZES["max_length"], "kept"].abs() < 1e-6).all()


def test_batches_of_the_longest_histories_fit(models, data):
    for model in models.values():
        for _, batch, _ in held_out_batches(model, data, np.arange(6)):
            assert batch.items.shape[1] <= SIZES["max_length"]
            assert model.scores(batch).isfinite()[:, 1:].all()


def test_parts_are_played_among_models_of_a_backbone():
    assert backbone("AC-TiSASRec-light (run 2)") == "TiSASRec"
    assert backbone("SSE-PT-uniform") == "SSE-PT"
    assert backbone("Mine-uniform") == "Mine"
    names = ["SASRec", "AC-BERT4Rec", "BERT4Rec", "AC-SASRec", "SASRec-uniform", "AC-TiSASRec"]
    assert list(by_backbone(names)) == ["SASRec", "BERT4Rec", "TiSASRec"]
    assert by_backbone(names)["SASRec"] == ("SASRec", "SASRec-uniform", ["AC-SASRec"])
    assert calibrated_pairs(names) == [("AC-SASRec", "SASRec"), ("AC-BERT4Rec", "BERT4Rec")]
