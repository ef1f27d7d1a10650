"""The adversary of AC-TSR (CIKM 2023), which teaches the adversarial calibrators.

It exchanges the last layer's attention for noise where its masks M are low, and learns to do so
where that hurts a prediction most: its loss is minus the cross-entropy under attack, plus a penalty
for masks far from one. Both come from the pass that the recommendation is learned from.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from models.attention import Projected, queries_of, rows_of
from models.batch import Batch
from models.calibrated_attention import AdversarialAttention
from models.calibration import AdversarialCalibrator
from models.kernels import mask_penalty
from models.negatives import Negatives
from models.transformer import Context, Encoder, TransformerLayer

if TYPE_CHECKING:
    from models.recommender import Recommender


class Attack(NamedTuple):
    """What one pass gives, with and without the adversary.

    Attributes
    ----------
    hidden : [B, 1 or L, d], what the encoder gives by itself.
    attacked : the same with the last layer's perturbed weights.
    masks : M of every layer, each [B, H, L, L].
    """

    hidden: Tensor
    attacked: Tensor
    masks: list[Tensor]


def adversarial_losses(
    model: "Recommender",
    batch: Batch,
    targets: Tensor,
    noise: Tensor | None = None,
    negatives: Negatives | None = None,
) -> tuple[Tensor, Tensor]:
    """The loss of the recommendation, and the loss of the adversarial calibrators.

    Parameters
    ----------
    model : one whose calibration is adversarial.
    batch, targets : as in `Recommender.losses`.
    noise : as in `attack`.
    negatives : as in `Recommender.losses`.

    Returns
    -------
    tuple of Tensor
        Two scalars: the loss of the predictions, for all parameters but the adversarial ones; and
        lambda times the mean over layers of ||1 - M||_2, minus the loss under attack, for
        those alone.
    """
    assert model.config.calibration is not None
    x, context = model.prepare(batch, every_row=targets.dim() == 2)
    hidden, attacked, masks = attack(model.encoder, x, context, noise)
    recommendation = model.prediction_loss(hidden, targets, negatives)
    penalty = torch.stack([mask_penalty(mask) for mask in masks]).mean()
    broken = model.prediction_loss(attacked, targets, negatives, items_learn=False)
    return recommendation, model.config.calibration.penalty * penalty - broken


def attack(encoder: Encoder, x: Tensor, context: Context, noise: Tensor | None = None) -> Attack:
    """One pass through the layers, the last of which is run a second time under attack.

    Parameters
    ----------
    encoder : one with adversarial attention in every layer.
    x, context : as in `Encoder.forward`.
    noise : eps, [B, H, L, L], in place of a standard normal draw.
    """
    *earlier, last = encoder.layers
    masks = []
    for layer in earlier:
        p, mask = _masked(layer, x, context)
        masks.append(mask)
        x = layer.feed_forward(layer.attend(_adversarial(layer)(p, mask), p, x))
    p, mask = _masked(last, x, context)
    masks.append(mask)
    rows = None if context.rows is None else context.rows[:, None]
    if rows is not None and not last.hooked:  # as in `TransformerLayer.forward`
        p, x, mask = p.at(rows), rows_of(x, rows), queries_of(mask, rows)
        noise = None if noise is None else queries_of(noise, rows)
        rows = None
    noise = torch.randn_like(mask) if noise is None else noise
    weights, perturbed = _adversarial(last).under_attack(p, mask, noise)
    attacked = last.feed_forward(last.attend(perturbed, p, x))
    hidden = last.feed_forward(last.attend(weights, p, x))
    if rows is not None:
        hidden, attacked = rows_of(hidden, rows), rows_of(attacked, rows)
    return Attack(encoder.norm(hidden), encoder.norm(attacked), masks)


def adversarial_parameters(model: nn.Module) -> list[nn.Parameter]:
    """W_aq and W_ak of every layer: all that the adversarial loss teaches."""
    calibrators = [m for m in model.modules() if isinstance(m, AdversarialCalibrator)]
    return [parameter for m in calibrators for parameter in m.parameters()]


def _masked(layer: TransformerLayer, x: Tensor, context: Context) -> tuple[Projected, Tensor]:
    """Queries, keys and values of a layer, and M of all its rows, [B, H, L, L]."""
    p = layer.project(x, context)
    return p, _adversarial(layer).mask(p)


def _adversarial(layer: TransformerLayer) -> AdversarialAttention:
    assert isinstance(layer.weights, AdversarialAttention)
    return layer.weights
