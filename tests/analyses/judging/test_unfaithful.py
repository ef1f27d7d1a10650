"""Models whose attention is unfaithful by construction."""

import copy

import pytest
import torch

from analyses.judging import unfaithful
from models import Batch, CalibrationConfig, ModelConfig, make_model
from workbench import edit_attention, edits, record_attention

BATCH = Batch(torch.tensor([[5, 3, 5, 5, 3, 7], [1, 2, 4, 6, 0, 0]]), torch.tensor([6, 4]))


def model(**options):
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "inner_size": 8, "n_heads": 2, "initializer_range": 1.0}
    return make_model(ModelConfig("tiny", 9, 6, **(sizes | options))).eval()


def shown(made, rows="prediction"):
    return record_attention(made, BATCH, rows=rows)["attention"]


@pytest.mark.parametrize("calibration", [None, CalibrationConfig(adversarial=False)])
def test_mislabelled_scores_the_same_and_shows_the_same_weights_elsewhere(calibration):
    plain = model(calibration=calibration, position_embedding=calibration is None)
    made = unfaithful.mislabelled(plain)
    torch.testing.assert_close(made.scores(BATCH), plain.scores(BATCH))
    assert not torch.allclose(shown(made), shown(plain))
    torch.testing.assert_close(shown(made).sort(-1).values, shown(plain).sort(-1).values)
    assert (shown(made)[1, :, :, 4:] == 0).all()  # padding


def test_an_edit_of_mislabelled_weights_acts_on_the_weights_that_were_shown():
    plain = model()
    made = unfaithful.mislabelled(plain)
    with edit_attention(plain, edits.remove_largest, rows="all"):
        expected = plain.scores(BATCH)
    with edit_attention(made, edits.remove_largest, rows="all"):
        torch.testing.assert_close(made.scores(BATCH), expected)


def test_permuted_weights_are_used_as_they_are_shown():
    plain = model(n_layers=1)
    made = unfaithful.permuted(plain)
    dealt = shown(made, "all")[:, 0]
    with edit_attention(plain, lambda weights, _: dealt, rows="all"):
        expected = plain.scores(BATCH)
    torch.testing.assert_close(made.scores(BATCH), expected)
    assert not torch.allclose(expected, plain.scores(BATCH))


def test_what_is_dealt_depends_on_the_history_alone():
    made = unfaithful.permuted(model())
    alone = Batch(BATCH.items[1:, :4], BATCH.lengths[1:])
    torch.testing.assert_close(made.scores(alone), made.scores(BATCH)[1:])
    torch.testing.assert_close(made.scores(BATCH), copy.deepcopy(made).scores(BATCH))


def test_a_weight_is_shown_at_the_next_copy_of_its_item():
    plain = model()
    made = unfaithful.wrong_copy(plain)
    # 5 stands at 0, 2, 3; 3 at 1, 4; 7 alone
    torch.testing.assert_close(shown(made)[0], shown(plain)[0][..., [3, 4, 0, 2, 1, 5]])
    torch.testing.assert_close(shown(made)[1], shown(plain)[1])
    torch.testing.assert_close(made.scores(BATCH), plain.scores(BATCH))
    earlier = shown(made, "all")[0, :, :, 2]  # a row that sees 5, 3, 5
    torch.testing.assert_close(earlier[..., :3], shown(plain, "all")[0, :, :, 2][..., [2, 1, 0]])


def test_decorated_attention_shows_a_softmax_that_nothing_depends_on():
    plain = model(attention="uniform")
    made = unfaithful.decorated(plain)
    torch.testing.assert_close(made.scores(BATCH), plain.scores(BATCH))
    assert shown(made)[0].std(-1).min() > 0.01
    torch.testing.assert_close(shown(made).sum(-1), torch.ones(2, 2, 2))
    with edit_attention(made, edits.remove_largest, rows="all"):
        torch.testing.assert_close(made.scores(BATCH), plain.scores(BATCH))


def test_the_original_stays():
    plain = model()
    before = plain.scores(BATCH)
    unfaithful.permuted(plain)
    torch.testing.assert_close(plain.scores(BATCH), before)
