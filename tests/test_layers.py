"""How the packages hang together: who may import whom, and what a module may not say."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import BACKBONES

ROOT = Path(__file__).parents[1]
PACKAGES = ("models", "workbench", "analyses")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# the parts of workbench; each imports from the rows above it and from itself
ORDER = """\
memory threads writing
announcing errors
devices ending files fonts model model_folders phrases processes progress_bars spreadsheets
data metrics mode statistics
attention checkpoint registry
explaining matching
evaluation
cards faithfulness
explore importing recommendation training
__init__
app commands
__main__
"""
# those of analyses; each imports from its own row, too
ASKED_OF_ALL = """\
conclusions diagnostic running shortcomings telling
diagnostics
questions
verdict
reliability
report
judging
at_hand compare judge reporting run_all
claims
__main__
"""


def rows_of(order: str) -> dict[str, int]:
    return {part: row for row, parts in enumerate(order.splitlines()) for part in parts.split()}


ROWS, ANALYSES = rows_of(ORDER), rows_of(ASKED_OF_ALL)
MAY_NAME_BACKBONES = "workbench/importing/"  # where the names are those of other software


def modules(*packages: str) -> dict[str, ast.Module]:
    """The files of packages, parsed, by their path from the root; with their stubs."""
    return {
        str(path.relative_to(ROOT)): ast.parse(
            "".join(p.read_text("utf-8") for p in (path, path.with_suffix(".pyi")) if p.exists())
        )
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def imported(path: str, tree: ast.Module) -> Iterator[tuple[str, ...]]:
    """What a file imports of ours, as parts of dotted names; also within functions."""
    stub = (ROOT / path).with_suffix(".pyi").exists()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert stub or not node.level, "write imports with the name of the package"
            within = f"{path.removesuffix('/__init__.py').replace('/', '.')}." if node.level else ""
            names = [f"{within}{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (tuple(name.split(".")) for name in names if name.split(".")[0] in PACKAGES)


def part_of(name: tuple[str, ...]) -> str:
    """The part of a package that a name is in: a folder or a module; __init__ where neither."""
    place = ROOT.joinpath(*name[:2])
    there = place.is_dir() or place.with_suffix(".py").exists()
    return name[1] if len(name) > 1 and there else "__init__"


def wrong_imports(path: str, tree: ast.Module) -> list[str]:
    """Imports of a file that run the wrong way."""
    package, part = path.split("/")[0], path.split("/")[1].removesuffix(".py")
    wrong = []
    for name in imported(path, tree):
        if package == name[0] == "analyses":
            finding = (part, name[1:]) == ("diagnostic", ("diagnostics",))  # those in the folder
            right = finding or ANALYSES.get(part_of(name), 0) <= ANALYSES[part]
        elif package == "analyses":
            right = name[:2] != ("workbench", "app")
        elif name[0] == "analyses":
            right = path.startswith("workbench/app/dataset/")
        elif package == "workbench" and name[0] == "workbench":
            right = part_of(name) == part or ROWS[part_of(name)] < ROWS[part]
        else:
            right = PACKAGES.index(name[0]) <= PACKAGES.index(package)
        if not right:
            wrong.append(f"{path} imports {'.'.join(name)}")
    return wrong


def compared_backbones(path: str, tree: ast.Module) -> list[str]:
    """Where a file decides by the name of a backbone."""
    if path.startswith(MAY_NAME_BACKBONES):
        return []
    found = []
    for node in ast.walk(tree):
        compares = isinstance(node, ast.Compare | ast.MatchValue)
        asks = (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("startswith", "endswith")
        )
        if not (compares or asks):
            continue
        words = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
        if any(name in word for name in BACKBONES for word in words if isinstance(word, str)):
            found.append(f"{path}:{node.lineno} compares {ast.unparse(node)}")  # type: ignore[attr-defined]
    return found


def untyped_models(path: str, tree: ast.Module) -> list[str]:
    """Where a parameter or a field is a model of any kind."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        else:
            continue
        if name == "model" and node.annotation and ast.unparse(node.annotation) == "Any":
            found.append(f"{path}:{node.lineno} takes any model; say which, see workbench/model.py")
    return found


