"""Removals and their controls, by hand, and where attention means nothing."""

import copy
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from analyses.diagnostics.max_attention_removal.removal_findings import measured
from analyses.diagnostics.max_attention_removal.removal_measures import (
    COUNTS,
    DIAGNOSTIC,
    Trial,
    places,
)
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results
from analyses.telling.wording import CONTRARY, NOT_SEEN, SEEN
from models import Batch
from tests.analyses.handmade import (
    EFFECT,
    SALIENCE,
    TARGET,
    Handmade,
    data_of,
    rank_by_hand,
    results_of,
    salience_frame,
)
from tests.workbench import tiny
from workbench import build_model, edit_attention, record_attention
from workbench.attention.edits import dealt, remove_k_largest, remove_matched
from workbench.statistics import jensen_shannon_of_scores

MEASURES = ["d_hit", "d_ndcg", "rank_after", "top1_changed", "jsd", "mass", "size"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return salience_frame(DIAGNOSTIC, [3, 1, 2])


def condition(frame, operator, k=1, user=0):
    chosen = (frame["operator"] == operator) & (frame["user"] == user) & (frame["k"] == k)
    assert chosen.sum() == 1
    return frame[chosen].iloc[0]


@pytest.mark.parametrize(
    ("operator", "k", "left"),
    [
        ("largest", 1, {2: 4.0, 3: 2.0}),
        ("largest", 2, {3: 2.0}),
        ("control", 1, {1: 8.0}),  # the others have less than 8 of 14
        ("control", 2, {1: 8.0, 2: 4.0}),
    ],
)
def test_ranks_are_those_of_a_computation_by_hand(frame, operator, k, left):
    row = condition(frame, operator, k)
    before = rank_by_hand({1: 8.0, 2: 4.0, 3: 2.0}, TARGET)
    after = rank_by_hand(left, TARGET)
    assert (row["rank_before"], row["rank_after"]) == (before, after)
    gain = 1 / np.log2(after + 1) - 1 / np.log2(before + 1)
    assert row["d_ndcg"] == pytest.approx(gain)


def test_divergence_is_that_of_the_scores_computed_by_hand(frame):
    def chances(weights):
        scores = sum(w * EFFECT[i] for i, w in weights.items())[1:] / sum(weights.values())
        return np.exp(scores) / np.exp(scores).sum()

    p, q = chances({1: 8.0, 2: 4.0, 3: 2.0}), chances({2: 4.0, 3: 2.0})
    mean = (p + q) / 2
    expected = (p * np.log(p / mean) + q * np.log(q / mean)).sum() / 2
    assert condition(frame, "largest")["jsd"] == pytest.approx(expected)


def test_weight_taken_and_its_change_by_hand(frame):
    largest, control = (condition(frame, operator) for operator in ("largest", "control"))
    assert largest["mass"] == pytest.approx(8 / 14)
    assert control["mass"] == pytest.approx(6 / 14)  # all that the others have
    before = np.array([8, 4, 2]) / 14
    for row, after in ((largest, [0, 4 / 6, 2 / 6]), (control, [1, 0, 0])):
        assert row["size"] == pytest.approx(np.linalg.norm(after - before))
    derived = measured(frame)
    (per_size,) = derived.loc[largest.name == derived.index, "per_size"]
    assert per_size == pytest.approx(np.sqrt(largest["jsd"]) / largest["size"])


def test_removing_the_largest_changes_the_top_item_of_this_history(frame):
    # item 4 leads while item 1 has most of the weight, item 5 once it is gone
    assert condition(frame, "largest")["top1_changed"] == 1
    assert condition(frame, "control")["top1_changed"] == 0


def test_who_has_too_few_items_is_left_out_and_counted(frame):
    unmeasured = frame[MEASURES].isna()
    assert unmeasured[frame["short"]].all(axis=None)
    assert not unmeasured[~frame["short"]].any(axis=None)
    assert (frame["short"] == (frame["length"] <= frame["k"])).all()
    (sentence,) = DIAGNOSTIC.exclusions(results_of(frame))
    assert (
        "1 with a single item, 2 with at most 2 items, 3 with at most 3 items and 3 with at most 5 "
        "items cannot lose as many" in sentence
    )


def test_places():
    assert [(p.k, p.layer, p.rows) for p in places(1)] == [(k, "1", "prediction") for k in COUNTS]
    deep = {(p.k, p.layer, tuple(p.layers), p.rows) for p in places(2)}
    assert deep == {
        *((k, "all", (0, 1), "prediction") for k in (1, 2, 3, 5)),
        (1, "all", (0, 1), "all"),
        *((k, "1", (0,), "prediction") for k in (1, 5)),
        *((k, "2", (1,), "prediction") for k in (1, 5)),
    }


@pytest.fixture(scope="module")
def deep():
    """A model of two layers and heads, and histories of 12 items."""
    torch.manual_seed(0)
    data = tiny.data_of([1, 2], n_items=60)
    model = build_model(
        "SASRec", data, hidden_size=16, inner_size=16, max_length=12, initializer_range=0.3
    ).eval()
    batch = Batch(torch.randint(1, 61, (300, 12)), torch.full((300,), 12))
    return model, batch


def test_edited_passes_are_those_of_an_explicit_run(deep):
    model, batch = copy.deepcopy(deep[0]).double(), deep[1]
    with torch.no_grad():
        conditions = Trial.start(model, batch, batch.items[:, 0]).conditions(7)
    assert len(conditions) == 2 * len(places(2))
    for found, place in zip(conditions[::2], places(2), strict=True):
        with torch.no_grad():
            before = model.scores(batch)
            edit = remove_k_largest(place.k)
            with edit_attention(model, edit, layers=place.layers, rows=place.rows):
                after = model.scores(batch)
        np.testing.assert_allclose(
            found["jsd"], jensen_shannon_of_scores(before, after), atol=1e-12
        )
        weights = record_attention(model, batch)["attention"][:, list(place.layers)]
        mass = weights.sort(descending=True).values[..., : place.k].sum(-1).mean((1, 2))
        np.testing.assert_allclose(found["mass"], mass, rtol=1e-5)


def _moved(model, batch, first, k):
    """How far scores move by largest and control, as they are and per change, after `first`."""
    moved, per_size = [], []
    with torch.no_grad(), ExitStack() as stack:
        stack.enter_context(edit_attention(model, first))
        before = model.scores(batch)
        weights = record_attention(model, batch)["attention"]
        for edit in (remove_k_largest(k), remove_matched(k, 3)):
            with edit_attention(model, edit):
                distance = jensen_shannon_of_scores(before, model.scores(batch)).sqrt()
            change = edit(weights, batch.valid[:, None, None]) - weights
            size = change.square().sum(-1).mean((1, 2)).sqrt()
            moved.append(distance.square().mean())
            per_size.append((distance / size).mean())
    return moved[0] / moved[1], per_size[0] / per_size[1]


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("alike", [True, False], ids=["in all heads", "in each head its own"])
def test_where_attention_is_nearly_uniform_largest_and_control_do_the_same(deep, k, alike):
    model, batch = deep
    generator = torch.Generator().manual_seed(1)
    own = torch.rand(300, 1 if alike else 2, 12, generator=generator)

    def nearly_uniform(weights, allowed):
        noisy = (1 + 0.01 * own) * allowed
        return (noisy / noisy.sum(-1, keepdim=True)).expand_as(weights)

    moved, per_size = _moved(model, batch, nearly_uniform, k)
    assert moved == pytest.approx(1, abs=0.2)
    assert per_size == pytest.approx(1, abs=0.1)


def test_where_weights_are_dealt_at_random_only_their_concentration_moves_scores(deep):
    model, batch = deep
    sharp = torch.tensor([0.4, 0.2, *[0.04] * 10])

    def at_random(weights, allowed):
        noise = torch.rand(weights.shape, generator=torch.Generator().manual_seed(5))
        return dealt(sharp.expand_as(weights), allowed, noise)

    moved, per_size = _moved(model, batch, at_random, 1)
    assert moved > 1.3  # one key against several, whose values partly cancel
    assert per_size == pytest.approx(1, abs=0.1)


def effects(n=60, layer="all", **shifts: float) -> pd.DataFrame:
    """A frame in which removing the largest weight moves NDCG by `shifts` (model -> mean)."""
    generator = np.random.default_rng(0)
    rows = []
    for model, shift in shifts.items():
        for operator in ("largest", "control"):
            for k in COUNTS:
                effect = generator.normal(0, 0.01, n) + shift * (operator == "largest")
                rows.append(
                    pd.DataFrame(
                        {"model": model.replace("_", "-"), "operator": operator, "k": k}
                        | {"layer": layer, "rows": "prediction", "user": np.arange(n), "length": 9}
                        | {"short": False, "equal": False, "rank_before": 3, "rank_after": 3.0}
                        | {"d_hit": 0.0, "d_ndcg": effect, "top1_changed": 0.0}
                        | {"jsd": 0.01 * (1 + abs(effect)), "mass": 0.1, "size": 0.1}
                    )
                )
    return pd.concat(rows)


@pytest.mark.parametrize(
    ("shift", "claim", "effect", "control"),
    [
        (-0.1, f"{SEEN} AC-SASRec: removing the largest", "lowers", "is more harmful than"),
        (0.1, f"{CONTRARY} AC-SASRec: removing the largest", "raises", "is less harmful than"),
        (
            *(0.0, f"{NOT_SEEN} AC-SASRec: no difference from SASRec was detected"),
            *("does not detectably", "is not detectably more or less harmful than"),
        ),
    ],
)
def test_sentences_follow_the_numbers(shift, claim, effect, control):
    sentences = DIAGNOSTIC.findings(results_of(effects(SASRec=0.0, AC_SASRec=shift)))
    assert claim in sentences[0]
    assert "(paired difference of changes of NDCG@10 " in sentences[0]
    removal, one, moved, five, _ = sentences[6:]
    assert f"weight of AC-SASRec (the prediction row, all layers) {effect}" in removal
    assert "Hit@10 is 1.0000 before" in removal
    assert f"Removing the largest weight of AC-SASRec {control} removing as much" in one
    assert "they take 0.100 [0.100, 0.100] and 0.100 [0.100, 0.100] of the row" in one
    assert f"Removing the 5 largest weights of AC-SASRec {control}" in five
    further = "moves scores further" if shift else "does not detectably move scores further"
    assert (
        f"For how far weights change, removing the largest weight of AC-SASRec {further}" in moved
    )
    assert all("n = 60 users" in s and "[" in s for s in sentences)


def test_where_less_is_taken_elsewhere_it_is_not_called_as_much():
    frame = effects(SASRec=-0.1)
    frame.loc[(frame["operator"] == "control") & (frame["k"] == 5), "mass"] = 0.05
    _, one, moved, five, moved_by_five = DIAGNOSTIC.findings(results_of(frame))
    for sentence, less in ((one, False), (moved, False), (five, True), (moved_by_five, True)):
        assert ("elsewhere, as far as there is" in sentence) is less


def test_where_too_few_users_changed_no_interval_is_given():
    frame = effects(n=200, SASRec=0.0, AC_SASRec=0.0)
    frame["d_ndcg"] = np.where((frame["user"] < 2) & (frame["operator"] == "largest"), 0.3, 0.0)
    frame.loc[frame["model"] == "AC-SASRec", "d_ndcg"] *= 2
    claim, removal, against, *_ = DIAGNOSTIC.findings(results_of(frame))
    assert claim == (
        "Whether removing the largest weight hurts AC-SASRec more than SASRec, as the paper "
        "reports of its calibration: too few users to tell (2 of 200 changed)."
    )
    assert "changes NDCG@10: too few users to tell (2 of 200 changed); Hit@10 is" in removal
    assert "the top item changes for 0.0 [0.0, 1.8] % of users" in removal
    assert against.startswith("Whether removing the largest weight of SASRec is more harmful than")
    assert not any("0.0000" in sentence for sentence in (claim, removal, against))
    effect = DIAGNOSTIC.summaries(results_of(frame))["effect on NDCG@10"]
    assert effect.table[["low", "high"]].isna().all(axis=None)


@pytest.fixture(scope="module")
def equal() -> Results:
    """Of a model of equal weights, and of one whose second user has equal weights by chance."""
    data = data_of([1, 2, 3, 5], [4, 4, 4], [5, 3, 1, 2], [2, 4])
    models = {"SASRec-uniform": Handmade([1.0] * 5), "SASRec": Handmade(SALIENCE)}
    return measure_in_memory(DIAGNOSTIC, models, data)


def test_equal_weights_have_no_largest_one_and_no_effect_of_its_removal(equal):
    frame = equal.frame
    uniform = (frame["model"] == "SASRec-uniform") & (frame["user"] < 3)
    chance = (frame["model"] == "SASRec") & (frame["user"] == 1)
    even = (uniform | chance) & (frame["length"] > frame["k"])
    assert (frame["equal"] == even).all()
    without = frame[MEASURES].isna()
    assert without[even | frame["short"]].all(axis=None)
    assert not without[~(even | frame["short"])].any(axis=None)


def test_users_without_a_largest_weight_are_counted(equal):
    results = replace(equal, rows=equal.rows.map(lambda rows: rows[rows["user"] < 3]))
    uniform, learned, *_ = DIAGNOSTIC.findings(results)
    assert uniform == (
        "SASRec-uniform has no largest weight to lose: of n = 3 users, 3 have equal weights in the "
        "prediction row, and 0 a single item."
    )
    assert "; for 1 more all weights are equal, so that none is the largest." in learned
    uniform, learned = DIAGNOSTIC.exclusions(results)
    assert "of n = 3 users, 3 are left out because the weights of the prediction row" in uniform
    assert "of n = 3 users, 1 are left out because the weights of the prediction row" in learned
    table = DIAGNOSTIC.tables(results)["conditions"].set_index(["model", "operator", "k"])
    assert table.loc[("SASRec-uniform", "largest", 1), "n users"] == 0
    assert table.loc[("SASRec", "control", 1), "n users"] == 2
    assert table.loc[("SASRec", "largest", 1), "users with equal weights"] == 1
    assert DIAGNOSTIC.summaries(results)


def test_a_model_of_one_layer_stands_beside_one_of_several():
    frame = pd.concat([effects(layer="1", SASRec=0.1), effects(AC_SASRec=-0.1)])
    alone = effects(layer="1", AC_SASRec=0.0)
    results = results_of(pd.concat([frame, alone[alone["k"].isin((1, 5))]]))
    claim, shallow, *_, deep, _, _, _, _ = DIAGNOSTIC.findings(results)
    assert f"{SEEN} AC-SASRec: removing the largest weight hurts it more than SASRec" in claim
    assert "of SASRec (the prediction row, its only layer) raises NDCG@10" in shallow
    assert "of AC-SASRec (the prediction row, all layers) lowers NDCG@10" in deep
    table = DIAGNOSTIC.summaries(results)["effect on NDCG@10"].table
    largest = table[table["row"] == "largest"].set_index("series")["estimate"]
    assert largest.round(1).to_dict() == {"SASRec": 0.1, "AC-SASRec": -0.1}
    by_layer = DIAGNOSTIC.summaries(results)["effect by layer"].table
    shown = by_layer.groupby("panel")["series"].agg(lambda names: sorted(set(names)))
    assert shown.to_dict() == {
        "layer 1": ["AC-SASRec", "SASRec"],
        "all layers": ["AC-SASRec", "SASRec"],
    }
    first = DIAGNOSTIC.by_user(results).whole().drop_duplicates("model").set_index("model")["layer"]
    assert first.to_dict() == {"SASRec": "1", "AC-SASRec": "all"}
    assert len(DIAGNOSTIC.exclusions(results)) == 1
