"""How the commands that take long run and end: on one thread, what they say, and by which code."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from analyses.report.folder import PAGE
from workbench.errors import WorkbenchError, sentence
from workbench.threads import one_by_default

STOPPED = "stopped; the same command goes on from here."


class Unsatisfactory(WorkbenchError):
    """A report was written to `folder`, but the command does not end well; with which `code`."""

    code: int

    def __init__(self, folder: Path, sentences: Sequence[str]) -> None:
        super().__init__(" ".join(sentences))
        self.folder = folder


class Incomplete(Unsatisfactory):
    """A report without some of its parts."""

    code = 1

    def __init__(self, folder: Path, failures: Sequence[str]) -> None:
        super().__init__(folder, [f"{folder / PAGE} lacks what failed.", *failures])


class Refused(Unsatisfactory):
    """A report with a conclusion that `--fail-on` names."""

    code = 3


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
