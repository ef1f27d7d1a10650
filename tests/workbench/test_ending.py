"""How commands end: what they say, once, and by which code."""

import os
import shlex
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.workbench.tiny import data_of
from workbench import build_model, save_model
from workbench.__main__ import app
from workbench.ending import STOPPED, ended_in_words, told_if_stopped
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.training import sweeps, trainer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ended(monkeypatch, capsys):
    """How work ends: the code, and what was said on stderr."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def end(work: Callable[[], object]) -> tuple[int, str]:
        code = 0
        try:
            with ended_in_words():
                work()
        except SystemExit as raised:
            code = int(raised.code or 0)
        return code, capsys.readouterr().err

    return end


def raising(error: BaseException) -> Callable[[], object]:
    def work() -> None:
        raise error

    return work


def test_warnings_and_bad_input_are_a_line_each(ended):
    def work() -> None:
        warnings.warn("two models are alike.", WorkbenchWarning, stacklevel=1)
        raise WorkbenchError("no such model.")

    assert ended(work) == (2, "warning: two models are alike.\nerror: no such model.\n")


def test_a_kill_ends_as_being_stopped_does(ended):
    assert ended(lambda: os.kill(os.getpid(), signal.SIGTERM)) == (130, "")
    assert ended(raising(KeyboardInterrupt())) == (130, "")


def test_a_second_kill_does_not_cut_off_what_clears_away(ended):
    cleared = []

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            cleared.append(True)

    assert ended(work) == (130, "")
    assert cleared


ENDED = """
import atexit, os, signal
from workbench.ending import ended_in_words
with ended_in_words():
    atexit.register(print, "taken down", flush=True)
    {within}
os.kill(os.getpid(), signal.SIGTERM)
"""
TAKING_DOWN = "atexit.register(os.kill, os.getpid(), signal.{kind}); raise SystemExit(2)"


@pytest.mark.parametrize(
    ("within", "code"),
    [
        ("pass", -signal.SIGTERM),
        (TAKING_DOWN.format(kind="SIGTERM"), -signal.SIGTERM),
        (TAKING_DOWN.format(kind="SIGINT"), 2),
    ],
)
def test_after_the_end_a_kill_or_ctrl_c_is_silent(within, code):
    command = [sys.executable, "-c", ENDED.format(within=within)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout in ("", "taken down\n")


@pytest.mark.parametrize(
    ("environment", "stored", "said"),
    [
        ({}, True, f"{STOPPED}\n"),
        ({}, False, ""),
        ({"WORLD_SIZE": "2", "RANK": "0"}, True, f"{STOPPED}\n"),
        ({"WORLD_SIZE": "2", "RANK": "1"}, True, ""),
    ],
)
def test_who_stops_it_is_told_once_and_where_there_is_something(
    ended, monkeypatch, environment, stored, said
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def work(error: BaseException) -> None:
        with told_if_stopped(lambda: stored):
            raise error

    assert ended(lambda: work(KeyboardInterrupt())) == (130, said)
    assert STOPPED not in ended(lambda: work(WorkbenchError("bad.")))[1]


PRINTING = """
from workbench.ending import ended_in_words
with ended_in_words():
    print("lines" * 20, flush={flush})
"""


@pytest.mark.parametrize(
    "command",
    [
        ["-c", PRINTING.format(flush=True)],
        ["-c", PRINTING.format(flush=False)],
        ["-m", "workbench", "data"],
    ],
)
def test_where_nobody_reads_on_the_end_is_silent(command):
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, stdout=writes, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (1, b"")


TELLING = """
import sys
from workbench.announcing import announce, say
from workbench.ending import ended_in_words
from workbench.progress_bars import progress_bar
with ended_in_words():
    announce("reading")
    say("done")
    with progress_bar(1, "epochs", "epoch") as bar:
        bar.update()
    sys.exit(7)
"""


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_what_was_closed_from_the_start_is_no_failure(tmp_path, closed):
    script = tmp_path / "telling.py"
    script.write_text(TELLING)
    line = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(script))} {closed}"
    paths = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", line], env=paths, capture_output=True, text=True, check=False
    )
    assert done.returncode == 7
    assert "Error" not in done.stderr
    assert done.stdout == ("" if closed != "2>&-" else "done\n")


@pytest.mark.parametrize("command", ["train", "sweep"])
@pytest.mark.parametrize("epochs", [0, 1])
def test_who_stops_a_training_is_told_that_it_goes_on_if_it_does(
    tmp_path, monkeypatch, capsys, command, epochs
):
    data = data_of([1, 2, 3, 4, 5], [5, 6, 7, 8, 1], [2, 4, 6, 8, 1])
    monkeypatch.setattr("workbench.load_data", lambda source: data)
    monkeypatch.setattr(sweeps, "load_data", lambda source: data)
    evaluate, seen = trainer.evaluate, []

    def stopping(*arguments, **options):
        seen.append(1)
        if len(seen) > epochs:
            raise KeyboardInterrupt
        return evaluate(*arguments, **options)

    monkeypatch.setattr(trainer, "evaluate", stopping)
    given = [command, "--data", "planted", "--model", "SASRec", "--out", str(tmp_path / "new")]
    size = ("--vary" if command == "sweep" else "--option", "hidden_size=8")
    assert app([*given, *size, "--device", "cpu"], standalone_mode=False) == 130
    assert len(seen) == epochs + 1
    assert capsys.readouterr().err.count(STOPPED) == epochs


def test_what_is_not_of_this_training_is_nothing_to_go_on_from(tmp_path, monkeypatch, capsys):
    torch.manual_seed(0)
    data = data_of([1, 2, 3, 4, 5], [5, 6, 7, 8, 1], [2, 4, 6, 8, 1])
    save_model(build_model("SASRec", data, hidden_size=8), tmp_path)

    def stopping(source):
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.load_data", stopping)
    given = ["train", "--data", "planted", "--model", "SASRec", "--out", str(tmp_path)]
    assert app(given, standalone_mode=False) == 130
    assert STOPPED not in capsys.readouterr().err
