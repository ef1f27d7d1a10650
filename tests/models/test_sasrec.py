"""What holds for every variant: nothing from later, from padding, or from other users."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models import Batch, SASRec
from models.calibration import AdversarialCalibrator
from tests.models.variants import (
    MAX_LENGTH,
    N_ITEMS,
    VARIANTS,
    attack_on,
    batch_of,
    build,
    losses_of,
)
from workbench.attention.recording import record_attention

HISTORIES = [3, 1, 4, 1, 5], [9, 2, 6], [7]


@pytest.fixture(params=VARIANTS)
def model(request):
    return build(request.param)


def near(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-11)


def noise_of(batch: Batch) -> Tensor:
    """The same noise at the same place of every history, whatever the padding: [B, H, L, L]."""
    size, width = MAX_LENGTH, batch.items.shape[1]
    noise = torch.randn(2, size, size, generator=torch.Generator().manual_seed(1)).double()
    return noise[:, :width, :width].expand(len(batch.items), -1, -1, -1)


def hidden_states(model: SASRec, batch: Batch, **how: Any) -> dict[str, Tensor]:
    """Hidden states as they are, and under attack where there is an adversary."""
    found = {"hidden": model.encode(batch, **how)}
    if model.is_adversarial:
        passed = attack_on(model, batch, noise_of(batch), **how)
        near(passed.hidden, found["hidden"])
        found["attacked"] = passed.attacked
    return found


def every_row(model: SASRec, batch: Batch) -> dict[str, Tensor]:
    """All that is computed: hidden states [B, L, d], weights [B, L, layers x heads, key]."""
    found = hidden_states(model, batch, every_row=True)
    stages = record_attention(model, batch, stages=model.stages, rows="all")
    return found | {name: w.flatten(1, 2).transpose(1, 2) for name, w in stages.items()}


@torch.no_grad()
def test_later_items_never_reach_an_earlier_row(model):
    long = every_row(model, batch_of([3, 1, 4, 1, 5, 9]))
    changed = every_row(model, batch_of([3, 1, 4, 8, 2, 7]))
    short = every_row(model, batch_of([3, 1, 4]))
    for name, alone in short.items():
        near(changed[name][:, :3], long[name][:, :3])
        near(alone, long[name][:, :3, ..., : alone.shape[-1]])
    # the rows that may see the change do
    assert ((long["hidden"] - changed["hidden"])[0, 3:].abs().amax(-1) > 1e-6).all()


def test_no_gradient_from_later_items_or_padding(model):
    batch = batch_of([3, 1, 4, 1, 5], [9, 2, 6])
    embeddings = model.embed(batch).detach().requires_grad_()
    states = hidden_states(model, batch, embeddings=embeddings, every_row=True)
    cotangent = torch.randn(8, generator=torch.Generator().manual_seed(2)).double()
    for hidden in states.values():
        for user, row in batch.valid.nonzero().tolist():
            (grad,) = torch.autograd.grad(
                hidden[user, row] @ cotangent, embeddings, retain_graph=True
            )
            assert (grad[user, : row + 1].abs().amax(-1) > 0).all()
            assert (grad[user, row + 1 :] == 0).all()
            assert (grad[1 - user] == 0).all()


@torch.no_grad()
@pytest.mark.parametrize("width", [5, MAX_LENGTH])
def test_padding_and_other_users_change_nothing(model, width):
    together = every_row(model, batch_of(*HISTORIES, width=width))
    for user, history in enumerate(HISTORIES):
        for name, alone in every_row(model, batch_of(history)).items():
            near(together[name][user, : len(history), ..., : alone.shape[-1]], alone[0])


@torch.no_grad()
def test_weights_sum_to_one_over_what_is_allowed(model):
    batch = batch_of(*HISTORIES, width=6)
    for weights in record_attention(model, batch, stages=model.stages, rows="all").values():
        assert weights.shape == (3, 2, 2, 6, 6)
        for user, history in enumerate(HISTORIES):
            for row in range(len(history)):
                assert (weights[user, ..., row, : row + 1] > 0).all()
                assert (weights[user, ..., row, row + 1 :] == 0).all()
                near(weights[user, ..., row, :].sum(-1), torch.ones(2, 2).double())


@torch.no_grad()
def test_the_prediction_row_alone_is_the_full_computation(model):
    batch = batch_of(*HISTORIES)
    full = every_row(model, batch)
    found = hidden_states(model, batch)
    at = torch.arange(len(HISTORIES)), torch.tensor([len(h) - 1 for h in HISTORIES])
    near(model(batch), full["hidden"][at])
    for name, hidden in found.items():
        near(hidden[:, 0], full[name][at])


@torch.no_grad()
def test_losses_are_cross_entropies_of_rows_that_have_not_seen_their_target(model):
    batch = batch_of([3, 1, 4, 1, 5], [9, 2, 6])
    unseen = batch_of([3, 1, 7, 7, 7], [9, 2, 6])  # the target 4 and what follows are replaced
    targets = torch.tensor([[0, 4, 0, 0, 0], [2, 0, 8, 0, 0]])
    found = losses_of(model, batch, targets, noise_of(batch))
    rows = every_row(model, unseen)
    rec, att = (
        F.cross_entropy(
            rows[name][[0, 1, 1], [1, 0, 2]] @ model.item_embedding.weight.T,
            torch.tensor([4, 2, 8]),
        )
        if name in rows
        else None
        for name in ("hidden", "attacked")
    )
    near(found.recommendation, rec)
    assert (found.adversarial is None) == (att is None)
    if found.adversarial is not None:
        mask = record_attention(model, batch, stages=["mask"], rows="all")["mask"]
        penalty = (1 - mask).pow(2).sum((0, 2, 3, 4)).sqrt().mean()  # one norm a layer
        near(found.adversarial, 0.03 * penalty - att)


def test_each_parameter_learns_from_its_own_loss(model):
    batch = batch_of(*HISTORIES)
    losses = losses_of(model, batch, torch.tensor([2, 8, 4]), noise_of(batch))
    theirs = {
        parameter
        for module in model.modules()
        if isinstance(module, AdversarialCalibrator)
        for parameter in module.parameters()
    }
    assert set(model.adversarial_parameters()) == theirs
    assert len(theirs) == (2 * 4 if model.is_adversarial else 0)  # two affine maps a layer
    parts = [(losses.recommendation, [p for p in model.parameters() if p not in theirs])]
    if losses.adversarial is not None:
        parts.append((losses.adversarial, list(theirs)))
    unused = {"query", "key"} if model.config.attention == "uniform" else set()
    names = {parameter: name for name, parameter in model.named_parameters()}
    for loss, parameters in parts:
        grads = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        for parameter, grad in zip(parameters, grads, strict=True):
            if unused & set(names[parameter].split(".")):
                assert grad is None or (grad == 0).all()
            else:
                assert grad is not None
                # a shift of all keys leaves plain attention as it is: biases may get nothing
                assert parameter.dim() == 1 or (grad != 0).any(), names[parameter]


@torch.no_grad()
def test_scores(model):
    batch = batch_of(*HISTORIES)
    scores = model.scores(batch)
    assert scores.shape == (3, N_ITEMS + 1)
    assert (scores[:, 0] == -torch.inf).all()
    near(scores[:, 1:], model(batch) @ model.item_embedding.weight[1:].T)
    near(model.score(model(batch), torch.tensor([[2, 5]] * 3)), scores[:, [2, 5]])


def test_too_long_a_history_is_told():
    with pytest.raises(ValueError, match="longer than max_length 8; keep the last 8"):
        build("SASRec")(batch_of([1] * (MAX_LENGTH + 1)))


def test_positions_that_count_from_the_end_are_those_of_a_left_padded_history():
    start, end = build("SASRec"), build("SASRec", position_from="end")
    full = batch_of(list(range(1, MAX_LENGTH + 1)))
    assert torch.equal(start.scores(full), end.scores(full))
    short = batch_of([3, 1, 4], [9, 2], width=6)
    with torch.no_grad():  # the last rows of its table are the first ones of the other's
        table = start.position_embedding.weight.clone()
        for row, length in enumerate((3, 2)):
            end.position_embedding.weight[MAX_LENGTH - length :] = table[:length]
            assert torch.equal(end.scores(short)[row], start.scores(short)[row])
