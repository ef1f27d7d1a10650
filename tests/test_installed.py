"""The wheel, installed elsewhere: commands, shipped weights and reports from any folder.

Nothing is fetched, and what the packages need is taken from where the tests run.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = "planted:distance?users=60&items=30&length=10&causes=4"
QUIET = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the wheel was installed to."""
    place = tmp_path_factory.mktemp("installed")
    source, wheels, target = place / "source", place / "wheels", place / "target"
    for package in ("models", "workbench", "analyses"):
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=left_out)
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip"]
    built = ["wheel", *QUIET, "--no-build-isolation", "--wheel-dir", str(wheels), str(source)]
    subprocess.run([*pip, *built], check=True, cwd=place)
    (wheel,) = wheels.iterdir()
    subprocess.run([*pip, "install", *QUIET, "--target", str(target), str(wheel)], check=True)
    shutil.rmtree(source)
    return target


@pytest.fixture
def place(tmp_path, monkeypatch, installed):
    """A folder to work in, where `models` and `data` mean something else."""
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("models", "data"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not yours')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(installed, *words):
    command = [installed / "bin" / "attention-workbench", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


PYTHON = """
import models, workbench, analyses
from analyses.running.code import Code
from workbench import load_model
from workbench.model_folders import CARD, PRETRAINED, WEIGHTS

for package in (models, workbench, analyses):
    print(package.__file__)
shipped = sorted(folder.parent.name for folder in PRETRAINED.glob(f"*/{CARD}"))
print(*shipped)
print(*(load_model(name).config.name for name in shipped))
print(len(list(PRETRAINED.rglob(WEIGHTS))))
print(Code().module("torch"), Code().module("models.batch") is None)
"""


def test_everything_is_found_where_it_was_installed(installed, place):
    command = [sys.executable, "-P", "-c", PYTHON]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *files, shipped, loaded, weights, code = done.stdout.splitlines()
    packages = ("models", "workbench", "analyses")
    assert files == [str(installed / package / "__init__.py") for package in packages]
    assert all((installed / package / "py.typed").exists() for package in packages)
    pretrained = ROOT / "models" / "pretrained"
    assert shipped.split() == sorted(folder.name for folder in pretrained.iterdir())
    assert loaded == shipped
    assert int(weights) == len(list(pretrained.rglob("*.safetensors")))
    assert code == "None False"  # what lies beside the packages is not code of ours


def test_a_report_is_made_in_the_current_folder(installed, place):
    sizes = [f"--option={size}" for size in ("hidden_size=8", "inner_size=8", "n_layers=1")]
    trained = ["--model", "SASRec", "--data", DATA, "--out", "runs/mine", "--epochs", "1"]
    run(installed, "train", *trained, *sizes)
    chosen = ["--models", "runs/mine", "--only", "gradient_agreement", "--users", "8"]
    said = run(installed, "report", "--data", DATA, *chosen)
    page = Path(said.removeprefix("report: ").strip())
    assert page.parts[0] == "reports"
    assert "mine" in (place / page).read_text(encoding="utf-8")
    assert list((place / "reports" / ".cache").glob("*.piece"))


def test_the_app_starts_and_serves_this_machine_alone(installed, place):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [installed / "bin" / "attention-workbench", "app", "--allow", "."]
    command += ["--server.headless", "true", "--server.port", str(port)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with open("log", "wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        while "URL:" not in (said := Path("log").read_text()):
            assert process.poll() is None, said
            time.sleep(0.1)
        assert f"URL: http://localhost:{port}" in said  # and none of the network
        assert said.count("URL:") == 1
        urllib.request.urlopen(f"http://localhost:{port}/_stcore/health").close()
    finally:
        process.terminate()
        process.wait(10)
