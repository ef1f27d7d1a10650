"""A run that was killed and started again is the run that was not."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from models import Recommender
from tests.workbench.null_data import permute_sequences
from workbench import WorkbenchError, build_model, train
from workbench.data import planted
from workbench.data.sequences import SequenceData
from workbench.training import trainer as training

HOW: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 64,
    "learning_rate": 1e-2,
    "seed": 3,
    "device": "cpu",
    "progress": False,
}
MODELS: dict[str, dict[str, Any]] = {
    "SASRec": {},
    "AC-SASRec": {},
    "AC-SASRec, annealing": {"correction": "annealing"},  # counts its steps in a buffer
}


@pytest.fixture(scope="module")
def data() -> SequenceData:
    return planted("distance", n_users=30, n_items=12, length=12, n_causes=4, lag=2).data


def build(name: str, data: SequenceData, seed: int = 0, **options: Any) -> Recommender:
    """With the usual dropout of one half."""
    torch.manual_seed(seed)
    options = {"hidden_size": 8, "inner_size": 8, "max_length": 8, **MODELS[name], **options}
    return build_model(name.split(",")[0], data, **options)


def killed(
    monkeypatch: pytest.MonkeyPatch,
    model: Recommender,
    data: SequenceData,
    out: Path,
    after: int,
    **how: Any,
) -> None:
    """Train, and be interrupted in the epoch that follows so many."""
    calls = 0
    genuine = training.evaluate

    def interrupted(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls > after:  # all steps of this epoch are done, and lost
            raise KeyboardInterrupt
        return genuine(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(training, "evaluate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(model, data, out, **{**HOW, **how})


def state_after(
    monkeypatch: pytest.MonkeyPatch, model: Recommender, data: SequenceData, out: Path, **how: Any
) -> dict[str, Any]:
    """Train to the end; the last training state, which is deleted when all is saved."""
    kept = out.parent / f"{out.name}.pt"
    genuine = training.save_model

    def keep(*arguments, **options):
        shutil.copy(out / "training.pt", kept)
        return genuine(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_model", keep)
        train(model, data, out, **{**HOW, **how})
    state = torch.load(kept, weights_only=True)
    for epoch in state["progress"]["history"]:
        assert epoch.pop("seconds") >= 0
    return state


@pytest.mark.parametrize("objective", ["prefixes", "positions"])
@pytest.mark.parametrize("name", MODELS)
def test_to_the_bit(monkeypatch, tmp_path, data, name, objective):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    model = build(name, data)
    expected = state_after(monkeypatch, model, data, whole, objective=objective)
    killed(monkeypatch, build(name, data), data, parts, 1, objective=objective)
    killed(monkeypatch, build(name, data, seed=7), data, parts, 1, objective=objective)
    assert sorted(path.name for path in parts.iterdir()) == ["training.pt"]
    again = build(name, data, seed=8)  # other weights to begin with, which must not matter
    found = state_after(monkeypatch, again, data, parts, objective=objective)
    assert [epoch["epoch"] for epoch in found["progress"]["history"]] == [1, 2, 3, 4]
    assert found["progress"] == expected["progress"]
    for part in ("model", "best", "optimizers"):
        torch.testing.assert_close(found[part], expected[part], rtol=0, atol=0)
    for key, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
    weights = [(folder / "model.safetensors").read_bytes() for folder in (whole, parts)]
    assert weights[0] == weights[1]
    assert not (parts / "training.pt").exists()


@pytest.mark.parametrize("done", [False, True])
def test_what_killed_trainings_had_begun_to_write_is_removed(monkeypatch, tmp_path, data, done):
    if done:
        train(build("SASRec", data), data, tmp_path, **HOW)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".partial-{ended.pid}@{socket.gethostname()}@x-training.pt").touch()
    train(build("SASRec", data), data, tmp_path, **HOW)
    assert not list(tmp_path.glob(".partial-*"))


@pytest.mark.parametrize("loss", ["sampled", "gbce"])
def test_to_the_bit_with_sampled_items(monkeypatch, tmp_path, data, loss):
    how = {"loss": loss, "negatives": 5, "weight_decay": 0.01}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = state_after(monkeypatch, build("AC-SASRec", data), data, whole, **how)
    killed(monkeypatch, build("AC-SASRec", data), data, parts, 2, **how)
    with pytest.raises(WorkbenchError, match="belongs to"):
        train(build("AC-SASRec", data), data, parts, **{**HOW, **how, "negatives": 6})
    found = state_after(monkeypatch, build("AC-SASRec", data, seed=8), data, parts, **how)
    assert found["progress"] == expected["progress"]
    for part in ("model", "best", "optimizers"):
        torch.testing.assert_close(found[part], expected[part], rtol=0, atol=0)


def test_the_number_of_epochs_may_change(monkeypatch, tmp_path, data):
    name = "SASRec"
    expected = state_after(monkeypatch, build(name, data), data, tmp_path / "whole")
    killed(monkeypatch, build(name, data), data, tmp_path / "parts", 2, epochs=100)
    found = state_after(monkeypatch, build(name, data), data, tmp_path / "parts")
    assert found["progress"] == expected["progress"]


@pytest.mark.parametrize("missing", ["value_projection", "avoid_weight", "loss"])
def test_a_run_begun_before_an_option_came_in_is_refused(monkeypatch, tmp_path, data, missing):
    killed(monkeypatch, build("SASRec", data), data, tmp_path, 1)
    state = torch.load(tmp_path / "training.pt", weights_only=True)
    identity = json.loads(state["identity"])
    part = "config" if missing in identity["config"] else "training"
    del identity[part][missing]
    state["identity"] = json.dumps(identity, sort_keys=True)
    torch.save(state, tmp_path / "training.pt")
    with pytest.raises(WorkbenchError, match="belongs to a run with other data, model or options"):
        train(build("SASRec", data), data, tmp_path, **HOW)


def test_a_run_with_an_option_that_is_not_known_is_refused(monkeypatch, tmp_path, data):
    killed(monkeypatch, build("SASRec", data), data, tmp_path, 1)
    state = torch.load(tmp_path / "training.pt", weights_only=True)
    identity = json.loads(state["identity"])
    identity["config"]["of_a_later_version"] = True
    state["identity"] = json.dumps(identity, sort_keys=True)
    torch.save(state, tmp_path / "training.pt")
    with pytest.raises(WorkbenchError, match="belongs to a run with other data, model or options"):
        train(build("SASRec", data), data, tmp_path, **HOW)


@pytest.mark.parametrize("other", ["data", "model", "correction", "seed", "objective"])
def test_another_run_is_refused(monkeypatch, tmp_path, data, other):
    killed(monkeypatch, build("AC-SASRec", data), data, tmp_path, 1)
    before = (tmp_path / "training.pt").read_bytes()
    if other == "data":
        data = permute_sequences(data)
    name = "SASRec" if other == "model" else "AC-SASRec"
    model = build(name, data, **({"correction": "fixed"} if other == "correction" else {}))
    how = {"seed": {"seed": 4}, "objective": {"objective": "prefixes"}}.get(other, {})
    with pytest.raises(WorkbenchError, match=r"training\.pt: belongs to .* other data") as caught:
        train(model, data, tmp_path, **{**HOW, **how})
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]
    assert (tmp_path / "training.pt").read_bytes() == before


@pytest.mark.parametrize("fault", ["cut short", "empty", "something else", "of others"])
def test_a_broken_state_is_told(monkeypatch, tmp_path, data, fault):
    killed(monkeypatch, build("SASRec", data), data, tmp_path, 1)
    path = tmp_path / "training.pt"
    whole = path.read_bytes()
    broken = {"cut short": whole[: len(whole) // 2], "empty": b"", "something else": b"a,b\n1,2\n"}
    if fault == "of others":
        torch.save({"state_dict": {}, "epoch": 3}, path)
    else:
        path.write_bytes(broken[fault])
    with pytest.raises(WorkbenchError, match=r"training\.pt: cannot be read; delete") as caught:
        train(build("SASRec", data), data, tmp_path, **HOW)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]


FULL = """
import resource, signal, sys
from pathlib import Path
import torch
from workbench.errors import WorkbenchError
from workbench.training.state import Progress, write_state
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_state(Path(sys.argv[1]), {}, Progress(), {"model": torch.zeros(1_000_000)})
except WorkbenchError as error:
    print(error)
"""


def test_a_state_that_does_not_fit_on_the_disk_is_told_and_the_old_one_stays(tmp_path):
    (tmp_path / "training.pt").write_bytes(b"before")
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{tmp_path / 'training.pt'} cannot be written to: ")
    assert done.stdout.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]
    assert (tmp_path / "training.pt").read_bytes() == b"before"
