"""`python -m analyses.run_all` started from the app: a process of its own, watched and stopped."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import analyses
from analyses.running.progress import Progress, read_progress
from workbench.errors import WorkbenchError
from workbench.files import clear_partial

PLACE = Path(analyses.__file__).resolve().parents[1]  # of the packages
MOST_AT_ONCE = 2  # over all sessions
PATIENCE = 10.0  # seconds a process has to end by itself


class Position(NamedTuple):
    """Where a run is, and the share of all users, diagnostics and models that are measured."""

    progress: Progress
    share: float


class Run:
    """One process of run_all that writes to the folder `out`."""

    def __init__(self, out: Path, arguments: Sequence[str], diagnostics: Sequence[str]) -> None:
        self.out = out
        self.diagnostics = list(diagnostics)
        self.cancelled = False
        self.started = time.monotonic()
        self._folder = tempfile.TemporaryDirectory()  # which lives as long as the run
        self._progress = Path(self._folder.name) / "progress.json"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, so does this
        # -P: a folder `models` where the app was started is not ours
        command = [sys.executable, "-P", "-m", "analyses.run_all", *arguments]
        command += ["--only", *self.diagnostics, "--out", str(out)]
        command += [f"--progress={self._progress}"]
        nice = ["nice", "-n", "10"] if shutil.which("nice") else []
        path = os.pathsep.join(filter(None, (str(PLACE), os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(
            nice + command,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        """Whether the process has not ended yet."""
        return self.process.poll() is None

    def log(self, last: int = 8192) -> str:
        """The end of what the process has written, `last` bytes at most."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), last, max(0, size - last)).decode("utf-8", "replace")

    def position(self) -> Position:
        """How far it is, by what it keeps in its file."""
        now = read_progress(self._progress)
        if now.stage == "reading":
            return Position(now, 0.0)
        if now.stage != "measuring":
            return Position(now, 1.0)
        before = self.diagnostics.index(now.diagnostic)
        share = (before + now.done / max(now.total, 1)) / len(self.diagnostics)
        return Position(now, min(share, 1.0))

    def failure(self) -> str | None:
        """Why it ended without a whole report; None while it runs or where it has one."""
        if self.alive or self.process.returncode == 0:
            return None
        if self.cancelled:
            return "Cancelled. What was measured is kept: the same run goes on from there."
        now = read_progress(self._progress)
        if now.stage == "failed":
            return now.message
        said = self.log().strip().rpartition("\n")[2].rstrip(".")
        return f"The run ended with code {self.process.returncode}{said and ': '}{said}."

    def cancel(self) -> None:
        """End the process and whatever it started, and clear away what it had half written."""
        if not self.alive:
            return
        self.cancelled = True
        for kind in (signal.SIGTERM, signal.SIGKILL):
            os.killpg(self.process.pid, kind)
            try:
                self.process.wait(PATIENCE)
                break
            except subprocess.TimeoutExpired:
                continue
        clear_partial(self.out.parent, self.process.pid)


class Runs:
    """The runs of this server by the name of their folder, so that a reload finds its own."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        atexit.register(self.cancel_all)

    def get(self, name: str | None) -> Run | None:
        """The run that writes a folder of this name, if any was started here."""
        return self._runs.get(name or "")

    def start(self, out: Path, arguments: Sequence[str], diagnostics: Sequence[str]) -> Run:
        """Start a run.

        Raises
        ------
        WorkbenchError
            If too many are under way already.
        """
        if sum(run.alive for run in self._runs.values()) >= MOST_AT_ONCE:
            raise WorkbenchError(
                f"{MOST_AT_ONCE} runs are under way on this machine already; wait for one to end."
            )
        self._runs[out.name] = Run(out, arguments, diagnostics)
        return self._runs[out.name]

    def cancel_all(self) -> None:
        """End every run, as the server does when it ends."""
        for run in self._runs.values():
            run.cancel()
