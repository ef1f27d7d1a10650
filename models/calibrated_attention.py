"""Attention with the calibrators of AC-TSR, with a tap for every stage."""

import torch
from torch import Tensor, nn

from models.attention import AttentionTap, Projected, Weights
from models.calibration import (
    AdversarialCalibrator,
    AnnealingCorrection,
    FixedCorrection,
    GateCorrection,
    SpatialCalibrator,
)
from models.config import CalibrationConfig, ModelConfig
from models.kernels import Dropout, masked_softmax, renormalize


class CalibratedAttention(nn.Module):
    """Attention with the spatial calibrator, the adversarial one, or both (AC-TSR).

    Stages: before_spatial, after_spatial, mask, calibrated (the correction module's output) and
    attention (what multiplies the values; differs from calibrated in the one-level arrangement).
    """

    def __init__(self, config: ModelConfig, calibration: CalibrationConfig, layer: int) -> None:
        super().__init__()
        self.calibration = calibration
        self.n_heads = config.n_heads
        spatial = calibration.order or calibration.distance
        self.spatial = (
            SpatialCalibrator(
                config.hidden_size // config.n_heads, calibration.order, calibration.distance
            )
            if spatial
            else None
        )
        self.adversarial: AdversarialCalibrator | None = None
        self.stages: tuple[str, ...] = ("before_spatial", "attention")
        if calibration.adversarial:
            self.adversarial = AdversarialCalibrator(
                config.hidden_size, config.n_heads, config.attention_dropout
            )
            self.correction = _correction(config, calibration)
            self.stages = ("before_spatial", "after_spatial", "mask", "calibrated", "attention")
            if not calibration.two_level and calibration.mix == "learned":
                self.ratio = nn.Parameter(torch.full((1,), 0.5))
        self.dropout = Dropout(config.attention_dropout)
        self.taps = nn.ModuleDict({stage: AttentionTap(layer, stage) for stage in self.stages})

    def forward(
        self, p: Projected, mask: Tensor | None = None, noise: Tensor | None = None
    ) -> Weights:
        """mask: M when it was computed for these rows already. noise: eps, to perturb as well."""
        before, after = self._spatial(p)
        if self.adversarial is None:
            return Weights(self.taps["attention"](after))
        after = self.taps["after_spatial"](after)
        weights = after if self.calibration.two_level else before
        mask = self.taps["mask"](self.mask(p) if mask is None else mask)
        normalize = NORMALIZATIONS[self.calibration.normalization]
        calibrated = self.adversarial.calibrated(weights, mask, p.allowed if normalize else None)
        combined = self.correction(weights, calibrated, p.query)
        final = self.taps["calibrated"](normalize(combined, p.allowed) if normalize else combined)
        if not self.calibration.two_level:
            ratio = self.ratio if self.calibration.mix == "learned" else 0.5
            final = ratio * final + (1 - ratio) * after
        perturbed = (
            self.adversarial.perturbed(weights, mask, p.allowed, noise)
            if noise is not None
            else None
        )
        return Weights(self.taps["attention"](final), perturbed)

    def mask(self, p: Projected) -> Tensor:
        """M of the adversarial calibrator, [B, H, Q, L]."""
        assert self.adversarial is not None
        return self.adversarial.mask(p.query, p.key, p.allowed)

    def _spatial(self, p: Projected) -> tuple[Tensor, Tensor]:
        """Attention before and after the spatial calibrator; before only where it is asked for."""
        q, k, scores = p.scores(self.n_heads)
        scale = q.shape[-1] ** -0.5
        tap = self.taps["before_spatial"]
        plain_used = self.spatial is None or tap.hooked
        if self.adversarial is not None and not self.calibration.two_level:
            plain_used = True
        before = scores
        if plain_used:
            before = tap(self.dropout(masked_softmax(scores, p.allowed, scale)))
        if self.spatial is None:
            return before, before
        spatial = self.spatial(q, k, p.rows, p.causal)
        after = masked_softmax(spatial.add_(scores), p.allowed, scale)
        return before, self.dropout(after)


NORMALIZATIONS = {"softmax": masked_softmax, "renormalize": renormalize, "none": None}


def _correction(config: ModelConfig, calibration: CalibrationConfig) -> nn.Module:
    if calibration.correction == "fixed":
        return FixedCorrection(calibration.alpha, config.n_tokens)
    if calibration.correction == "gate":
        return GateCorrection(config.hidden_size, config.n_tokens)
    return AnnealingCorrection()
