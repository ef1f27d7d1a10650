"""Diagnostics are discovered by the files of their folder, whichever these are."""

import sys
from pathlib import Path

import pytest

from analyses import diagnostics
from analyses.diagnostic import choose, discover
from workbench.errors import WorkbenchError

ADDED = """
from dataclasses import replace

from analyses.diagnostics.attention_worth import DIAGNOSTIC as OTHER

DIAGNOSTIC = replace(OTHER, name="{name}", order={order})
"""


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Puts a file with a diagnostic beside the others: its name, its place in the report."""
    monkeypatch.setattr(diagnostics, "__path__", [*diagnostics.__path__, str(tmp_path)])
    names = []

    def write(name: str, order: float) -> None:
        (tmp_path / f"{name}.py").write_text(ADDED.format(name=name, order=order))
        names.append(name)

    yield write
    for name in names:
        sys.modules.pop(f"{diagnostics.__name__}.{name}", None)
        if hasattr(diagnostics, name):
            delattr(diagnostics, name)


def test_modules_and_packages_with_a_diagnostic_are_discovered():
    (folder,) = map(Path, diagnostics.__path__)
    modules = {path.stem for path in folder.iterdir() if path.stem[0] not in "._"}
    assert {diagnostic.name for diagnostic in discover().values()} == modules
    assert all(name == diagnostic.name for name, diagnostic in discover().items())


def test_a_file_that_is_added_takes_the_place_its_order_says(add):
    before = list(discover())
    add("added_last", 1000)
    add("added_first", -1)
    assert list(discover()) == ["added_first", *before, "added_last"]
    orders = [(diagnostic.order, name) for name, diagnostic in discover().items()]
    assert orders == sorted(orders)


def test_choosing_keeps_the_order_of_the_report_and_names_the_known_ones():
    known = discover()
    names = list(known)
    assert choose(known, [names[-1], names[0]]) == [known[names[0]], known[names[-1]]]
    assert choose(known, []) == list(known.values())
    with pytest.raises(WorkbenchError, match=f"'nonsense'; known are {', '.join(names)}"):
        choose(known, [names[0], "nonsense"])
