"""Which code a measurement was made by: the definitions that it reaches, as one hash.

A stored measurement is reused only while the code that made it is the same. To hash whole files
would be too much, since a measurement and the sentences about it may share one; a list of files
kept by hand would be too little. So definitions are followed by name: from a function through all
that it mentions, in whatever module that stands. Annotations are followed too, since they lead to
the classes whose methods are called. Comments, docstrings and layout do not count.
"""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from inspect import unwrap
from pathlib import Path
from typing import Any, NamedTuple

PACKAGES = ("models", "workbench", "analyses")  # installed, they lie among those of others
ALL = "*"  # in the place of a name: everything that a module defines


class Definition(NamedTuple):
    """A name at the top of a module, or `ALL` of them."""

    module: str
    name: str


@dataclass
class Module:
    """A source file, parsed.

    Attributes
    ----------
    package : the package it is in, itself if it is one.
    defined : the statements that define each name.
    imported : what each imported name stands for.
    others : statements that define nothing, such as a call that registers something.
    """

    package: str
    defined: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, list[Definition]] = field(default_factory=dict)
    others: list[ast.stmt] = field(default_factory=list)


def code_hash(functions: Iterable[Callable[..., Any]], modules: Iterable[str] = ()) -> str:
    """SHA-256 over every definition that is reached.

    Parameters
    ----------
    functions : from where definitions are followed. Modules are followed that belong to
        `PACKAGES`, or to the package of one of the functions.
    modules : modules, or packages with all their modules, that count as a whole, because no name
        leads to what is called: the class of a model is known only when it runs.
    """
    definitions = [definition_of(function) for function in functions]
    definitions += [Definition(name, ALL) for module in modules for name in _within(module)]
    code = Code({definition.module for definition in definitions})
    total = hashlib.sha256()
    for definition in sorted(code.reached(definitions)):
        for node in code.nodes(definition):
            total.update(f"{definition} {_dumped(node)}".encode())
    return total.hexdigest()


def definition_of(function: Callable[..., Any]) -> Definition:
    """Where a function was written, decorated or not; its class, if it is a method."""
    function = unwrap(function)
    return Definition(function.__module__, function.__qualname__.split(".")[0])


class Code:
    """The modules of `PACKAGES`, and those of the same packages as others given by name."""

    def __init__(self, others: Iterable[str] = ()) -> None:
        self._packages = {*PACKAGES, *(name.partition(".")[0] for name in others)}
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """A module, parsed; None if there is none of that name, or it is another's."""
        if name not in self._modules:
            known = name.partition(".")[0] in self._packages
            path = _path_of(name) if known else None
            self._modules[name] = None if path is None else _read(name, path)
        return self._modules[name]

    def nodes(self, definition: Definition) -> list[ast.stmt]:
        """The statements a definition consists of, and those of its module that define nothing."""
        module = self.module(definition.module)
        if module is None:
            return []
        if definition.name == ALL:
            return [node for nodes in module.defined.values() for node in nodes] + module.others
        return module.defined.get(definition.name, []) + module.others

    def reached(self, definitions: Iterable[Definition]) -> set[Definition]:
        """These definitions, and all that they mention, directly or through others."""
        waiting, seen = list(definitions), set[Definition]()
        while waiting:
            definition = waiting.pop()
            if definition not in seen:
                seen.add(definition)
                for node in self.nodes(definition):
                    waiting += self._mentioned(definition.module, node)
                if definition.name == ALL:
                    waiting += self._handed_on(definition.module)
        return seen

    def _handed_on(self, module_name: str) -> Iterator[Definition]:
        """What a module imports, which is there under its name as well."""
        module = self.module(module_name)
        for origins in module.imported.values() if module is not None else ():
            for origin in origins:
                yield from self._resolved(origin)

    def _mentioned(self, module_name: str, node: ast.stmt) -> Iterator[Definition]:
        """What a statement mentions of the modules followed."""
        module = self.module(module_name)
        assert module is not None
        imported = module.imported | _imports(node, module.package)
        for name, attribute in _mentions(node):
            if name in module.defined:
                yield Definition(module_name, name)
            for origin in imported.get(name, ()):
                for definition in self._resolved(origin):
                    if definition.name == ALL and attribute is not None:
                        yield from self._resolved(Definition(definition.module, attribute))
                    else:
                        yield definition

    def _resolved(
        self, definition: Definition, asked: frozenset[Definition] = frozenset()
    ) -> Iterator[Definition]:
        """Where a name is defined, through modules that hand it on.

        A module as a whole where the name is a module, or nothing says where it is from. `asked`
        are the definitions that led here.
        """
        module = self.module(definition.module)
        if module is None or definition in asked:
            return
        submodule = f"{definition.module}.{definition.name}"
        if definition.name == ALL or definition.name in module.defined:
            yield definition
        elif self.module(submodule) is not None:
            yield Definition(submodule, ALL)
        elif definition.name in module.imported:
            for origin in module.imported[definition.name]:
                yield from self._resolved(origin, asked | {definition})
        else:
            yield Definition(definition.module, ALL)


