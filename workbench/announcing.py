"""What a command says and looks at before its work, which takes seconds to import."""

import os
import sys


def announce(what: str) -> None:
    """Say on stderr what is about to be done; of processes that share it, the first says so."""
    if first():
        print(what, file=sys.stderr, flush=True)


def alone() -> bool:
    """Whether no process shares the command; those that do tell of bad input once they joined."""
    return os.environ.get("WORLD_SIZE", "1") == "1"


def first() -> bool:
    """Whether this is the process that speaks, of those that share a command."""
    return alone() or os.environ.get("RANK") == "0"
