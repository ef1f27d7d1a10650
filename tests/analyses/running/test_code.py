"""What invalidates a stored measurement: all code that made it, and no other."""

import importlib
import sys
from types import ModuleType

import pytest

from analyses.diagnostic import discover
from analyses.running.code import ALL, Code, Definition, code_hash, definition_of
from analyses.running.measuring import measure_piece, measuring_code
from tests.analyses.handmade import Handmade
from workbench import adapt
from workbench.attention.adapter import AdaptedConfig

FILES = {
    "diagnostic.py": '''
"""A diagnostic."""

from functools import wraps

import numpy as np

from SANDBOX import settings, tools
from SANDBOX.tools import Scale, halved, inner

CAPTIONS = {"one": "A caption."}
SHORTEST = 3
TITLE = f"At least {SHORTEST}"


def decorated(function):
    @wraps(function)
    def wrapper(*given):
        return function(*given)

    return wrapper


@decorated
def measure(model, scale: "Scale"):
    """A docstring."""
    # a comment
    if model > SHORTEST + inner.cubed:
        return np.array(halved(model))
    from SANDBOX.late import late

    return scale.times(late() + settings.STEPS)


def findings(results):
    return ["A sentence."]


DIAGNOSTIC = (measure, findings, CAPTIONS)
''',
    "tools/__init__.py": '''
"""Tools, from a module that is imported through the package itself."""

from SANDBOX.tools import inner
from .inner import Scale, halved, unused
''',
    "tools/inner.py": '''
FACTOR: float = 2
cubed = 27


class Base:
    def plus(self, x):
        return x + 1


class Scale(Base):
    """A class."""

    def times(self, x):
        return self.plus(x) * FACTOR


def halved(x):
    return x / 2


def unused(x):
    return x
''',
    "settings.py": "STEPS = 16\nOTHER = 1\n",
    "late.py": "def late():\n    return 1\n",
}


class Sandbox:
    """A package of its own for each test, whose files can be edited."""

    def __init__(self, folder, name: str) -> None:
        self.folder, self.name = folder / name, name
        for path, text in FILES.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace("SANDBOX", name))
        (self.folder / "__init__.py").write_text("")
        self.module: ModuleType = importlib.import_module(f"{name}.diagnostic")

    def hash(self) -> str:
        return code_hash([self.module.measure])

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert text.count(old) == 1
        (self.folder / path).write_text(text.replace(old, new))


@pytest.fixture
def sandbox(tmp_path, monkeypatch, request):
    monkeypatch.syspath_prepend(tmp_path)
    name = f"sandbox_{abs(hash(request.node.name))}"
    yield Sandbox(tmp_path, name)
    for module in [m for m in sys.modules if m.partition(".")[0] == name]:
        del sys.modules[module]


CHANGES = [
    ("tools/inner.py", "cubed = 27", "cubed = 64"),  # a module that a package imports from itself
    ("diagnostic.py", "model > SHORTEST", "model >= SHORTEST"),  # the measure itself
    ("diagnostic.py", "SHORTEST = 3", "SHORTEST = 4"),  # a constant
    ("diagnostic.py", "return function(*given)", "return 1 + function(*given)"),  # its decorator
    ("tools/inner.py", "x / 2", "x / 3"),  # a helper that a package hands on
    ("tools/inner.py", "FACTOR: float = 2", "FACTOR: float = 3"),  # a constant of a method
    ("tools/inner.py", "self.plus(x) * ", "self.plus(x) + "),  # a class known by an annotation
    ("tools/inner.py", "x + 1", "x + 2"),  # its base
    ("tools/__init__.py", "import Scale, halved, unused", "import Scale, unused as halved"),
    ("settings.py", "STEPS = 16", "STEPS = 32"),  # a module's attribute
    ("late.py", "return 1", "return 2"),  # an import within a function
]
NO_CHANGES = [
    ("diagnostic.py", "A sentence.", "Another sentence."),
    ("diagnostic.py", "A caption.", "Another caption."),
    ("diagnostic.py", "A docstring.", "Another docstring about findings."),
    ("diagnostic.py", "# a comment", "# another comment"),
    ("diagnostic.py", "At least", "No fewer than"),
    ("diagnostic.py", "(model, scale", "(\n    model, scale"),
    ("tools/inner.py", "A class.", "Another class."),
    ("tools/inner.py", "return x\n", "return x + 9\n"),  # a helper that is not called
    ("settings.py", "OTHER = 1", "OTHER = 2"),
]


@pytest.mark.parametrize(("path", "old", "new"), CHANGES)
def test_a_change_of_what_measures_is_seen(sandbox, path, old, new):
    before = sandbox.hash()
    assert sandbox.hash() == before
    sandbox.edit(path, old, new)
    assert sandbox.hash() != before


@pytest.mark.parametrize(("path", "old", "new"), NO_CHANGES)
def test_a_change_of_anything_else_is_not(sandbox, path, old, new):
    before = sandbox.hash()
    sandbox.edit(path, old, new)
    assert sandbox.hash() == before


def test_modules_that_count_with_all_they_define(sandbox):
    def hash_with(*modules: str) -> str:
        return code_hash([sandbox.module.findings], modules)

    package, module = f"{sandbox.name}.tools", f"{sandbox.name}.settings"
    before = hash_with(), hash_with(package), hash_with(module)
    sandbox.edit("tools/inner.py", "return x\n", "return x + 9\n")
    sandbox.edit("settings.py", "OTHER = 1", "OTHER = 2")
    after = hash_with(), hash_with(package), hash_with(module)
    assert [b == a for b, a in zip(before, after, strict=True)] == [True, False, False]


def test_what_a_package_hands_on_when_it_is_asked_counts():
    explains = discover()["smallest_change"].measure
    reached = Code().reached([definition_of(explains)])
    assert Definition("workbench.explaining.methods", "explain") in reached
    assert Definition("workbench", ALL) not in reached


@pytest.mark.parametrize("diagnostic", discover().values(), ids=lambda d: d.name)
def test_no_measure_reaches_what_is_said_of_it(diagnostic):
    functions = [diagnostic.measure, measure_piece]
    functions += [diagnostic.examples] if diagnostic.examples else []
    reached = Code().reached(map(definition_of, functions))
    modules = {definition.module for definition in reached}
    assert {"workbench.data.batches", "workbench.data.splits", "models.batch"} <= modules
    assert not [name for name in modules if name.startswith("analyses.report")]
    names = {definition.name for definition in reached if "diagnostics" in definition.module}
    assert not names & {"DIAGNOSTIC", "CAPTIONS", "findings", "tables", "summaries"}


def test_all_of_models_counts_and_adapted_ones_with_their_adapter(monkeypatch):
    diagnostic = discover()["attention_worth"]
    seen = []
    monkeypatch.setattr(
        "analyses.running.measuring.code_hash",
        lambda functions, modules: seen.append((functions, modules)) or "",
    )
    measuring_code(diagnostic, {"mine": Handmade([1.0])})
    adapted = adapt(
        lambda batch: batch.items[:, :1].expand(-1, 6).double(), n_items=5, max_length=9
    )
    assert isinstance(adapted.config, AdaptedConfig)
    measuring_code(diagnostic, {"mine": adapted})
    measuring_code(diagnostic, {})
    assert [modules for _, modules in seen] == [
        ["models", "tests.analyses.handmade"],
        ["models", "workbench.attention.adapter"],
        ["models"],
    ]
    assert all(functions == [diagnostic.measure, measure_piece] for functions, _ in seen)
