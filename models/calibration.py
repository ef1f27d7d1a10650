"""The two calibrators of AC-TSR (CIKM 2023) and the ways to combine their attention."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.attention import Projected, add_at_own, split_heads
from models.kernels import (
    Dropout,
    add_distance_error,
    add_order_error,
    amplify,
    gate,
    masked_softmax,
)


class SpatialCalibrator(nn.Module):
    """Order and distance enter the attention scores (Rich Attention, FormNet, ACL 2022).

    w . [q_i ; k_j] is the outer sum of w_q . q_i and w_k . k_j, so memory stays O(L^2). The
    parameters are shared by the heads of a layer.

    Parameters
    ----------
    head_size : dh, width of a query or key of one head.
    order, distance : which of the two terms there are.
    """

    def __init__(self, head_size: int, order: bool, distance: bool) -> None:
        super().__init__()
        self.order = nn.Linear(2 * head_size, 1) if order else None
        self.distance = nn.Linear(2 * head_size, 1) if distance else None
        self.theta = nn.Parameter(torch.randn(1)) if distance else None

    def forward(
        self,
        scores: Tensor,
        q: Tensor,
        k: Tensor,
        rows: Tensor,
        causal: bool,
        own: Tensor | None = None,
    ) -> Tensor:
        """Scores to which both terms are added.

        Parameters
        ----------
        scores : [B, H, Q, L].
        q : [B, H, Q, dh].
        k : [B, H, L, dh].
        rows : [B or 1, Q], the position of each query.
        causal : whether no later key is ever attended to, so that all have o_ij = 0.
        own : [B, H, Q, dh], by how much the key at a query's own place differs for that query.

        Returns
        -------
        Tensor
            [B, H, Q, L].
        """
        columns = torch.arange(k.shape[2], device=k.device)  # [L]
        affines = [affine for affine in (self.order, self.distance) if affine is not None]
        parts = iter(_parts(affines, q, k, rows, own))
        if self.order is not None:
            later = None if causal else rows[:, None, :, None] < columns  # [B or 1, 1, Q, L]
            scores = add_order_error(scores, *next(parts), later)
        if self.distance is not None:
            assert self.theta is not None
            # the reference holds this logarithm in single precision, correctly rounded
            gaps = (columns[:, None] - columns).abs().add(1).double().log().float()  # [L, L]
            gap = gaps.index_select(0, rows.flatten()).unflatten(0, rows.shape)[:, None]
            gap = gap.to(q.dtype) * self.theta  # [B or 1, 1, Q, L]
            row, column = next(parts)
            scores = add_distance_error(scores, gap, row * self.theta, column * self.theta)
        return scores


def _parts(
    affines: Sequence[nn.Linear], q: Tensor, k: Tensor, rows: Tensor, own: Tensor | None
) -> list[tuple[Tensor, Tensor]]:
    """Two parts whose sum is affine([q_i ; k_j]) for each: [B, H, Q, 1], and [B, H, 1 or Q, L]."""
    size = q.shape[-1]
    weight = torch.cat([affine.weight for affine in affines])  # [n, 2 dh]
    bias = torch.cat([affine.bias for affine in affines])
    # heads lie behind positions in memory: in that order only the small results are copied
    by_row = F.linear(q.transpose(1, 2), weight[:, :size], bias)  # [B, Q, H, n]
    by_column = F.linear(k.transpose(1, 2), weight[:, size:])  # [B, L, H, n]
    by_row, by_column = (part.permute(3, 0, 2, 1).contiguous() for part in (by_row, by_column))
    columns: Sequence[Tensor] = by_column[..., None, :].unbind()
    if own is not None:
        changes = F.linear(own, weight[:, size:]).split(1, -1)  # n of [B, H, Q, 1]
        columns = [add_at_own(c, rows, change) for c, change in zip(columns, changes, strict=True)]
    return list(zip(by_row[..., None].unbind(), columns, strict=True))


class AdversarialCalibrator(nn.Module):
    """Finds the keys a prediction depends on by trying to break it (after Lu et al., ACL 2021).

    Parameters
    ----------
    hidden_size : d.
    n_heads : H.
    dropout : chance that an element of the mask falls in training.
    """

    def __init__(self, hidden_size: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)
        self.dropout = Dropout(dropout)

    def mask(self, p: Projected) -> Tensor:
        """M, near one where noise is kept out: softmax*((q W_q)(k W_k)^T / sqrt(dh)).

        [B, H, Q, L], from queries and keys.
        """
        q, k = (
            split_heads(project(x), self.n_heads)
            for project, x in ((self.query, p.query), (self.key, p.key))
        )
        scores = q @ k.transpose(-1, -2)  # [B, H, Q, L]
        if p.own is not None:
            own = split_heads(F.linear(p.own.key, self.key.weight), self.n_heads)
            scores = add_at_own(scores, p.rows, (q * own).sum(-1, keepdim=True))
        return self.dropout(masked_softmax(scores, p.allowed, q.shape[-1] ** -0.5))

    @staticmethod
    def perturbed(weights: Tensor, mask: Tensor, allowed: Tensor, noise: Tensor) -> Tensor:
        """A_p = softmax*(M A + (1 - M) noise): noise wherever M is low; all [B, H, Q, L]."""
        return masked_softmax(torch.lerp(noise, weights, mask), allowed)

    @staticmethod
    def calibrated(weights: Tensor, mask: Tensor, allowed: Tensor | None) -> Tensor:
        """A_c = softmax*(A exp(1 - M)), all [B, H, Q, L]; without `allowed` no softmax."""
        amplified = amplify(weights, mask)
        return amplified if allowed is None else masked_softmax(amplified, allowed)


class FixedCorrection(nn.Module):
    """softmax(A + alpha A_c).

    The reference takes this softmax over all `width` positions of its padded tensor, masked ones
    included; counting those that trimming left away keeps the result independent of the padding.

    Parameters
    ----------
    alpha : weight of A_c.
    width : what attention runs over at most.
    """

    def __init__(self, alpha: float, width: int) -> None:
        super().__init__()
        self.alpha = alpha
        self.width = width

    def forward(self, weights: Tensor, calibrated: Tensor, query: Tensor) -> Tensor:
        """From A and A_c, [B, H, Q, L], to [B, H, Q, L]; queries play no part."""
        raised = (weights + self.alpha * calibrated).exp()  # masked keys: exp(0) = 1
        absent = self.width - weights.shape[-1]
        return raised / (raised.sum(-1, keepdim=True) + absent)


class GateCorrection(nn.Module):
    """g A + (1 - g) A_c, with g = sigmoid(W_g q): one value per key position.

    Parameters
    ----------
    hidden_size : d.
    width : what attention runs over at most.
    """

    def __init__(self, hidden_size: int, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(hidden_size, width)

    def forward(self, weights: Tensor, calibrated: Tensor, query: Tensor) -> Tensor:
        """From A and A_c, [B, H, Q, L], and queries [B, Q, d] to [B, H, Q, L]."""
        length = weights.shape[-1]
        logits = F.linear(query, self.gate.weight[:length], self.gate.bias[:length])  # [B, Q, L]
        return gate(weights, calibrated, logits.sigmoid()[:, None])


class AnnealingCorrection(nn.Module):
    """r A + (1 - r) A_c, with r = exp(-step / 1e5); training steps are counted."""

    step: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def forward(self, weights: Tensor, calibrated: Tensor, query: Tensor) -> Tensor:
        """From A and A_c, [B, H, Q, L], to [B, H, Q, L]; queries play no part."""
        ratio = torch.exp(-self.step.to(weights.dtype) / 1e5)
        if self.training:
            self.step += 1
        return ratio * weights + (1 - ratio) * calibrated
