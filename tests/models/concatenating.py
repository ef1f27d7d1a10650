"""The spatial calibrator as its formula is written: every query concatenated with every key."""

import torch
from torch import Tensor

from models.calibration import SpatialCalibrator


class ConcatenatingCalibrator(SpatialCalibrator):
    """The same parameters; memory for [q_i ; k_j] of every pair, [B, H, Q, L, 2 dh]."""

    def forward(
        self,
        scores: Tensor,
        q: Tensor,
        k: Tensor,
        rows: Tensor,
        causal: bool,
        own: Tensor | None = None,
    ) -> Tensor:
        """Scores and both terms, [B, H, Q, L]; shapes as in `SpatialCalibrator`."""
        queries, keys = q.shape[2], k.shape[2]
        pairs = torch.cat(
            [
                q[:, :, :, None].expand(-1, -1, -1, keys, -1),
                k[:, :, None].expand(-1, -1, queries, -1, -1),
            ],
            -1,
        )
        i, j = rows[:, None, :, None], torch.arange(keys, device=k.device)
        total = scores
        if self.order is not None:
            p = torch.sigmoid(self.order(pairs)[..., 0])
            o = torch.zeros_like(p) if causal else (i < j).to(p.dtype)
            total = total + o * p.log() + (1 - o) * (1 - p).log()
        if self.distance is not None:
            assert self.theta is not None
            gap = torch.log1p((i - j).abs().to(q.dtype))
            total = total - self.theta**2 * (gap - self.distance(pairs)[..., 0]) ** 2 / 2
        return total
