"""The processes that share the work of a command: those that torchrun started, or others here.

Work that falls into independent tasks is shared by a counter alone: each rank takes the next task
that no rank has taken, and what it makes goes into files that the others can read. Ranks may so be
of unequal speed, and none waits for one that is gone. Work on one thing at once, such as a training
step, goes through the collectives of Lightning Fabric.
"""

import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

import torch
from torch.distributed import DistError, HashStore, PrefixStore, Store, TCPStore

from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.threads import MOST, one_by_default

if TYPE_CHECKING:
    from lightning_fabric import Fabric

T = TypeVar("T")
LOCALHOST = "127.0.0.1"
LONGEST = timedelta(days=30)  # for which a rank waits for others that are at work
JOINED = itertools.count()  # commands that this process has run under torchrun
POLL = 0.05  # seconds between two looks at how far others are
PATIENCE = 5.0  # seconds in which ranks that are given the same bad input all come upon it
STARTED = "ATTENTION_WORKBENCH_STARTED"  # set for processes that `started` starts
GRACE = 2.0  # seconds in which a process that has nobody to work for ends by itself


class Ranks:
    """One of the processes that share the work of a command; a context, which ends with it.

    The first gives all warnings, and tells of errors that all come upon.

    Parameters
    ----------
    number, size : which it is, from 0, and how many they are.
    store : in which they count; None where there is only one.
    others : those that this one started; they end with it.
    """

    def __init__(
        self,
        number: int = 0,
        size: int = 1,
        store: Store | None = None,
        others: Sequence[subprocess.Popen] = (),
    ) -> None:
        self.number, self.size = number, size
        self.store = HashStore() if store is None else store
        self.others = others

    @property
    def first(self) -> bool:
        """Whether this is the one that speaks, and writes what there is one of."""
        return self.number == 0

    def count(self, name: str, n: int = 1) -> int:
        """Add to a count that all ranks share; what it is then."""
        return self.store.add(name, n)

    def hand(self, name: str, content: bytes) -> None:
        """Give something to the other ranks under a name."""
        self.store.set(name, content)  # type: ignore[arg-type]

    def handed(self, name: str) -> bytes | None:
        """What a rank gave under a name; None where none did."""
        return self.store.get(name) if self._has(name) else None

    def share(
        self, name: str, tasks: Sequence[T], meanwhile: Callable[[], object] = lambda: None
    ) -> Iterator[T]:
        """The tasks that fall to this rank: each is the next that no rank has taken.

        After the last, all of them are done: the first rank also comes to those that a rank left
        unfinished which ended.

        Parameters
        ----------
        name : of this work, which is shared once.
        tasks : the same in every rank.
        meanwhile : called again and again while this rank waits for others.
        """
        try:
            while (place := self.count(f"{name}: taken") - 1) < len(tasks):
                yield tasks[place]
                self.store.set(f"{name}: {place} is done", "")
            if self.first:
                for rank in range(1, self.size):
                    while not (self._has(f"{name}: rank {rank} left") or self._ended(rank)):
                        time.sleep(POLL)
                        meanwhile()
                yield from (
                    task
                    for place, task in enumerate(tasks)
                    if not self._has(f"{name}: {place} is done")
                )
        finally:
            self.store.set(f"{name}: rank {self.number} left", "")
        if not self.first:
            self.store.wait([f"{name}: rank 0 left"], LONGEST)

    @contextmanager
    def first_alone(self, name: str) -> Iterator[None]:
        """A block that the first rank goes through before the others enter it."""
        if not self.first:
            self.store.wait([name], LONGEST)
        try:
            yield
        finally:
            if self.first:
                self.store.set(name, "")

    def __enter__(self) -> Self:
        if not self.first:
            warnings.simplefilter("ignore", WorkbenchWarning)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            if error is not None and not isinstance(error, SystemExit) and not self._tells(error):
                raise SystemExit(2) from None
        finally:
            for process in self.others:
                process.terminate()
            for process in self.others:
                process.communicate()  # which closes what they hold on to, and waits

    def _tells(self, error: BaseException) -> bool:
        """Whether this rank is the one to tell of an error."""
        if self.first:
            self.store.set("failed", "")
            return True
        if isinstance(error, KeyboardInterrupt | DistError):  # stopped, or the first is gone
            return False
        try:
            self.store.wait(["failed"], timedelta(seconds=PATIENCE))
        except DistError:
            return True
        return False

    def _has(self, key: str) -> bool:
        return self.store.check([key])

    def _ended(self, rank: int) -> bool:
        """Whether a rank that was started here has ended; torchrun ends all ranks with one."""
        return 0 < rank <= len(self.others) and self.others[rank - 1].poll() is not None


