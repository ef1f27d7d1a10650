"""Attention heatmaps."""

from analyses.diagnostics.attention_maps.map_measures import DIAGNOSTIC

__all__ = ["DIAGNOSTIC"]
