"""The place where attention weights pass, and can be read or changed."""

from torch import nn


class AttentionTap(nn.Identity):
    """An identity through which weights [B, H, Q, L] pass; recording and editing are its hooks."""

    def __init__(self, layer: int, stage: str) -> None:
        super().__init__()
        self.layer = layer
        self.stage = stage

    @property
    def hooked(self) -> bool:
        """Whether somebody is reading or changing what passes."""
        return bool(self._forward_hooks)
