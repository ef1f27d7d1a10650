"""The pages about Python: every public name is on one, and is told enough about."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from textwrap import dedent
from urllib.parse import unquote

import pytest

import workbench

ROOT = Path(__file__).parents[1]
griffe = pytest.importorskip("griffe")

spec = importlib.util.spec_from_file_location("api_pages", ROOT / "docs" / "api_pages.py")
assert spec is not None
assert spec.loader is not None
api_pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(api_pages)
PAGES = api_pages.documented()
ARRAY = re.compile(r"\b(Tensor|ndarray|ArrayLike)\b")
REFERS = re.compile(r"([Aa]s in|[Ss]ee) (`|<autoref)")  # to what says it


class Page(HTMLParser):
    """What a page is anchored at, links to and loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("script", "img", "iframe", "link") and given.get("rel") != "canonical":
            self.loaded += [given[name] for name in ("src", "href") if name in given]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The documentation as `make docs` builds it, parsed, by path."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", out]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return {path: Page(path.read_text(encoding="utf-8")) for path in out.rglob("*.html")}


def test_every_public_name_is_on_a_page(site):
    anchors = {path.stem: page.anchors for path, page in site.items() if path.parent.name == "api"}
    assert set(anchors) == set(api_pages.AREAS)
    for name in workbench.__all__:
        assert api_pages.home("workbench", name) in anchors["workbench"]
    for name, page in PAGES.items():
        assert name in anchors[page]


def test_pages_lead_to_pages_and_load_nothing_from_elsewhere(site):
    for path, page in site.items():
        if path.stem == "404":
            continue  # its links are those of a server
        for link in page.links:
            place, _, anchor = unquote(link).partition("#")
            if re.match(r"[a-z]+:", place):
                continue
            target = path if not place else (path.parent / place).resolve()
            assert target.exists(), (path.name, link)
            if anchor and target in site:
                assert anchor in site[target].anchors, (path.name, link)
        for source in page.loaded:
            assert not re.match(r"(https?:)?//", source), (path.name, source)
            assert (path.parent / source.partition("?")[0]).exists(), (path.name, source)


@pytest.fixture(scope="module")
def described():
    """The packages as the pages read them."""
    extensions = griffe.load_extensions(str(ROOT / "docs" / "docstrings.py"))
    loader = griffe.GriffeLoader(
        search_paths=[str(ROOT)], docstring_parser="numpy", extensions=extensions
    )
    for package in sorted({name.split(".")[0] for name in PAGES}):
        loader.load(package)
    return loader.modules_collection


def listed(thing) -> set[str]:
    """The parameters or attributes that a docstring has a line for."""
    sections = (part for part in thing.docstring.parsed if part.kind.value in NAMING)
    return {name for part in sections for each in part.value for name in each.name.split(", ")}


NAMING = ("parameters", "attributes")


def lacking(thing, of_class: bool = False) -> list[str]:
    """What a docstring leaves unsaid: the fields of a class; parameters, shapes and errors."""
    if thing.docstring is None:
        return ["a docstring"]
    text = thing.docstring.value
    if thing.is_attribute:
        return []
    if not thing.is_function:
        lacks = []
        of_fields = thing.is_class and (
            "dataclass" in thing.labels or "NamedTuple" in map(str, thing.bases)
        )
        for name, member in thing.members.items():
            if name.startswith("_") or member.is_alias:
                continue
            if member.is_function:
                lacks += [f"{name}: {each}" for each in lacking(member, thing.is_class)]
            elif of_fields and "instance-attribute" in member.labels and name not in listed(thing):
                lacks.append(f"the field {name}")
        return lacks
    given = {each.name.lstrip("*"): str(each.annotation) for each in thing.parameters}
    lacks = []
    arrays = any(ARRAY.search(annotation) for annotation in (*given.values(), str(thing.returns)))
    if arrays and "[" not in text and not REFERS.search(text):
        lacks.append("shapes")
    if not of_class and len(given) > 1 and not REFERS.search(text):
        unsaid = {name for name in given if f"`{name}`" not in text} - listed(thing)
        lacks += [f"the parameter {name}" for name in sorted(unsaid)]
    raising = (isinstance(node, ast.Raise) for node in ast.walk(ast.parse(dedent(thing.source))))
    if any(raising) and not re.search(r"[Rr]aises|errors", text):
        lacks.append("errors")
    return lacks


@pytest.mark.parametrize("name", PAGES)
def test_docstrings_say_what_cannot_be_seen(name, described):
    assert lacking(described[name]) == []
