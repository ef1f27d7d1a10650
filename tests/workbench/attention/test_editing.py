"""Edited passes: whatever the edit, nothing reaches padding or the future, and nothing is left."""

import copy
import pickle
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.variants import batch_of, build
from tests.workbench.attention.test_edits import EDITS
from tests.workbench.tiny import data_of
from workbench.attention import edits
from workbench.attention.base_pass import BasePass
from workbench.attention.editing import Edited, edit_attention, edited_scores
from workbench.attention.edits import remove_largest, uniform
from workbench.attention.recording import record_attention
from workbench.errors import WorkbenchError
from workbench.explaining.methods import explain
from workbench.training.trainer import train

BATCH = batch_of([3, 1, 4, 1, 5], [9, 2, 6], [7], width=6)
ALLOWED = (torch.ones(6, 6).tril().bool() & BATCH.valid[:, None])[:, None, None]
VARIANTS = [
    "SASRec",
    "SASRec-uniform",
    "light-od",
    "AC-gate-two-softmax-od",
    "AC-fixed-one-learned-renormalize-o",
    "AC-annealing-one-half-softmax-d",
]
model_of = cache(build)
PARTS = st.sampled_from([None, [0], [1], [0, 1]])


def recorded(model):
    return record_attention(model, BATCH, stages=model.stages, rows="all")


def hooks(model):
    return [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]


@settings(max_examples=150)
@given(st.data())
def test_after_any_edit_rows_are_distributions_over_what_is_allowed(data):
    model = model_of(data.draw(st.sampled_from(VARIANTS)))
    stage = data.draw(st.sampled_from(model.stages))
    fitting = sorted(EDITS.keys() - {"raised"})  # whose keys are those of two histories
    edit = EDITS[data.draw(st.sampled_from(fitting))]
    rows = data.draw(st.sampled_from(["prediction", "all"]))
    plain = recorded(model)
    with edit_attention(
        model, edit, layers=data.draw(PARTS), heads=data.draw(PARTS), rows=rows, stage=stage
    ):
        edited = recorded(model)
    for name, weights in edited.items():
        assert (weights.masked_select(~ALLOWED.expand_as(weights)) == 0).all()
        torch.testing.assert_close(weights.sum(-1), plain[name].sum(-1), rtol=1e-9, atol=0)
        # rows with one allowed key, the first of each history, keep it
        torch.testing.assert_close(weights[..., 0, :], plain[name][..., 0, :], rtol=1e-9, atol=0)
    if rows == "prediction":  # nothing but the last row of a history can have changed
        for name, weights in edited.items():
            for user, length in enumerate(BATCH.lengths):
                earlier = (user, slice(None), slice(None), slice(0, length - 1))
                assert torch.equal(weights[earlier], plain[name][earlier])
    assert not any(hooks(model))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("rows", ["prediction", "all"])
def test_the_chosen_layer_head_and_row_are_edited_by_hand(variant, rows):
    model = model_of(variant)
    plain = recorded(model)["attention"]
    with edit_attention(model, remove_largest, layers=[1], heads=[0], rows=rows):
        edited = recorded(model)["attention"]
    assert torch.equal(edited[:, 0], plain[:, 0])
    assert torch.equal(edited[:, 1, 1], plain[:, 1, 1])
    for user, length in enumerate(BATCH.lengths.tolist()):
        for row in range(length):
            wanted = plain[user, 1, 0, row].tolist()
            has_largest = row > 0 and variant != "SASRec-uniform"
            if has_largest and (rows == "all" or row == length - 1):
                wanted[wanted.index(max(wanted))] = 0.0
                wanted = [w / sum(wanted) for w in wanted]
            assert edited[user, 1, 0, row].tolist() == pytest.approx(wanted)


@torch.no_grad()
def test_sasrec_made_uniform_is_the_uniform_model():
    learned, frozen = model_of("SASRec"), model_of("SASRec-uniform")
    with edit_attention(learned, uniform, rows="all"):
        found = learned(BATCH)
    torch.testing.assert_close(found, frozen(BATCH), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(learned(BATCH), found)


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_change_inside_and_only_inside(variant):
    model = model_of(variant)
    before = model(BATCH)
    with edit_attention(model, remove_largest):
        inside = model(BATCH)
    moved = (inside - before).abs().amax(-1) > 1e-9
    has_largest = variant != "SASRec-uniform"
    assert moved.tolist() == [has_largest, has_largest, False]  # the last history has one item
    assert torch.equal(model(BATCH), before)


@torch.no_grad()
def test_each_pass_is_edited_with_its_own_batch():
    model, other = model_of("SASRec"), batch_of([8, 8], [1, 2])
    with edit_attention(model, remove_largest):
        alone = model(other)
    with edit_attention(model, remove_largest):
        model(BATCH)
        torch.testing.assert_close(model(other), alone, rtol=0, atol=0)


def test_hooks_are_removed_when_the_model_or_the_caller_raises():
    model = model_of("SASRec")
    with pytest.raises(ValueError, match="longer than"), edit_attention(model, remove_largest):
        model(batch_of([1] * 9))
    with pytest.raises(KeyError), edit_attention(model, remove_largest):
        raise KeyError
    assert not any(hooks(model))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"stage": "mask"}, "SASRec has no attention stage 'mask'; it has attention"),
        (
            {"layers": [2]},
            "no layer 2; choose from 0 to 1, counted from 0: attention layer 1 is 0",
        ),
        ({"layers": [-1]}, "no layer -1"),
        ({"layers": 1}, r"layers are given as a list; write layers=\[1\]"),
        ({"heads": [0, 2]}, "SASRec has no head 2; choose from 0 to 1"),
    ],
)
def test_what_the_model_has_not_is_told(options, told):
    model = model_of("SASRec")
    with pytest.raises(WorkbenchError, match=told), edit_attention(model, uniform, **options):
        pass
    assert not any(hooks(model))


