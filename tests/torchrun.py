"""A script run by torchrun, as several processes that compute on the CPU."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 240  # for a machine under load; it takes about eight


def torchrun(script: Sequence[str], processes: int = 2) -> str:
    """What a script says that so many processes run; AssertionError with it if one fails.

    Parameters
    ----------
    script : a file, or -m and a module; and its arguments.
    processes : how many.
    """
    env = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    env |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if sys.platform.startswith("linux"):
        env["GLOO_SOCKET_IFNAME"] = "lo"  # no network is needed, and none may be had
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    process = subprocess.Popen(
        [*command, f"--nproc_per_node={processes}", *script],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        told, _ = process.communicate(timeout=SECONDS)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)  # the launcher and its children
        process.wait()
        raise
    assert process.returncode == 0, told
    return told
