"""Runs of run_all watched by the file they keep, whatever they print."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analyses.run_all import parser
from analyses.running.progress import Progress, ProgressFile
from workbench.app import jobs
from workbench.app.dataset.runs import Run

DIAGNOSTICS = ["attention_worth", "gradient_agreement"]
# what the bars of run_all once looked like, and a message of another diagnostic's
CHATTER = "gradient_agreement:  50%|#####     | 6/12 [00:01<00:01]\nerror: not this\nlast words."


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A run whose process only chatters and waits; `file` is what it would keep."""
    start = subprocess.Popen

    def chatter(command, **options):
        run_all = command[command.index("-m") :]
        (given,) = (word for word in run_all if word.startswith("--progress="))
        chatter.file = ProgressFile(Path(given.removeprefix("--progress=")))
        program = f"print({CHATTER!r}, flush=True)\nimport sys\nsys.exit(len(input()))"
        return start([sys.executable, "-c", program], **options | {"stdin": subprocess.PIPE})

    monkeypatch.setattr(jobs.subprocess, "Popen", chatter)
    made = Run(tmp_path / "out", ["--data=x.csv"], DIAGNOSTICS)
    while not made.log():
        time.sleep(0.01)
    yield made, chatter.file
    made.cancel()
    made.process.stdin.close()


def end(run, code: int) -> None:
    run.process.stdin.write(b"x" * code + b"\n")
    run.process.stdin.flush()
    run.process.wait()


def test_how_far_it_is_comes_from_the_file(run):
    run, file = run
    assert run.position() == (Progress("reading"), 0.0)
    for moment, share in (
        (Progress("reading"), 0.0),
        (Progress("training", "", 10, 80, "SASRec"), 0.125),
        (Progress("measuring", "attention_worth", 6, 12), 0.25),
        (Progress("measuring", "gradient_agreement", 0, 12), 0.5),
        (Progress("measuring", "gradient_agreement", 12, 12), 1.0),
        (Progress("drawing", "attention_worth", 0, 2), 0.0),
        (Progress("drawing", "gradient_agreement", 1, 2), 0.5),
    ):
        file.write(moment)
        assert run.position() == (moment, share)
        assert run.failure() is None


def test_why_it_failed_comes_from_the_file(run):
    run, file = run
    file.write(Progress("failed", message="error: a sentence; and 3/4 of another."))
    end(run, 2)
    assert run.failure() == "error: a sentence; and 3/4 of another."


def test_a_run_that_ended_well_has_no_failure_whatever_it_said(run):
    run, file = run
    file.write(Progress("finished", message="out/report.html"))
    end(run, 0)
    assert run.failure() is None
    assert not run.alive


def test_a_run_that_was_killed_tells_its_code_and_its_last_words(run):
    run, file = run
    file.write(Progress("measuring", "attention_worth", 6, 12))
    os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait()
    assert run.failure() == "It ended with code -9: last words."


def test_a_model_called_like_an_option_is_a_model():
    """The words of the command, as `run_all` reads them."""
    words = ["--models=--help", "--models=SASRec", "--only=a", "--only=--force"]
    given = parser().parse_args(words)
    assert given.models == ["--help", "SASRec"]
    assert given.only == ["a", "--force"]
