"""Attention weights: recorded, edited, and made visible in modules of other software."""
