"""A hook of MkDocs: a page of each public part of the packages, made from its docstrings.

The names of a page are those of `__all__`, or else the functions and classes that a module defines;
whoever adds one has it on the page.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
AREAS = {
    "workbench": ("For a notebook", ["workbench", "workbench.explore.inspection"]),
    "importances": (
        "Importances",
        [
            "workbench.explaining.methods",
            "workbench.explaining.importance",
            "workbench.explaining.erasure",
        ],
    ),
    "faithfulness": (
        "Faithfulness",
        [
            "workbench.faithfulness.agreement",
            "workbench.faithfulness.curves",
            "workbench.faithfulness.counterfactual",
            "workbench.faithfulness.randomization",
        ],
    ),
    "statistics": ("Statistics", ["workbench.statistics"]),
    "models": ("Models", ["workbench.model", "models"]),
    "data": ("Data", ["workbench.data"]),
    "verdict": ("The verdict", ["analyses.verdict", "analyses.at_hand"]),
    "diagnostics": (
        "Diagnostics",
        [
            "analyses.diagnostic",
            "analyses.running.held_out",
            "analyses.running.results",
            "analyses.running.comparison",
            "analyses.telling.summaries",
        ],
    ),
}


def parsed(module: str) -> ast.Module:
    """The source of a module or a package, with the stub that says what it hands on."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    files = (file for file in (path, path.with_suffix(".pyi")) if file.exists())
    return ast.parse("".join(file.read_text(encoding="utf-8") for file in files))


def exported(tree: ast.Module) -> list[str]:
    """The names of `__all__`; none without it."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def public(module: str) -> list[str]:
    """What others may import from a module."""
    tree = parsed(module)
    defined = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    return exported(tree) or [node.name for node in defined if not node.name.startswith("_")]


def home(module: str, name: str) -> str:
    """The dotted name under which something is defined that a module gives."""
    for node in parsed(module).body:
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            return home(f"{module}.{node.module}" if node.level else str(node.module), name)
    return f"{module}.{name}"


def documented() -> dict[str, str]:
    """The page of each public name, by the dotted name under which it is defined; the first one."""
    pages: dict[str, str] = {}
    for page, (_, modules) in AREAS.items():
        for module in modules:
            for name in public(module):
                pages.setdefault(home(module, name), page)
    return pages


def sections(page: str, modules: Sequence[str]) -> Iterator[str]:
    """A section per module: what it says of itself, and what it gives."""
    pages = documented()
    for module in modules:
        names = {name: home(module, name) for name in public(module)}
        yield f"## `from {module} import ...` {{ #{module} }}"
        yield str(ast.get_docstring(parsed(module)))
        elsewhere = [f"[`{name}`][{at}]" for name, at in names.items() if pages[at] != page]
        if elsewhere:
            yield f"On another page: {', '.join(elsewhere)}."
        yield from (f"::: {at}" for at in names.values() if pages[at] == page)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for page, (title, modules) in AREAS.items():
        text = "\n\n".join([f"# {title}", *sections(page, modules)])
        files.append(File.generated(config, f"api/{page}.md", content=text))
    return files