def joined(command: Sequence[str] = (), processes: int = 1) -> Ranks:
    """The ranks of this command: those of torchrun, or this process and others it starts.

    Parameters
    ----------
    command : the module of the command and its arguments, by which others are started.
    processes : how many share the work where torchrun has not started them.

    Raises
    ------
    WorkbenchError
        If there cannot be so many.
    """
    if processes < 1:
        raise WorkbenchError(f"--processes {processes} leaves none to do the work; give 1 or more.")
    if _world_size() > 1:
        return _of_environment()
    return started(command, processes) if processes > 1 else Ranks()


def usual_processes(*, on_cuda: bool = False) -> int:
    """How many processes share work with none to spare: one for each core, `MOST` at most.

    One where models compute on a CUDA device, which processes would have to share.
    """
    return 1 if on_cuda else min(_cores(), MOST)


def started(command: Sequence[str], processes: int) -> Ranks:
    """The first of so many processes, which start the others.

    Parameters
    ----------
    command : the module of the command and its arguments.
    processes : how many, this one among them.
    """
    one_by_default()
    store = TCPStore(LOCALHOST, 0, is_master=True, wait_for_workers=False)
    # as torchrun has it: the workers are clients of a store that is there before them
    shared = {
        "MASTER_ADDR": LOCALHOST,
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        STARTED: "1",
    }
    safe = ["-P"] * sys.flags.safe_path  # a folder `models` where it was started is not ours
    ours = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the first, which ends them
    try:
        others = [
            subprocess.Popen(
                [sys.executable, *safe, "-m", *command],
                env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdin=subprocess.PIPE,  # which nothing goes through, and which ends with this one
            )
            for rank in range(1, processes)
        ]
    finally:
        signal.signal(signal.SIGINT, ours)
    return Ranks(0, processes, PrefixStore(_counted(0), store), others)


def end_after(gone: Callable[[], object]) -> None:
    """End this process when the one that started it is gone, however that ended.

    It ends as by a kill, and where it does not hear of that, as in a wait for a connection, without
    more ado.

    Parameters
    ----------
    gone : waits until the other is gone.
    """

    def end() -> None:
        gone()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def fabric(device: torch.device, precision: str = "32-true", *, alone: bool = False) -> "Fabric":
    """Lightning Fabric, launched: on this device, with all ranks that torchrun started.

    Parameters
    ----------
    device : from `choose_device`.
    precision : a name that Fabric takes.
    alone : whether this rank works by itself, whatever the others do.

    Raises
    ------
    WorkbenchError
        If the precision cannot be had on the device.
    """
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it repeats what was asked for
    size = 1 if alone else _world_size()
    here = int(os.environ.get("LOCAL_WORLD_SIZE", size)) if size > 1 else 1
    own = [device.index] if device.index is not None and size == 1 else here
    try:
        made = Fabric(
            accelerator=device.type,
            devices=own,
            num_nodes=size // here,
            strategy="ddp" if size > 1 else "auto",
            precision=precision,  # type: ignore[arg-type]
        )
    except (RuntimeError, ValueError, ImportError) as error:
        raise WorkbenchError(
            f"the precision {precision} cannot be had on the device {device.type}; choose 32-true "
            "or bf16-mixed."
        ) from error
    made.launch()
    return made


def _of_environment() -> Ranks:
    """The ranks that torchrun, or `started`, describes in the environment."""
    if STARTED in os.environ:
        end_after(lambda: os.read(0, 1))  # before the first wait for a connection
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    number, size = int(os.environ["RANK"]), _world_size()
    hosts = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True" and number == 0
    store = TCPStore(address, port, size, is_master=hosts, wait_for_workers=False)
    return Ranks(number, size, PrefixStore(_counted(next(JOINED)), store))


def _counted(command: int) -> str:
    """Where a command counts, of those that a process runs: each anew, and after a restart too."""
    return f"workbench {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')} {command}"


def _world_size() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _cores() -> int:
    """The cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity else os.cpu_count() or 1