def _path_of(name: str) -> Path | None:
    """The source file of a module."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
    else:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        file = spec.origin if spec is not None else None
    return Path(file) if file is not None and file.endswith(".py") else None


def _within(name: str) -> Iterator[str]:
    """A module and, if it is a package, all modules in it."""
    yield name
    path = _path_of(name)
    if path is not None and path.name == "__init__.py":
        for inner in sorted(path.parent.rglob("*.py")):
            parts = inner.relative_to(path.parent).with_suffix("").parts
            if parts[-1] != "__init__":
                yield ".".join((name, *parts))
            elif parts[:-1]:
                yield ".".join((name, *parts[:-1]))


def _read(name: str, path: Path) -> Module:
    text, stub = path.read_text(encoding="utf-8"), path.with_suffix(".pyi")
    if stub.exists():  # it says what a package hands on when it is asked
        text += stub.read_text(encoding="utf-8")
    return _parsed(name if path.name == "__init__.py" else name.rpartition(".")[0], text)


# What follows from a text, or from a statement of it, is kept: every diagnostic reaches much of the
# same code, and a report asks for the hash of each.
@cache
def _parsed(package: str, text: str) -> Module:
    module = Module(package)
    for node in ast.parse(text).body:
        node = _without_docstrings(node)
        targets = _targets(node)
        for target in targets:
            module.defined.setdefault(target, []).append(node)
        if not targets:  # an import, perhaps under a condition
            for local, origins in _imports(node, module.package).items():
                module.imported.setdefault(local, []).extend(origins)
            if not (isinstance(node, ast.Import | ast.ImportFrom) or _is_text(node)):
                module.others.append(node)
    return module


@cache
def _dumped(node: ast.stmt) -> str:
    return ast.dump(node)


def _targets(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets: list[ast.expr] = [node.target]
    else:
        targets = node.targets if isinstance(node, ast.Assign) else []
    return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]


@cache
def _mentions(node: ast.stmt) -> tuple[tuple[str, str | None], ...]:
    """The names a statement mentions, and what is asked of each: (`a`, `b`) of `a.b.c`.

    Those in quoted annotations are among them.
    """
    mentioned: dict[tuple[str, str | None], None] = {}
    bases = {id(p.value): p.attr for p in ast.walk(node) if isinstance(p, ast.Attribute)}
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            mentioned[part.id, bases.get(id(part))] = None
        for annotation in (getattr(part, "annotation", None), getattr(part, "returns", None)):
            if annotation is not None:
                mentioned |= dict.fromkeys((name, None) for name in _quoted(annotation))
    return tuple(mentioned)


def _quoted(annotation: ast.expr) -> set[str]:
    """The names in those parts of an annotation that are text."""
    names = set()
    for part in ast.walk(annotation):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            try:
                inner = ast.parse(part.value, mode="eval")
            except SyntaxError:  # a word of a Literal
                continue
            names |= {n.id for n in ast.walk(inner) if isinstance(n, ast.Name)}
    return names


@cache
def _imports(node: ast.AST, package: str) -> dict[str, list[Definition]]:
    """What each name that is imported within a node stands for; `package` is where it stands."""
    imported: dict[str, list[Definition]] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.ImportFrom):
            source = part.module or ""
            if part.level:
                parents = package.split(".")[: 1 - part.level or None]
                source = ".".join(filter(None, (*parents, source)))
            for alias in part.names:
                local = alias.asname or alias.name
                imported.setdefault(local, []).append(Definition(source, alias.name))
        elif isinstance(part, ast.Import):
            for alias in part.names:
                local = alias.asname or alias.name.partition(".")[0]
                imported.setdefault(local, []).append(Definition(alias.name, ALL))
    return imported


def _without_docstrings(node: ast.stmt) -> ast.stmt:
    """The same statement without docstrings and bare texts."""
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            part.body = [inner for inner in part.body if not _is_text(inner)] or [ast.Pass()]
    return node


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is nothing but a text, as a docstring is."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
