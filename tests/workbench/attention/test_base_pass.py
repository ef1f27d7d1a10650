"""What goes on from a kept pass against whole passes, over all that a model may be."""

from functools import cache

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models import ModelConfig, Recommender, SASRec
from tests.analyses.handmade import Handmade
from tests.models.variants import MAX_LENGTH, SIZES, VARIANTS, batch_of, build, lively, stamped
from tests.workbench.attention.test_edits import EDITS
from workbench.attention.base_pass import BasePass
from workbench.attention.editing import Edited, edit_attention, edited_scores
from workbench.attention.edits import power, remove_largest, uniform

HISTORIES = st.lists(
    st.lists(st.integers(1, 12), min_size=1, max_size=MAX_LENGTH), min_size=2, max_size=2
)
NEAR = {"rtol": 1e-11, "atol": 1e-11}  # sums in another order; BLAS has one for each shape
build_once = cache(build)


@st.composite
def models(draw) -> Recommender:
    """Every backbone and calibration, of up to three layers, normalised anywhere, or padded."""
    backbone, variant = draw(st.sampled_from(sorted(SIZES))), draw(st.sampled_from(list(VARIANTS)))
    options = {"n_layers": draw(st.integers(1, 3)), "n_heads": draw(st.sampled_from([1, 2, 4]))}
    options["norm"] = draw(st.sampled_from(["post", "query", "pre"]))
    options["position_from"] = draw(st.sampled_from(["start", "end"]))
    if backbone == "SASRec" and "calibration" not in VARIANTS[variant]:
        options["left_padding"] = draw(st.sampled_from(["masked", "zeros", "token"]))
    return build_once(variant, backbone=backbone, **options)


@st.composite
def edited(draw, model: Recommender) -> Edited:
    """An edit, and where it is made."""
    layers, heads = (
        draw(st.none() | st.lists(st.integers(0, count - 1), unique=True))
        for count in (model.config.n_layers, model.config.n_heads)
    )
    return Edited(
        EDITS[draw(st.sampled_from(sorted(EDITS)))],
        layers,
        heads,
        draw(st.sampled_from(["prediction", "prediction", "all"])),
        draw(st.sampled_from(model.stages)),
    )


@torch.no_grad()
@settings(max_examples=100)
@given(st.data())
def test_scores_under_edits_are_those_of_whole_passes(data):
    model = data.draw(models())
    batch = stamped(*data.draw(HISTORIES))
    if data.draw(st.booleans()):
        gone = data.draw(st.lists(st.booleans(), min_size=MAX_LENGTH, max_size=MAX_LENGTH))
        batch = batch.hiding(torch.tensor(gone)[: batch.items.shape[1]].expand_as(batch.items))
    base = BasePass(model, batch)
    assert base.kept is not None
    torch.testing.assert_close(base.scores(), model.scores(batch), **NEAR)
    edits = data.draw(st.lists(edited(model), min_size=1, max_size=4))
    for each, scores in zip(edits, edited_scores(base, edits), strict=True):
        with edit_attention(model, **vars(each)):
            expected = model.scores(batch)
        torch.testing.assert_close(scores, expected, **NEAR)
    assert not any(tap.hooked for tap in model.taps())


def rows_run(model: Recommender, edits: list[Edited]) -> list[int]:
    """How many rows of each history pass each layer for some edits."""
    base = BasePass(model, stamped([3, 1, 4, 1, 5], [9, 2, 6]))
    counts: list[int] = []
    handles = [
        layer.feed_forward.register_forward_hook(lambda _, __, x: counts.append(x.shape[1]))
        for layer in model.encoder.layers
    ]
    list(edited_scores(base, edits))
    for handle in handles:
        handle.remove()
    return counts


def test_an_edit_of_the_prediction_row_runs_that_row_alone():
    edits = [Edited(remove_largest), Edited(uniform), Edited(power(0.5))]
    for backbone in SIZES:  # the mask row of BERT4Rec is read by others, in layers nobody asks
        assert rows_run(build_once("SASRec", backbone=backbone), edits) == [3, 3]
    causal, both = (build_once("SASRec", backbone=b, n_layers=3) for b in ("SASRec", "BERT4Rec"))
    assert rows_run(causal, edits) == [3, 3, 3]
    assert rows_run(both, edits[:1]) == [6, 6, 1]
    assert rows_run(both, [Edited(uniform, [1])]) == [1, 1]
    assert rows_run(causal, [Edited(uniform, [2])] * 4) == [4]


def test_an_edit_of_all_rows_runs_no_layer_below():
    model = build_once("SASRec", n_layers=3)
    assert rows_run(model, [Edited(uniform, [1], rows="all")]) == [5, 1]
    assert rows_run(model, [Edited(uniform, [2], rows="all")]) == [1]


@torch.no_grad()
def test_a_model_that_keeps_nothing_or_is_changed_already_runs_whole_passes():
    handmade, batch = Handmade([8.0, 4.0, 2.0, 1.0, 16.0]), batch_of([1, 2, 3], [5, 2])
    model = build_once("SASRec")
    with edit_attention(model, power(0.5), rows="all"):
        for each in (handmade, model):
            base = BasePass(each, batch)
            assert base.kept is None
            (found,) = edited_scores(base, [Edited(uniform)], torch.tensor([[1], [2]]))
            with edit_attention(each, uniform):
                expected = each.scores(batch, torch.tensor([[1], [2]]))
            assert torch.equal(found, expected)
            assert torch.equal(base.scores(), each.scores(batch))


def test_a_class_with_a_pass_of_its_own_is_not_gone_on_from():
    class Louder(SASRec):
        """SASRec of larger hidden states."""

        def forward(self, batch, embeddings=None):
            return 2 * super().forward(batch, embeddings)

    model = lively(Louder(ModelConfig("Louder", 12, max_length=MAX_LENGTH)))
    base = BasePass(model, batch_of([1, 2, 3]))
    assert base.kept is None
    assert torch.equal(base.scores(), model.scores(base.batch))


def test_a_model_is_as_it_was_and_measured_without_dropout():
    model = build("SASRec", hidden_dropout=0.5).train()
    batch = batch_of([1, 2, 3])
    base = BasePass(model, batch)
    (found,) = edited_scores(base, [Edited(lambda weights, _: weights)])
    torch.testing.assert_close(found, base.scores(), **NEAR)
    assert model.training
    assert not found.requires_grad
