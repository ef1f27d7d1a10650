"""Seeds."""

from analyses.diagnostics.seeds.seed_measures import DIAGNOSTIC

__all__ = ["DIAGNOSTIC"]
