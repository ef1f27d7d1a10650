"""What a command imports before its first line: not what only some of its work needs."""

import subprocess
import sys
from pathlib import Path

import pytest

from analyses import diagnostics
from analyses.diagnostic import discover
from models import BACKBONES
from models.config import BACKBONE_NAMES, KEEPING_POSITIONS
from workbench.announcing import announce
from workbench.commands.importing import KNOWN
from workbench.importing.formats import FORMATS

ROOT = Path(__file__).parents[1]
# seconds to import, all together; what is said at once needs none of them
LATER = (
    *("captum", "lightning_fabric", "matplotlib", "models.recommender", "scipy", "seaborn"),
    *("streamlit", "torch", "tqdm"),
)
TABLES = ("numpy", "pandas", "pyarrow")  # half a second
# a command, as it would be run; ends before what is imported after its first line
PROGRAM = f"""
import runpy, sys
module, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as end:
    print("code", end.code or 0)
print([name for name in {(*LATER, *TABLES)} if name in sys.modules])
"""


def ended(*words: str) -> tuple[str, list[str]]:
    """The code by which a command ended, and what it had imported of what takes long."""
    command = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    *_, code, imported = done.stdout.splitlines()
    return code, [name for name in (*LATER, *TABLES) if repr(name) in imported]


COMMANDS = ("train", "sweep", "evaluate", "recommend", "explain", "import", "data", "app")


@pytest.mark.parametrize(
    "words",
    [
        ("workbench", "--help"),
        *(("workbench", command, "--help") for command in COMMANDS),
        ("analyses", "--help"),
        ("analyses.run_all", "--help"),
        ("analyses.compare", "--help"),
    ],
    ids=" ".join,
)
def test_help_imports_nothing_that_takes_long(words):
    assert ended(*words) == ("code 0", [])


@pytest.mark.parametrize("words", ["workbench data", "analyses.judge --help", "analyses.claims -h"])
def test_what_shows_a_list_of_data_or_plans_imports_no_pytorch(words):
    assert ended(*words.split()) == ("code 0", list(TABLES))


@pytest.mark.parametrize(
    "words",
    [
        "workbench train --nothing",
        "workbench train --model SASREC --out runs/x",
        "workbench train --model SASRec --out runs/x --option alpha",
        "workbench sweep --study everything --out runs/x",
        "workbench sweep --model SASREC --out runs/x",
        "workbench evaluate --model nowhere",
        "workbench recommend --model SASRec --out lists.txt",
        "workbench explain --model nowhere --user 1",
        "analyses.run_all --nothing",
        "analyses.run_all --only nothing",
        "analyses.run_all --models nowhere",
        "analyses.run_all --fail-on nothing",
        "analyses.run_all --out README.md",
        "analyses.compare nowhere nowhere",
    ],
)
def test_a_mistake_is_answered_before_what_takes_long_is_imported(words):
    assert ended(*words.split()) == ("code 2", [])


@pytest.mark.parametrize(
    "words",
    [
        "workbench train --model SASRec --out runs/x --data nowhere.csv",
        "workbench sweep --model SASRec --out runs/x --data planted:nothing",
        "workbench evaluate --model SASRec --data nowhere.csv",
        "workbench recommend --model SASRec --data nowhere.csv",
        "workbench explain --model SASRec --user 1 --data nowhere.csv",
        "workbench data nowhere.csv",
        "analyses.run_all --data nowhere.csv",
        "analyses.claims --data nowhere.csv",
        "analyses.claims --data planted --backbones nothing",
        "analyses.judge --scale nothing",
    ],
)
def test_data_that_are_not_there_are_missed_before_pytorch_is_imported(words):
    assert ended(*words.split()) == ("code 2", list(TABLES))


# ends a command when it begins to import one of some packages
STOPPED = """
import sys

class Stop:
    def find_spec(self, name, *rest):
        if name in {names}:
            print("stopped at", name, file=sys.stderr)
            sys.exit(3)

sys.meta_path.insert(0, Stop())
"""


def said_until(names: tuple[str, ...], words: str) -> list[str]:
    """What a command says on stderr until it imports one of some packages."""
    command = [sys.executable, "-c", STOPPED.format(names=names) + PROGRAM, *words.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("workbench data README.md", "reading README.md"),
        ("workbench train --model SASRec --out x", "reading ml-100k, to train SASRec"),
        ("workbench sweep --study alpha --out x --seeds 2", "reading ml-100k, to train 10 models"),
        ("workbench evaluate --model SASRec", "reading ml-100k and SASRec"),
        ("workbench recommend --model SASRec", "reading ml-100k and SASRec"),
        ("workbench explain --model SASRec --user 1", "reading ml-100k and SASRec"),
        ("workbench import a.pth --out x --data planted", "reading a.pth and planted"),
        (
            "analyses.run_all",
            "reading ml-100k, to report on SASRec, SASRec-uniform, AC-SASRec and AC-SASRec-light",
        ),
    ],
)
def test_the_first_line_comes_before_what_takes_long_is_imported(words, said):
    first, stop = said_until(("pandas", "torch"), words)
    assert first == said
    assert stop.startswith("stopped at")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("analyses.judge --scale small --out x", "models on planted data to judge, in x"),
        ("analyses.claims --data planted", "reading planted"),
    ],
)
def test_a_study_says_what_it_is_about_before_pytorch_is_imported(words, said):
    first, stop = said_until(("torch",), words)
    assert first.endswith(said)
    assert stop == "stopped at torch"


def test_what_help_lists_is_what_there_is():
    assert sorted(discover()) == diagnostics.names()
    assert tuple(BACKBONES) == BACKBONE_NAMES
    keeping = tuple(name for name, backbone in BACKBONES.items() if backbone.keeps_positions)
    assert keeping == KEEPING_POSITIONS
    assert ", ".join(format.name for format in FORMATS) == KNOWN


@pytest.mark.parametrize("rank", ["0", "1"])
def test_of_several_processes_the_first_says_what_is_done(rank, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    announce("reading")
    assert capsys.readouterr().err == ("reading\n" if rank == "0" else "")


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
