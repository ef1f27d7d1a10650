"""The attention of a layer against its formulas, written out with autograd's own operations."""

import math

import pytest
import torch
from torch.nn import functional as F

from models.attention import Projected, split_heads
from models.calibration import GateCorrection, SpatialCalibrator
from tests.models.concatenating import ConcatenatingCalibrator
from tests.models.variants import CALIBRATIONS, LIGHT, MAX_LENGTH, batch_of, build

HEADS = 2


def projected():
    """Three histories of 6, 4 and 1 items; the rows of padding are there too."""
    generator = torch.Generator().manual_seed(2)
    query, key = torch.randn(2, 3, 6, 8, generator=generator).double()
    valid = torch.arange(6) < torch.tensor([[6], [4], [1]])
    allowed = torch.ones(6, 6).tril().bool() & valid[:, None]
    return Projected(query, key, key, torch.arange(6)[None], allowed[:, None])


def layer_of(variant):
    return build(variant).encoder.layers[1].weights


def near(found, wanted):
    # one logarithm is held in single precision, hence no more than seven digits
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)


def softmax(x, allowed):
    return x.masked_fill(~allowed, -1e30).softmax(-1) * allowed


def plain_and_spatial(layer, p):
    """A0 and A."""
    q, k = split_heads(p.query, HEADS), split_heads(p.key, HEADS)
    scores, scale = q @ k.mT, q.shape[-1] ** 0.5
    before = softmax(scores / scale, p.allowed)
    if getattr(layer, "spatial", None) is None:
        return before, before
    scores = ConcatenatingCalibrator.forward(layer.spatial, scores, q, k, p.rows, causal=True)
    return before, softmax(scores / scale, p.allowed)


def corrected(layer, base, calibrated, query):
    """What the correction module makes of A and A_c, not yet normalised."""
    length = base.shape[-1]
    if layer.calibration.correction == "fixed":  # over all of max_length; what is masked is 0
        both = F.pad(base + 0.5 * calibrated, (0, MAX_LENGTH - length))
        return both.softmax(-1)[..., :length]
    ratio = math.exp(-0.5)  # annealing, at step 50,000 of 1e5
    if isinstance(layer.correction, GateCorrection):
        ratio = layer.correction.gate(query)[:, None, :, :length].sigmoid()
    return ratio * base + (1 - ratio) * calibrated


def written_out(layer, p, noise):
    """Attention and perturbed attention of a layer with both calibrators."""
    c, allowed = layer.calibration, p.allowed
    before, after = plain_and_spatial(layer, p)
    q, k = (
        split_heads(affine(x), HEADS)
        for affine, x in ((layer.adversarial.query, p.query), (layer.adversarial.key, p.key))
    )
    mask = softmax(q @ k.mT / q.shape[-1] ** 0.5, allowed)
    base = after if c.two_level else before
    combined = corrected(layer, base, softmax(base * (1 - mask).exp(), allowed), p.query)
    if c.normalization == "softmax":
        final = softmax(combined, allowed)
    else:
        final = combined * allowed / (combined * allowed).sum(-1, keepdim=True)
    if not c.two_level:
        ratio = layer.ratio if c.mix == "learned" else 0.5
        final = ratio * final + (1 - ratio) * after
    return final, softmax(mask * base + (1 - mask) * noise, allowed)


def test_plain_attention():
    p = projected()
    near(layer_of("SASRec")(p), plain_and_spatial(None, p)[0])


def test_uniform_attention():
    p = projected()
    found = layer_of("SASRec-uniform")(p)
    wanted = torch.tensor([1, 0.5, 1 / 3, 0.25, 0.25, 0.25]).double()  # four items, two of padding
    near(found[1, :, :, 0], wanted.expand(HEADS, -1))
    assert ((found > 0) == p.allowed).all()
    near(found.sum(-1), torch.ones(3, HEADS, 6).double())


@pytest.mark.parametrize("variant", LIGHT)
def test_light_attention_is_the_spatial_calibrator_alone(variant):
    layer, p = layer_of(variant), projected()
    near(layer(p), plain_and_spatial(layer, p)[1])
    assert {name.split(".")[0] for name, _ in layer.named_parameters()} == {"spatial"}


@pytest.mark.parametrize("variant", CALIBRATIONS)
def test_calibrated_attention(variant):
    layer, p = layer_of(variant), projected()
    noise = torch.randn(3, HEADS, 6, 6, generator=torch.Generator().manual_seed(3)).double()
    attention, perturbed = written_out(layer, p, noise)
    near(layer(p), attention)
    found = layer.under_attack(p, layer.mask(p), noise)
    near(found[0], attention)
    near(found[1], perturbed)


@pytest.mark.parametrize("variant", ["light-od", "AC-gate-two-softmax-od", "light-d"])
def test_a_whole_model_with_concatenation_learns_the_same(variant):
    def losses_and_gradients(model):
        loss = model.losses(batch_of([3, 1, 4, 1, 5], [9, 2]), torch.tensor([2, 8])).recommendation
        main = [
            p for p in model.parameters() if id(p) not in map(id, model.adversarial_parameters())
        ]
        return [loss, *torch.autograd.grad(loss, main)]

    ours, slow = build(variant), build(variant)
    for module in slow.modules():
        if isinstance(module, SpatialCalibrator):
            module.__class__ = ConcatenatingCalibrator
    near(losses_and_gradients(ours), losses_and_gradients(slow))
