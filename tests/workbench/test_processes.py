"""Work shared over ranks. Here they are threads that count in one store."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributed import HashStore

from workbench import WorkbenchError, processes, threads
from workbench.processes import Ranks, joined, usual_processes

ROOT = Path(__file__).parents[2]


class Ended:
    """A process that has ended."""

    def poll(self) -> int:
        return -9

    terminate = wait = poll


def together(size: int, work: Callable[[Ranks], object]) -> list:
    """What comes of the same work in every rank."""
    store = HashStore()
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(work, [Ranks(number, size, store) for number in range(size)]))


@given(st.integers(1, 4), st.integers(0, 9))
def test_each_task_falls_to_one_rank_and_all_are_done_at_the_end(size, n):
    done: list[int] = []

    def work(here: Ranks) -> list[int]:
        done.extend(here.share("work", range(n)))
        return sorted(done)

    assert together(size, work) == [list(range(n))] * size


def test_who_is_free_takes_the_next_task():
    slow = threading.Event()

    def work(here: Ranks) -> int:
        taken = 0
        for place in here.share("work", range(10)):
            taken += 1
            if place == 0:
                slow.wait(10)  # until the others have done all the rest
            if here.count("done") == 9:
                slow.set()
        return taken

    assert 1 in together(2, work)


def test_the_first_does_what_an_ended_rank_left_unfinished():
    store = HashStore()
    lost = Ranks(1, 2, store).share("work", "abc")
    assert next(lost) == "a"
    first = Ranks(0, 2, store, [Ended()])
    assert list(first.share("work", "abc")) == ["b", "c", "a"]


def test_two_works_do_not_mix():
    alone = Ranks()
    assert (list(alone.share("one", "ab")), list(alone.share("other", "ab"))) == (["a", "b"],) * 2
    assert alone.first


def test_the_first_goes_ahead_where_it_must():
    order: list[int] = []

    def work(here: Ranks) -> None:
        with here.first_alone("reading"):
            order.append(here.number)

    together(3, work)
    assert order[0] == 0


def failing(here: Ranks, error: BaseException) -> BaseException:
    try:
        with here:
            raise error
    except BaseException as raised:
        return raised


@pytest.mark.filterwarnings("default")
def test_of_an_error_that_all_come_upon_the_first_tells():
    bad = WorkbenchError("bad input.")
    raised = together(2, lambda here: failing(here, bad))
    assert raised[0] is bad
    assert isinstance(raised[1], SystemExit)
    assert raised[1].code == 2


@pytest.mark.filterwarnings("default")
def test_a_rank_tells_of_an_error_that_is_its_own(monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0.05)
    bad = WorkbenchError("this host lacks the file.")
    assert failing(Ranks(1, 2, HashStore()), bad) is bad


def test_it_is_the_device_of_the_models_that_processes_would_share(monkeypatch):
    monkeypatch.setattr(processes, "_cores", lambda: 4)
    assert usual_processes() == 4
    assert usual_processes(on_cuda=True) == 1


def test_alone_nothing_is_started():
    assert joined().size == 1
    assert 1 <= usual_processes() <= threads.MOST
    with pytest.raises(WorkbenchError, match="--processes 0 leaves none to do the work"):
        joined(processes=0)


@pytest.mark.parametrize(("here", "size", "nodes"), [(2, 2, 1), (1, 2, 2), (8, 32, 4)])
def test_fabric_is_told_of_every_host(monkeypatch, here, size, nodes):
    told: dict[str, object] = {}

    class Told:
        def __init__(self, **how: object) -> None:
            told.update(how)

        def launch(self) -> None:
            pass

    monkeypatch.setattr("lightning_fabric.Fabric", Told)
    monkeypatch.setenv("WORLD_SIZE", str(size))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(here))
    processes.fabric(torch.device("cpu"))
    assert (told["devices"], told["num_nodes"], told["strategy"]) == (here, nodes, "ddp")
    processes.fabric(torch.device("cuda", 3), alone=True)
    assert (told["devices"], told["num_nodes"], told["strategy"]) == ([3], 1, "auto")


STARTING = """
import time
from workbench.processes import started
ranks = started(["workbench", "evaluate", "--model", "SASRec"], 2)
print(ranks.others[0].pid, flush=True)
time.sleep(600)
"""


def test_a_process_ends_after_the_one_that_started_it_was_killed():
    first = subprocess.Popen(
        [sys.executable, "-c", STARTING],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert first.stdout is not None
    other = int(first.stdout.readline())
    first.kill()
    try:
        first.communicate(timeout=60)  # the other holds the pipe as long as it lives
    except subprocess.TimeoutExpired:
        os.kill(other, signal.SIGKILL)
        raise
    assert first.returncode == -signal.SIGKILL


WAITING = """
import threading
from workbench.processes import end_after
end_after(lambda: None)
threading.Event().wait{how}
"""


@pytest.mark.parametrize("how", ["()", "(600)"])
def test_a_process_that_nobody_needs_ends_as_by_a_kill(how):
    command = [sys.executable, "-c", WAITING.format(how=how)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGTERM


def test_one_that_does_not_hear_of_a_kill_ends_as_well():
    deaf = "import signal; signal.signal(signal.SIGTERM, lambda *given: None)"
    command = [sys.executable, "-c", deaf + WAITING.format(how="(600)")]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
