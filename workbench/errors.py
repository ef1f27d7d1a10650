"""The one error a user is meant to read."""


class WorkbenchError(ValueError):
    """Bad input, told in one sentence: which file, where in it, and what to do about it."""
