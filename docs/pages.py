"""A hook of MkDocs: pages that stand outside docs/ are taken in, and links lead to them."""

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
TAKEN_IN = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")  # the path of a link, without its anchor
SOURCES = {page: source for source, page in TAKEN_IN.items()}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for source, page in TAKEN_IN.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links between the files of the repository, as links between pages."""
    place = page.file.src_uri
    source = PurePosixPath(SOURCES.get(place, f"docs/{place}"))

    def link(found: re.Match[str]) -> str:
        target = normpath(str(source.parent / found[1]))
        shown = TAKEN_IN.get(target, target.removeprefix("docs/"))
        return relpath(shown, str(PurePosixPath(place).parent))

    return LINK.sub(link, markdown)
