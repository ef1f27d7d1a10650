"""Two processes do not train into one folder, and one that has ended is in nobody's way."""

import os
import socket
import subprocess
import sys

import pytest
import torch

from workbench import WorkbenchError, build_model, load_model, train
from workbench.data import planted
from workbench.training.alone import HELD, alone_in

HOLDING = """
import sys, time
from pathlib import Path
from workbench.training.alone import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
HOW = {"epochs": 1, "device": "cpu", "progress": False}


@pytest.fixture
def other(tmp_path):
    """A process that holds the folder."""
    command = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.fixture
def model_and_data():
    data = planted(n_users=30, n_items=12, length=8, n_causes=4).data
    torch.manual_seed(0)
    return build_model("SASRec", data, hidden_size=8, inner_size=8, max_length=8), data


def held(folder):
    return [path.name for path in folder.glob(f"{HELD}*")]


def test_a_folder_that_another_process_trains_into_is_left_alone(tmp_path, other, model_and_data):
    with pytest.raises(WorkbenchError, match=rf"process {other.pid} is training there; wait for"):
        train(*model_and_data, tmp_path, **HOW)
    assert held(tmp_path) == [f"{HELD}{socket.gethostname()}-{other.pid}"]
    other.kill()
    other.wait()
    train(*model_and_data, tmp_path, **HOW)
    assert held(tmp_path) == []
    assert load_model(tmp_path).card["best_epoch"] == 1


def test_a_killed_process_whose_parent_has_not_looked_has_ended(tmp_path, other):
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    with alone_in(tmp_path):
        assert len(held(tmp_path)) == 1


def test_a_process_that_was_given_the_id_of_another_holds_nothing(tmp_path):
    (tmp_path / f"{HELD}{socket.gethostname()}-{os.getppid()}").write_text("1")
    with alone_in(tmp_path):
        assert held(tmp_path) == [f"{HELD}{socket.gethostname()}-{os.getpid()}"]


def test_of_a_process_elsewhere_nobody_can_tell_whether_it_runs(tmp_path):
    (tmp_path / f"{HELD}far-away-7").write_text("1")
    with (
        pytest.raises(WorkbenchError, match=r"process 7 on far-away .* delete .*far-away-7\)"),
        alone_in(tmp_path),
    ):
        pass
    assert held(tmp_path) == [f"{HELD}far-away-7"]


def test_a_model_that_is_there_is_taken_whoever_holds_its_folder(tmp_path, model_and_data):
    model, data = model_and_data
    trained = train(model, data, tmp_path, **HOW)
    (tmp_path / f"{HELD}far-away-7").write_text("1")
    again = build_model("SASRec", data, hidden_size=8, inner_size=8, max_length=8)
    again = train(again, data, tmp_path, **HOW)
    for name, tensor in trained.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor)
