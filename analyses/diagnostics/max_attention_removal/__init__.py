"""Max-attention removal."""

from analyses.diagnostics.max_attention_removal.removal_measures import DIAGNOSTIC

__all__ = ["DIAGNOSTIC"]
