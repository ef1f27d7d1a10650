"""Virtual environments for the peers, and the way to run a peer's script inside its own.

python -m benchmarks.peers.environments recbole --data FOLDER --batches 20
"""

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Literal, get_args

from workbench.errors import WorkbenchError

Peer = Literal["recbole", "rectools"]

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = Path.home() / ".cache" / "attention-workbench" / "peers"


def run_peer(name: Peer, arguments: list[str], python: Path | None = None) -> dict[str, object]:
    """Run a peer's epoch script in its environment, built when missing; return its JSON line.

    `python` is the interpreter of another environment, to be used in place of it.

    Raises `WorkbenchError` where the environment cannot be built or the script fails.
    """
    python = python or environment(name)
    command = [str(python), str(HERE / f"{name}_epoch.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=_isolated())
    if done.returncode:
        raise WorkbenchError(
            f"The {name} benchmark failed: {_last_line(done.stderr)} "
            f"(to see all of it, run: {' '.join(command)})"
        )
    return json.loads(_last_line(done.stdout))


def environment(name: Peer) -> Path:
    """Return the interpreter of a peer's environment, building it where it is missing or outdated.

    Raises `WorkbenchError` with pip's reason where it cannot be built.
    """
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    requirements = HERE / f"{name}.txt"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = folder / "requirements.sha256"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python

    print(f"Building the {name} environment in {folder} (once, some minutes) ...", file=sys.stderr)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--requirement", str(requirements)]
    try:
        venv.create(folder, clear=True, with_pip=True)
        for step in (install, ["-c", f"import torch, {name}"]):
            done = subprocess.run(
                [str(python), *step], capture_output=True, text=True, env=_isolated()
            )
            if done.returncode:
                raise WorkbenchError(_reason(name, done.stderr))
    except (OSError, subprocess.CalledProcessError) as error:
        raise WorkbenchError(_reason(name, str(error))) from error
    stamp.write_text(wanted)  # written last: an interrupted build is built again
    return python


def _reason(name: Peer, output: str) -> str:
    return (
        f"The {name} environment could not be built from {HERE / name}.txt ({_last_line(output)}); "
        "it needs Python 3.11 or 3.12 with venv, a package index, and a CPU build of PyTorch "
        "that pip can find (PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL)."
    )


def _isolated() -> dict[str, str]:
    """The caller's environment variables (threads among them) without its import paths."""
    left_out = ("PYTHONPATH", "PYTHONHOME")
    return {key: value for key, value in os.environ.items() if key not in left_out}


def _last_line(output: str) -> str:
    return (output.strip().splitlines() or ["no message"])[-1].strip()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in get_args(Peer):
        sys.exit(f"Name a peer first: {' or '.join(get_args(Peer))}, then its options (--help).")
    try:
        print(json.dumps(run_peer(sys.argv[1], sys.argv[2:]), indent=2))  # type: ignore[arg-type]
    except WorkbenchError as error:
        sys.exit(str(error))
