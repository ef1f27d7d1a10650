"""Why a command does not end well that has written a report."""

from collections.abc import Sequence
from pathlib import Path

from workbench.errors import WorkbenchError


class Unsatisfactory(WorkbenchError):
    """Something was written to `folder`, but the command does not end well; with which `code`."""

    code: int

    def __init__(self, folder: Path, sentences: Sequence[str]) -> None:
        super().__init__(" ".join(sentences))
        self.folder = folder


class Incomplete(Unsatisfactory):
    """A page without some of its parts."""

    code = 1

    def __init__(self, page: Path, failures: Sequence[str]) -> None:
        super().__init__(page.parent, [f"{page} lacks what failed.", *failures])


class Refused(Unsatisfactory):
    """A report with a conclusion that `--fail-on` names."""

    code = 3