def test_imports_run_one_way():
    wrong = [
        line for path, tree in modules(*PACKAGES).items() for line in wrong_imports(path, tree)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("models/batch.py", "from workbench.errors import WorkbenchError"),
        ("workbench/explore/survey.py", "import analyses.run_all"),
        ("workbench/app/words.py", "from analyses import run_all"),
        ("workbench/matching.py", "from workbench.evaluation import evaluate"),
        ("workbench/evaluation.py", "def f():\n    from workbench import explore"),
        ("workbench/training/trainer.py", "from workbench import load_data"),
        ("workbench/commands/train.py", "from workbench.app import words"),
        ("analyses/run_all.py", "from workbench.app.table import show_table"),
        ("analyses/running/passes.py", "from analyses.report.page import render"),
        ("analyses/diagnostics/order.py", "from analyses.report.page import render"),
        ("analyses/telling/wording.py", "def f():\n    from analyses import verdict"),
    ],
)
def test_an_import_that_runs_the_wrong_way_is_seen(path, line):
    assert len(wrong_imports(path, ast.parse(line))) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("workbench/app/dataset/runs.py", "from analyses.run_all import main"),
        ("workbench/commands/train.py", "from workbench import train"),
        ("workbench/explore/survey.py", "from workbench import statistics"),
        ("analyses/run_all.py", "from workbench import evaluate"),
    ],
)
def test_one_that_runs_the_right_way_is_not(path, line):
    assert wrong_imports(path, ast.parse(line)) == []


def test_measuring_loads_nothing_of_the_report():
    """Not through others that it imports either."""
    program = "import sys, analyses.running.measuring; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    wrong = ("analyses.report", "analyses.telling", "workbench.app")
    assert [name for name in loaded.split() if name.startswith(wrong)] == []


@pytest.mark.parametrize(
    ("package", "order", "without"),
    [("workbench", ORDER, set()), ("analyses", ASKED_OF_ALL, {"__init__"})],
)
def test_every_part_of_a_package_is_in_the_order_which_the_docs_quote(package, order, without):
    parts = {path.split("/")[1].removesuffix(".py") for path in modules(package)} - without
    assert parts == rows_of(order).keys()
    assert f"```\n{order}```" in ARCHITECTURE


def test_the_docs_name_every_folder_and_the_single_files_of_workbench():
    for path in modules(*PACKAGES):
        package, name, *below = path.split("/")
        if below:
            assert f"  {name}/" in ARCHITECTURE, path
        elif package == "workbench" and not name.startswith("__"):
            assert f"`{name}`" in ARCHITECTURE, path


def test_no_two_modules_have_one_name():
    places = defaultdict(list)
    for path in modules(*PACKAGES, "benchmarks"):
        if Path(path).name not in ("__init__.py", "__main__.py"):
            places[Path(path).name].append(path)
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_nothing_decides_by_the_name_of_a_backbone():
    found = [line for p, tree in modules(*PACKAGES).items() for line in compared_backbones(p, tree)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        'x == "SASRec"',
        'x in ("SSE-PT", "TiSASRec")',
        'x.startswith("AC-BERT4Rec")',
        'match x:\n    case "BERT4Rec":\n        pass',
    ],
)
def test_a_compared_name_is_seen(line):
    assert len(compared_backbones("workbench/explore/survey.py", ast.parse(line))) == 1
    assert compared_backbones("workbench/importing/formats.py", ast.parse(line)) == []


def test_no_model_is_of_any_kind():
    found = [
        line for path, tree in modules(*PACKAGES).items() for line in untyped_models(path, tree)
    ]
    assert found == []


@pytest.mark.parametrize("line", ["def f(model: Any): ...", "class A:\n    model: Any"])
def test_a_model_of_any_kind_is_seen(line):
    assert len(untyped_models("a.py", ast.parse(line))) == 1
