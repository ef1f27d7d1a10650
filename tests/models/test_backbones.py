"""The whole grid of backbones and calibrations: what each may see, learns, and keeps."""

import pytest
import torch
from torch import Tensor

from models import CalibrationConfig, Recommender
from models.calibration import AdversarialCalibrator
from tests.models.variants import MAX_LENGTH, N_ITEMS, SIZES, VARIANTS, build, near, stamped
from workbench import load_model, save_model
from workbench.attention.recording import record_attention

GRID = [(backbone, variant) for backbone in SIZES for variant in VARIANTS]
OTHERS = [(backbone, variant) for backbone, variant in GRID if backbone != "SASRec"]
HISTORIES = [3, 1, 4, 1, 5], [9, 2, 6], [7]
TARGETS = torch.tensor([2, 8, 4])


def rows(model: Recommender, history: list[int]) -> Tensor:
    """Hidden states of one history as it is, [L, d]."""
    return model.encode(stamped(history), every_row=True)[0]


@pytest.mark.parametrize(("backbone", "variant"), OTHERS)
@torch.no_grad()
def test_what_an_earlier_row_sees(backbone, variant):
    model = build(variant, backbone=backbone)
    long, changed = rows(model, [3, 1, 4, 1, 5, 9]), rows(model, [3, 1, 4, 8, 2, 7])
    differs = (long - changed).abs().amax(-1) > 1e-9
    if not model.causal:
        assert differs.all()  # both ways
        return
    assert not differs[:3].any()
    assert differs[3:].all()
    near(rows(model, [3, 1, 4]), long[:3])


@pytest.mark.parametrize(("backbone", "variant"), OTHERS)
@torch.no_grad()
def test_padding_and_other_users_change_nothing(backbone, variant):
    model = build(variant, backbone=backbone)
    for width in (5, MAX_LENGTH):
        batch = stamped(*HISTORIES, width=width)
        together = model(batch)
        for user, history in enumerate(HISTORIES):
            alone = stamped(*[history] * (user + 1))  # the same user
            near(together[user], model(alone)[user])


@pytest.mark.parametrize(("backbone", "variant"), OTHERS)
@torch.no_grad()
def test_taps_pass_distributions_over_what_is_allowed(backbone, variant):
    model, batch = build(variant, backbone=backbone), stamped(*HISTORIES)
    assert len(model.taps()) == model.config.n_layers * len(model.stages)
    allowed, history = model.allowed(batch), model.history(batch)
    at = torch.arange(3), slice(None), slice(None), model.rows(batch)
    every = record_attention(model, batch, stages=model.stages, rows="all")
    last = record_attention(model, batch, stages=model.stages)
    for stage, weights in every.items():  # [B, layers, H, T, T]
        assert (weights.masked_select(~allowed[:, None].expand_as(weights)) == 0).all()
        real = weights.transpose(1, 3)[history]
        near(real.sum(-1), torch.ones_like(real[..., 0]))
        near(weights[at].sum(-1), torch.ones(3, 2, 2).double())
        items = weights[at] * history[:, None, None]
        near(last[stage], items[..., : batch.items.shape[1]])


@pytest.mark.parametrize(("backbone", "variant"), GRID)
def test_a_step_teaches_each_parameter_by_its_own_loss(backbone, variant):
    model, batch = build(variant, backbone=backbone), stamped(*HISTORIES)
    losses = model.losses(batch, TARGETS)
    theirs = {
        parameter
        for module in model.modules()
        if isinstance(module, AdversarialCalibrator)
        for parameter in module.parameters()
    }
    assert set(model.adversarial_parameters()) == theirs
    assert bool(theirs) == (losses.adversarial is not None) == model.is_adversarial
    main = {n: p for n, p in model.named_parameters() if p not in theirs}
    grads = torch.autograd.grad(
        losses.recommendation, list(main.values()), retain_graph=True, allow_unused=True
    )
    unused = {"query", "key", "key_intervals", "key_positions"}
    for (name, parameter), grad in zip(main.items(), grads, strict=True):
        if model.config.attention == "uniform" and unused & set(name.split(".")):
            continue
        assert grad is not None, name
        assert grad.isfinite().all(), name
        assert parameter.dim() == 1 or (grad != 0).any(), name
    if losses.adversarial is not None:
        for grad in torch.autograd.grad(losses.adversarial, list(theirs)):
            assert grad.isfinite().all()
    with torch.no_grad():
        for parameter, grad in zip(main.values(), grads, strict=True):
            if grad is not None:
                parameter -= 1e-6 * grad
        assert model.losses(batch, TARGETS).recommendation < losses.recommendation


@pytest.mark.parametrize(("backbone", "variant"), GRID)
def test_saved_and_loaded(backbone, variant, tmp_path):
    model, batch = build(variant, backbone=backbone).float(), stamped(*HISTORIES)
    found = load_model(save_model(model, tmp_path / "model"))
    assert type(found) is type(model)
    assert found.config == model.config
    assert torch.equal(found.scores(batch), model.scores(batch))
    assert found.scores(batch).shape == (3, N_ITEMS + 1)


@torch.no_grad()
@pytest.mark.parametrize("backbone", SIZES)
def test_unnormalised_weights_stay_masked(backbone):
    """As the reference has them in SSE-PT and TiSASRec."""
    calibration = CalibrationConfig(normalization="none")
    model = build("AC-gate-two-softmax-od", backbone=backbone, calibration=calibration)
    batch = stamped(*HISTORIES)
    weights = record_attention(model, batch, rows="all")["attention"]
    assert (weights.masked_select(~model.allowed(batch)[:, None].expand_as(weights)) == 0).all()
    assert weights.sum(-1).max() <= torch.e
    assert weights.sum(-1).max() > 1.01
