"""What moves the prediction."""

from analyses.diagnostics.faithfulness.faithfulness_measures import DIAGNOSTIC

__all__ = ["DIAGNOSTIC"]