@pytest.mark.parametrize("passed_before", [False, True])
@pytest.mark.parametrize("method", ["norm-based", "value zeroing"])
def test_what_is_no_whole_pass_is_not_edited_as_the_pass_before(method, passed_before):
    model, other = model_of("SASRec"), batch_of([8, 8], [1, 2])
    with edit_attention(model, remove_largest):
        if passed_before:
            model(BATCH)
        with pytest.raises(WorkbenchError, match="edited in whole passes"):
            explain(model, other, torch.tensor([3, 4]), method)
    assert explain(model, other, torch.tensor([3, 4]), method).isfinite().all()


def test_a_model_is_not_trained_while_it_is_edited():
    model = build("SASRec").float()
    data = data_of([1, 2, 3, 4, 5], [2, 3, 4, 5, 6])
    with edit_attention(model, remove_largest), pytest.raises(WorkbenchError, match="training"):
        train(model, data, epochs=1, progress=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, pickle.dumps])
def test_an_edited_model_is_not_copied_with_its_edit(copied):
    model = build("SASRec")
    with edit_attention(model, remove_largest), pytest.raises(WorkbenchError, match="be copied"):
        copied(model)
    copied(model)


def test_a_name_is_no_model():
    with (
        pytest.raises(WorkbenchError, match="'SASRec' is a name"),
        edit_attention("SASRec", uniform),
    ):
        pass


@torch.no_grad()
def test_a_batch_may_be_given_by_name():
    model = model_of("SASRec")
    with edit_attention(model, remove_largest):
        assert torch.equal(model(batch=BATCH), model(BATCH))


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda w, a: torch.full_like(w, 1 / w.shape[-1]), "puts 0.833 on keys it may not attend"),
        (lambda w, a: -3 * w, r"with a weight below 0 \(-3\)"),
        (lambda w, a: 2 * w, "a row that sums to 2;"),
        (lambda w, a: 0 * w, "a row that sums to 0;"),
        (lambda w, a: w.mul_(2), "a row that sums to 2;"),
        (lambda w, a: w * torch.nan, "a row with NaN"),
        (lambda w, a: None, "gives a NoneType in the place of weights; return a tensor"),
        (lambda w, a: w.numpy(), "gives a ndarray"),
        (lambda w, a: w[..., :2], r"makes weights of \[3, 2, 6, 2\], torch.float64 on cpu of"),
        (lambda w, a: w.float(), "torch.float32 on cpu of those of"),
        (lambda w, a: remove_largest, "gives a function in the place of weights"),
        (edits.remove_matched, "remove_matched is no function of weights and allowed; .* call"),
        (edits.remove_k_largest, "remove_k_largest is no function of weights and allowed; .* call"),
        (lambda w: w, "is no function of weights and allowed"),
        ("uniform", "the edit is 'uniform'; give a function"),
    ],
)
def test_an_edit_that_gives_no_weights_is_told(edit, told):
    model = build("SASRec")
    with (
        torch.no_grad(),
        pytest.raises(WorkbenchError, match=told),
        edit_attention(model, edit, rows="all"),
    ):
        model(BATCH)
    assert not any(hooks(model))


@pytest.mark.parametrize("options", [{}, {"backbone": "BERT4Rec"}, {"left_padding": "token"}])
@pytest.mark.parametrize("rows", ["prediction", "all"])
def test_edits_that_go_on_from_a_kept_pass_are_looked_at_alike(options, rows):
    model = build("SASRec", **options)
    tokens = model.history(BATCH).shape[1]
    good = [Edited(remove_largest, rows=rows)] * (tokens - 1)  # with one more, as many as tokens
    found = list(edited_scores(BasePass(model, BATCH), [*good, Edited(uniform, rows=rows)]))
    assert len(found) == tokens
    wrong = Edited(lambda weights, allowed: 2 * weights, rows=rows)
    with pytest.raises(WorkbenchError, match=r"a row that sums to [12]"):
        list(edited_scores(BasePass(model, BATCH), [*good, wrong]))


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("name", sorted(EDITS.keys() - {"raised"}))
def test_what_rounding_leaves_of_a_distribution_is_one(name, dtype):
    model = build("SASRec").to(dtype)
    with edit_attention(model, EDITS[name], rows="all"):
        assert model(BATCH).isfinite().all()


@torch.no_grad()
def test_an_edit_of_ones_own_is_made_as_it_stands():
    model = model_of("SASRec")
    with edit_attention(model, lambda w, allowed: allowed / allowed.sum(-1, keepdim=True) + 0 * w):
        found = model(BATCH)
    with edit_attention(model, uniform):
        torch.testing.assert_close(found, model(BATCH))
