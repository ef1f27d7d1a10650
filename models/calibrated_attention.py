"""Attention with the calibrators of AC-TSR (CIKM 2023), and a tap for every stage."""

import torch
from torch import Tensor, nn

from models.attention import AttentionTap, Projected, split_heads
from models.calibration import (
    AdversarialCalibrator,
    AnnealingCorrection,
    FixedCorrection,
    GateCorrection,
    SpatialCalibrator,
)
from models.config import CalibrationConfig, ModelConfig
from models.kernels import Dropout, masked_softmax, renormalize

NORMALIZATIONS = {"softmax": masked_softmax, "renormalize": renormalize, "none": None}


class SpatialAttention(nn.Module):
    """Attention with the spatial calibrator alone: the light variant.

    Stages: before_spatial, the plain attention; and attention, what multiplies the values.

    Parameters
    ----------
    config : sizes and dropout.
    calibration : which terms the spatial calibrator has.
    layer : number of the layer, from 0.
    """

    stages: tuple[str, ...] = ("before_spatial", "attention")

    def __init__(self, config: ModelConfig, calibration: CalibrationConfig, layer: int) -> None:
        super().__init__()
        self.calibration = calibration
        self.n_heads = config.n_heads
        self.spatial: SpatialCalibrator | None = None
        if calibration.order or calibration.distance:
            self.spatial = SpatialCalibrator(
                config.hidden_size // config.n_heads, calibration.order, calibration.distance
            )
        self.dropout = Dropout(config.attention_dropout)
        self.taps = nn.ModuleDict({stage: AttentionTap(layer, stage) for stage in self.stages})

    def forward(self, p: Projected) -> Tensor:
        """What multiplies the values, [B, H, Q, L]."""
        _, after = self.before_and_after(p)
        return self.taps["attention"](after)

    def before_and_after(self, p: Projected, *, both: bool = False) -> tuple[Tensor | None, Tensor]:
        """Attention before and after the spatial calibrator, each [B, H, Q, L].

        The first is None where nobody needs it: unless `both`, or its tap is hooked.
        """
        q, k, scores = p.scores(self.n_heads)
        scale = q.shape[-1] ** -0.5
        tap = self.taps["before_spatial"]

        def plain() -> Tensor:
            return tap(self.dropout(masked_softmax(scores, p.allowed, scale)))

        if self.spatial is None:
            weights = plain()
            return weights, weights
        before = plain() if both or tap.hooked else None
        own = None if p.own is None else split_heads(p.own.key, self.n_heads)
        spatial = self.spatial(scores, q, k, p.rows, p.causal, own)  # [B, H, Q, L]
        after = masked_softmax(spatial, p.allowed, scale)
        return before, self.dropout(after)


class AdversarialAttention(SpatialAttention):
    """Attention with the adversarial calibrator, after the spatial one or beside it.

    Stages: before_spatial, after_spatial, mask, calibrated (the correction's output) and attention
    (what multiplies the values; differs from calibrated in the one-level arrangement).

    Parameters
    ----------
    config : sizes and dropout.
    calibration : how the calibrators are combined.
    layer : number of the layer, from 0.
    n_tokens : what attention runs over at most.
    """

    stages = ("before_spatial", "after_spatial", "mask", "calibrated", "attention")

    def __init__(
        self, config: ModelConfig, calibration: CalibrationConfig, layer: int, n_tokens: int
    ) -> None:
        super().__init__(config, calibration, layer)
        self.adversarial = AdversarialCalibrator(
            config.hidden_size, config.n_heads, config.attention_dropout
        )
        self.correction = _correction(config, calibration, n_tokens)
        if not calibration.two_level and calibration.mix == "learned":
            self.ratio = nn.Parameter(torch.full((1,), 0.5))

    def forward(self, p: Projected, mask: Tensor | None = None) -> Tensor:
        """What multiplies the values, [B, H, Q, L]; mask: M, where it is computed already."""
        attention, _, _ = self._calibrate(p, mask)
        return attention

    def under_attack(self, p: Projected, mask: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """What multiplies the values, and the same weights under attack.

        Parameters
        ----------
        p : queries and keys.
        mask : M of the adversarial calibrator, [B, H, Q, L].
        noise : eps, [B, H, Q, L], what attention is exchanged for where M is low.

        Returns
        -------
        tuple of Tensor
            Attention and perturbed attention, each [B, H, Q, L].
        """
        attention, base, mask = self._calibrate(p, mask)
        return attention, self.adversarial.perturbed(base, mask, p.allowed, noise)

    def mask(self, p: Projected) -> Tensor:
        """M of the adversarial calibrator, [B, H, Q, L]."""
        return self.adversarial.mask(p)

    def _calibrate(self, p: Projected, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Attention, the weights A it was made from, and M; each [B, H, Q, L]."""
        calibration = self.calibration
        before, after = self.before_and_after(p, both=not calibration.two_level)
        after = self.taps["after_spatial"](after)
        base = after if calibration.two_level else before
        assert base is not None
        mask = self.taps["mask"](self.mask(p) if mask is None else mask)
        normalize = NORMALIZATIONS[calibration.normalization]
        calibrated = self.adversarial.calibrated(base, mask, p.allowed if normalize else None)
        combined = self.correction(base, calibrated, p.query)
        final = self.taps["calibrated"](normalize(combined, p.allowed) if normalize else combined)
        if not calibration.two_level:
            ratio = self.ratio if calibration.mix == "learned" else 0.5
            final = ratio * final + (1 - ratio) * after
        return self.taps["attention"](final), base, mask


def with_calibrators(
    config: ModelConfig, calibration: CalibrationConfig, layer: int, n_tokens: int
) -> SpatialAttention:
    """The attention of a calibrated layer, with the adversarial calibrator or without."""
    if calibration.adversarial:
        return AdversarialAttention(config, calibration, layer, n_tokens)
    return SpatialAttention(config, calibration, layer)


def _correction(config: ModelConfig, calibration: CalibrationConfig, n_tokens: int) -> nn.Module:
    if calibration.correction == "fixed":
        return FixedCorrection(calibration.alpha, n_tokens)
    if calibration.correction == "gate":
        return GateCorrection(config.hidden_size, n_tokens)
    return AnnealingCorrection()
