"""The page Inspect: one user, one or two models."""
