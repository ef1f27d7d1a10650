"""Long commands started from the app: processes of their own, watched and stopped."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import streamlit as st

from workbench.app import words
from workbench.errors import WorkbenchError
from workbench.files import clear_partial
from workbench.phrases import counted

PLACE = Path(__file__).resolve().parents[2]  # of the packages
MOST_AT_ONCE = 2  # over all sessions
PATIENCE = 10.0  # seconds a process has to end by itself
CANCELLED = "Cancelled. What was done is kept: the same choices go on from there."
SEEN = "jobs"  # in the session: the jobs that it has shown under way

J = TypeVar("J", bound="Job")


class Job:
    """One process of `python -m MODULE`, which fills the folder `out`.

    Attributes
    ----------
    out : the folder.
    progress : the file in which the command says how far it is.
    process : the process.
    cancelled : whether a person has ended it.
    started : when it began, in seconds of `time.monotonic`.
    """

    def __init__(self, out: Path, module: str, arguments: Sequence[str]) -> None:
        self.out = out
        self.cancelled = False
        self.started = time.monotonic()
        self._folder = tempfile.TemporaryDirectory()  # which lives as long as the job
        self.progress = Path(self._folder.name) / "progress.json"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, so does this
        # -P: a folder `models` where the app was started is not ours
        command = [sys.executable, "-P", "-m", module, *arguments]
        command += [f"--out={out}", f"--progress={self.progress}"]
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
    def name(self) -> str:
        """Another for each job."""
        return f"{self.out} {self.started}"

    @property
    def alive(self) -> bool:
        """Whether the process has not ended yet."""
        return self.process.poll() is None

    def log(self, last: int = 8192) -> str:
        """The end of what the process has written, `last` bytes at most."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), last, max(0, size - last)).decode("utf-8", "replace")

    def reason(self) -> str:
        """Why the command says that it failed; empty if it does not say."""
        said = self.log().strip().rpartition("\n")[2]
        return said.removeprefix("error: ") if said.startswith("error: ") else ""

    def failure(self) -> str | None:
        """Why it ended without a result; None while it runs or where it has one."""
        if self.alive or self.process.returncode == 0:
            return None
        if self.cancelled:
            return CANCELLED
        if reason := self.reason():
            return reason
        said = self.log().strip().rpartition("\n")[2].rstrip(".")
        return f"It ended with code {self.process.returncode}{said and ': '}{said}."

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
        for folder in (self.out.parent, self.out):
            clear_partial(folder)


class Jobs:
    """The jobs of this server by name, which every session sees."""

    def __init__(self) -> None:
        self._jobs: dict[Path, Job] = {}
        self._lock = threading.Lock()
        atexit.register(self.cancel_all)

    def of(self, kind: type[J]) -> list[J]:
        """The jobs of a kind, as they were started."""
        return [job for job in self._jobs.values() if isinstance(job, kind)]

    def start(self, *makes: Callable[[], J]) -> list[J]:
        """Start all jobs or none; an earlier one of the same folder is forgotten.

        Raises
        ------
        WorkbenchError
            If too many are under way already.
        """
        with self._lock:
            n_alive = sum(job.alive for job in self._jobs.values())
            free = MOST_AT_ONCE - n_alive
            if free < len(makes):
                verb, fewer = "is" if n_alive == 1 else "are", f"start only {free}, "
                raise WorkbenchError(
                    f"{counted(n_alive, 'job')} {verb} under way on this machine already, which "
                    f"leaves {free or 'none'} of {MOST_AT_ONCE} places free; "
                    f"{fewer if free else ''}wait for one to end, or cancel it."
                )
            jobs = []
            for make in makes:  # each is known once it runs, even if the next cannot be started
                job = make()
                self._jobs.pop(job.out.resolve(), None)
                self._jobs[job.out.resolve()] = job
                jobs.append(job)
            return jobs

    def cancel_all(self) -> None:
        """End every job, as the server does when it ends."""
        for job in self._jobs.values():
            job.cancel()


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The jobs of this server."""
    return Jobs()


def show_jobs(
    kind: type[J],
    told: Callable[[J], tuple[float, str]],
    made: Callable[[J], str] | None = None,
) -> None:
    """Show the jobs of a kind that are under way, and how others ended while this page watched.

    Parameters
    ----------
    kind : of the jobs.
    told : gives, for a job, how much is done, from 0 to 1, and Markdown that says of what.
    made : gives, for one that ended well, Markdown that says what there is now.
    """
    seen = st.session_state.setdefault(SEEN, set())
    shown = [job for job in jobs().of(kind) if job.alive or job.name in seen]
    seen.update(job.name for job in shown)
    for job in shown:
        if job.alive:
            _watch(job, told)
        elif failure := job.failure():
            said = words.literal(f"{job.out.name}: {failure}")
            (st.info if job.cancelled else st.error)(said)
        elif made is not None:
            st.success(made(job))


@st.fragment(run_every=1.0)
def _watch(job: J, told: Callable[[J], tuple[float, str]]) -> None:
    if not job.alive:
        st.rerun()
    share, text = told(job)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share, text=text)
        key = f"cancel {job.name}"
        # a callback, since a click that comes while the page is made may never run the fragment
        st.button("Cancel", icon=":material/stop:", key=key, on_click=job.cancel)
