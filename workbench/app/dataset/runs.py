"""`python -m analyses.run_all` started from the app."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from analyses.running.progress import Progress, read_progress
from workbench.app.jobs import Job


class Position(NamedTuple):
    """What a run is doing, and how much of that is done, from 0 to 1."""

    progress: Progress
    share: float


class Run(Job):
    """One process of run_all that writes to the folder `out`."""

    def __init__(self, out: Path, arguments: Sequence[str], diagnostics: Sequence[str]) -> None:
        self.diagnostics = list(diagnostics)
        only = [f"--only={name}" for name in self.diagnostics]
        super().__init__(out, "analyses.run_all", [*arguments, *only])

    def position(self) -> Position:
        """How far it is, by what it keeps in its file."""
        now = read_progress(self.progress)
        share = now.done / max(now.total, 1)
        if now.stage == "measuring":
            share = (self.diagnostics.index(now.diagnostic) + share) / len(self.diagnostics)
        return Position(now, min(share, 1.0))

    def reason(self) -> str:
        """Why it says that it failed; empty if it does not say."""
        now = read_progress(self.progress)
        return now.message if now.stage == "failed" else ""
