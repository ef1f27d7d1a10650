"""What a command imports before its first line: not what only some of its work needs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# seconds to import, each of them
LATER = ("captum", "lightning_fabric", "matplotlib", "scipy.stats", "seaborn", "torch._dynamo")
PROGRAM = f"""
import runpy, sys
module, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as end:
    assert not end.code, end.code
print([name for name in {LATER} if name in sys.modules])
"""


@pytest.mark.parametrize(
    "words",
    [
        ("workbench", "--help"),
        ("workbench", "train", "--help"),
        ("workbench", "data"),
        ("analyses", "--help"),
        ("analyses.run_all", "--help"),
        ("analyses.judge", "--help"),
        ("analyses.compare", "--help"),
    ],
    ids=" ".join,
)
def test_what_only_some_of_the_work_needs_is_imported_later(words):
    command = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_model_is_loaded_without_what_compiles_models():
    """Random numbers and empty tensors on the device "meta" import them, for three seconds."""
    program = """
import sys
from workbench import load_model
for name in ("SASRec", "AC-SASRec", "TiSASRec", "BERT4Rec", "SSE-PT"):
    load_model(name)
print([name for name in ("torch._dynamo", "sympy") if name in sys.modules])
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
