"""AC-SASRec as it is published: plainly written, slow, and the same mathematics.

As in the public implementation of AC-TSR (CIKM 2023), every query is concatenated with every key,
every row of every layer is computed, unused stages too, the attacked branch runs through every
layer, and dropout, softmax, cross-entropy and all gradients are PyTorch's own.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from models import Batch, Recommender
from models.recommender import Losses


class Concatenating:
    """The loss at the last position for the published configuration, with weights of its own.

    Covered: order and distance, two levels, the gate, softmax normalisation, no position embedding.
    """

    def __init__(self, model: Recommender) -> None:
        """Copy the weights of `model`; parameters keep their names."""
        self.config = model.config
        self.parameters = {
            name: parameter.detach().clone().requires_grad_()
            for name, parameter in model.named_parameters()
        }

    def losses(self, batch: Batch, targets: Tensor, noise: Tensor | None = None) -> Losses:
        """Both losses in training mode; noise: eps [B, H, L, L], the same for every layer."""
        calibration = self.config.calibration
        assert calibration is not None
        table = self.parameters["item_embedding.weight"]
        x = self._norm("norm.", F.embedding(batch.items, table, padding_idx=0))
        x = F.dropout(x, self.config.hidden_dropout)  # [B, L, d]
        norms = []
        for layer in range(self.config.n_layers):
            attacked, x, mask = self._layer(f"encoder.layers.{layer}.", x, batch, noise)
            norms.append((1 - mask).norm())
        at = torch.arange(len(targets))
        scores, attacked_scores = (h[at, batch.rows] @ table.T for h in (x, attacked))  # [B, V]
        adversarial = calibration.penalty * torch.stack(norms).mean()
        adversarial = adversarial - F.cross_entropy(attacked_scores, targets)
        return Losses(F.cross_entropy(scores, targets), adversarial)

    def _layer(
        self, name: str, x: Tensor, batch: Batch, noise: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Attacked and calibrated rows [B, L, d], and the mask M [B, H, L, L]."""
        length = x.shape[1]
        allowed = torch.ones(length, length, dtype=torch.bool).tril() & batch.valid[:, None, :]
        allowed = allowed[:, None]  # [B, 1, L, L]
        p_drop, scale = self.config.attention_dropout, self._heads(x).shape[-1] ** -0.5
        query, key, value = (self._linear(f"{name}{w}.", x) for w in ("query", "key", "value"))

        q, k = self._heads(query), self._heads(key)  # [B, H, L, dh]
        scores = q @ k.mT
        errors = self._spatial(f"{name}weights.spatial.", q, k)
        # the plain attention is computed and left, as the published model does
        F.dropout(_softmax(scores * scale, allowed), p_drop)
        weights = F.dropout(_softmax((scores + errors) * scale, allowed), p_drop)

        q, k = (
            self._heads(self._linear(f"{name}weights.adversarial.{which}.", source))
            for which, source in (("query", query), ("key", key))
        )
        mask = F.dropout(_softmax(q @ k.mT * scale, allowed), p_drop)
        eps = torch.randn_like(mask) if noise is None else noise
        perturbed = _softmax(mask * weights + (1 - mask) * eps, allowed)
        calibrated = _softmax(weights * torch.exp(1 - mask), allowed)
        gate = torch.sigmoid(self._linear(f"{name}weights.correction.gate.", query))
        gate = gate[:, None, :, :length]  # [B, 1, L, L]: a value per key position
        combined = _softmax(gate * weights + (1 - gate) * calibrated, allowed)
        return self._mix(name, perturbed, value, x), self._mix(name, combined, value, x), mask

    def _spatial(self, name: str, q: Tensor, k: Tensor) -> Tensor:
        """Errors of order and distance [B, H, L, L], from every pair concatenated."""
        length = q.shape[2]
        pairs = [q[:, :, :, None].expand(-1, -1, -1, length, -1)]
        pairs += [k[:, :, None].expand(-1, -1, length, -1, -1)]
        both = torch.cat(pairs, -1)  # [B, H, L, L, 2dh]
        steps = torch.arange(length)
        later = (steps[:, None] < steps).to(q.dtype)  # o_ij
        p = torch.sigmoid(self._linear(f"{name}order.", both)[..., 0])
        order = later * torch.log(p) + (1 - later) * torch.log(1 - p)
        gap = (steps[:, None] - steps).abs().add(1).double().log().float()  # single, as published
        miss = gap.to(q.dtype) - self._linear(f"{name}distance.", both)[..., 0]
        return order - self.parameters[f"{name}theta"] ** 2 * miss**2 / 2

    def _mix(self, name: str, weights: Tensor, value: Tensor, x: Tensor) -> Tensor:
        """Values weighted, and everything after them; [B, L, d]."""
        p_drop = self.config.hidden_dropout
        mixed = (weights @ self._heads(value)).transpose(1, 2).flatten(2)
        x = self._norm(f"{name}norm.", x + F.dropout(self._linear(f"{name}dense.", mixed), p_drop))
        name += "feed_forward."
        inner = F.gelu(self._linear(f"{name}dense_1.", x))
        inner = F.dropout(self._linear(f"{name}dense_2.", inner), p_drop)
        return self._norm(f"{name}norm.", x + inner)

    def _heads(self, x: Tensor) -> Tensor:
        """[B, L, d] -> [B, H, L, dh]."""
        return x.unflatten(-1, (self.config.n_heads, -1)).transpose(1, 2)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.parameters[f"{name}weight"], self.parameters[f"{name}bias"])

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = (self.parameters[f"{name}{which}"] for which in ("weight", "bias"))
        return F.layer_norm(x, x.shape[-1:], weight, bias, self.config.layer_norm_eps)


def _softmax(scores: Tensor, allowed: Tensor) -> Tensor:
    return torch.softmax(scores.masked_fill(~allowed, -torch.inf), -1)
