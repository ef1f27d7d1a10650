"""How the commands that take long run and end: on one thread, what they say, and by which code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from workbench.errors import WorkbenchError, sentence
from workbench.threads import one_by_default

STOPPED = "stopped; the same command goes on from here."


@contextmanager
def ended_in_words() -> Iterator[None]:
    """Bad input ends in one sentence and code 2; who stops the command is told that it goes on."""
    one_by_default()
    try:
        yield
    except (WorkbenchError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        sys.exit(130)
