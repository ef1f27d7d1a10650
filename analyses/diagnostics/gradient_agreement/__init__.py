"""Gradient agreement."""

from analyses.diagnostics.gradient_agreement.agreement_measures import DIAGNOSTIC

__all__ = ["DIAGNOSTIC"]
