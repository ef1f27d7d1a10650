"""Commands have one thread, unless the environment says more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, runpy, sys
module, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as end:
    assert not end.code, end.code
import torch
print(torch.get_num_threads(), os.environ["OMP_NUM_THREADS"])
"""


@pytest.mark.parametrize("words", ["workbench data", "analyses.run_all --help"])
@pytest.mark.parametrize(
    ("said", "threads"),
    [({}, "1"), ({"OMP_NUM_THREADS": ""}, "1"), ({"OMP_NUM_THREADS": "2"}, "2")],
)
def test_a_command_has_one_thread_unless_it_is_told_more(words, said, threads):
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"} | said
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words.split()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == f"{threads} {threads}"
