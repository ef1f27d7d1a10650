"""What a command says and looks at before its work, which takes seconds to import."""

import os
import sys

from workbench.writing import plain


def announce(what: str) -> None:
    """Say on stderr what is about to be done; of processes that share it, the first says so."""
    if first():
        say(what, err=True)


def say(*lines: str, err: bool = False) -> None:
    """Print lines in which outside text may stand, so that none moves the terminal or breaks one.

    Parameters
    ----------
    lines : each is printed as `plain` writes it: a line end in it becomes its escape.
    err : whether they go to stderr.
    """
    print("\n".join(map(plain, lines)), file=sys.stderr if err else sys.stdout, flush=True)


def alone() -> bool:
    """Whether no process shares the command; those that do tell of bad input once they joined."""
    return os.environ.get("WORLD_SIZE", "1") == "1"


def first() -> bool:
    """Whether this is the process that speaks, of those that share a command."""
    return alone() or os.environ.get("RANK") == "0"
