"""The one error a user is meant to read, and how it is printed."""


class WorkbenchError(ValueError):
    """Bad input, told in one sentence: which file, where in it, and what to do about it."""


def sentence(error: WorkbenchError | OSError) -> str:
    """What to print: of a full disk, or a folder that must not be written to, the path as well."""
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}."
    return str(error)
