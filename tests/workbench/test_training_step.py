"""One step of training against losses and gradients written out by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook

from models import Batch, SASRec
from models.adversary import attack
from workbench import build_model, train
from workbench.data import planted
from workbench.data.sequences import SequenceData

WIDTH = 6


def histories(data: SequenceData, objective: str) -> list[tuple[list[int], list[int]]]:
    """(inputs, the item after each), from sequences of ten whose last two items are held out."""
    sequences = [data.history(user)[:-2].tolist() for user in range(data.n_users)]
    if objective == "positions":  # seven inputs: a window of six from the end, and one of the rest
        return [(s[1:7], s[2:8]) for s in sequences] + [(s[:1], s[1:2]) for s in sequences]
    return [
        (s[max(0, end - WIDTH) : end], [0] * (min(end, WIDTH) - 1) + [s[end]])
        for s in sequences
        for end in range(1, 8)
    ]


def losses(model: SASRec, data: SequenceData, objective: str) -> tuple[Tensor, Tensor]:
    """Cross-entropy; minus that of the attacked branch, plus 0.03 times the mean ||1 - M||."""
    pairs = histories(data, objective)
    items, targets = (
        torch.tensor([row + [0] * (WIDTH - len(row)) for row in rows])
        for rows in zip(*pairs, strict=True)
    )
    batch = Batch(items, torch.tensor([len(inputs) for inputs, _ in pairs]))
    passed = attack(model.encoder, *model.prepare(batch, every_row=True))
    table = model.item_embedding.weight
    wanted = targets > 0
    recommendation = F.cross_entropy(passed.hidden[wanted] @ table.T, targets[wanted])
    attacked = F.cross_entropy(passed.attacked[wanted] @ table.T, targets[wanted])
    norms = torch.stack([(1 - mask).square().sum().sqrt() for mask in passed.masks])
    return recommendation, 0.03 * norms.mean() - attacked


@pytest.mark.parametrize("objective", ["prefixes", "positions"])
def test_each_loss_moves_its_own_parameters_only(monkeypatch, objective):
    data = planted("distance", n_users=30, n_items=12, length=10, n_causes=4, lag=2).data
    torch.manual_seed(0)
    model = build_model(
        "AC-SASRec",
        data,
        hidden_size=8,
        inner_size=8,
        max_length=WIDTH,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        initializer_range=0.5,  # so that no gradient is negligible
    ).double()
    # the same noise for every row of every history, as these may come in any order
    monkeypatch.setattr(
        torch,
        "randn_like",
        lambda x: torch.linspace(-1, 1, WIDTH, dtype=x.dtype)[: x.shape[-1]].expand_as(x),
    )
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    recommendation, adversarial = losses(model, data, objective)
    parameters = list(model.parameters())
    by_recommendation, by_adversary = (
        dict(
            zip(
                before,
                torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True),
                strict=True,
            )
        )
        for loss in (recommendation, adversarial)
    )
    own = {f"encoder.layers.{i}.weights.adversarial.{n}.{w}"
           for i in (0, 1) for n in ("query", "key") for w in ("weight", "bias")}  # fmt: skip
    assert own < set(before)
    # the other loss would be felt
    assert max(by_recommendation[name].abs().max() for name in own) > 1e-4
    assert max(by_adversary[name].abs().max() for name in set(before) - own) > 1e-4

    stepped: list[dict[int, Tensor]] = []
    handle = register_optimizer_step_pre_hook(
        lambda optimizer, *_: stepped.append(
            {id(p): p.grad.clone() for group in optimizer.param_groups for p in group["params"]}
        )
    )
    try:
        train(
            model,
            data,
            objective=objective,
            epochs=1,
            batch_size=10_000,
            learning_rate=1e-3,
            device="cpu",
            progress=False,
        )
    finally:
        handle.remove()
    (grads,) = stepped
    for name, parameter in model.named_parameters():
        grad = (by_adversary if name in own else by_recommendation)[name]
        torch.testing.assert_close(grads[id(parameter)], grad, rtol=1e-6, atol=1e-12)
        first = before[name] - 1e-3 * grad / (grad.abs() + 1e-8)  # Adam
        settled = grad.abs() > 1e-9  # elsewhere rounding decides
        np.testing.assert_allclose(
            parameter.detach()[settled], first[settled], rtol=0, atol=1e-7, err_msg=name
        )
