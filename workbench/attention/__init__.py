"""Attention weights: recorded, edited, and made visible in modules of other software."""

import workbench.attention.edits  # noqa: F401 - which the names of `workbench` lead to
