"""The reader and the page of docs/extending.md, put where it says, in a copy of the packages."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (A reader|A page)\n(.*?)(?=^## |\Z)", TEXT, re.S | re.M))
READER, PAGE = (
    re.findall(r"```python\n(.*?)```", SECTIONS[title], re.S)[0] for title in ("A reader", "A page")
)
HUNKS = {
    "workbench/data/readers/__init__.py": SECTIONS["A reader"],
    "workbench/app/main.py": SECTIONS["A page"],
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A folder with the packages, the two examples and their registration."""
    folder = tmp_path_factory.mktemp("copy")
    for package in ("models", "workbench", "analyses"):
        left_out = shutil.ignore_patterns("pretrained", "__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=left_out)
    (folder / "workbench/data/readers/diary.py").write_text(READER, encoding="utf-8")
    page = folder / "workbench/app/repeats"
    page.mkdir()
    (page / "__init__.py").touch()
    (page / "repeats_page.py").write_text(PAGE, encoding="utf-8")
    for name, section in HUNKS.items():
        text = (folder / name).read_text(encoding="utf-8")
        (diff,) = re.findall(r"```diff\n(.*?)```", section, re.S)
        for hunk in diff.split("...\n"):
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            assert text.count(before) == 1
            text = text.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))
        (folder / name).write_text(text, encoding="utf-8")
    songs = ["So What", "Blue in Green", "So What"]
    lines = [f"2009-03-01 09:1{n} ann: {song}\n" for n, song in enumerate(songs)]
    (folder / "ann.diary").write_text("\n".join(lines))
    (folder / "torn.diary").write_text(lines[0] + "\nsomething else\n")
    return folder


def printed(folder: Path, code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


READ = """
from workbench import WorkbenchError, load_data

data = load_data("ann.diary")
print(data.provenance["reader"], *data.item_ids[data.history(0)], *(data.times - data.times[0]))
print(load_data("ann.diary?where=song!=So What&min_user=1").n_items)
try:
    load_data("torn.diary")
except WorkbenchError as error:
    print(error)
"""


def test_the_reader_reads_a_diary(copy):
    assert printed(copy, READ) == [
        "diary So What Blue in Green So What 0 60 120",
        "1",
        "torn.diary, line 3: no entry of a diary; write it as "
        "`2009-03-01 09:15 ann: Blue in Green`.",
    ]


SHOWN = '''
from streamlit.testing.v1 import AppTest

SCRIPT = """
import streamlit as st
from workbench.app.main import PAGES
from workbench.app.repeats.repeats_page import page
page()
st.text(PAGES[-1].url_path)
"""

def show(**address):
    shown = AppTest.from_string(SCRIPT, default_timeout=60)
    for key, value in {"data": "ann.diary", **address}.items():
        shown.query_params[key] = value
    shown.run()
    assert not shown.exception
    return shown

print(show().text[0].value)
print([part.proto.body for part in show().get("html")][-1])
print(show(user="bob").error[0].value)
'''


def test_the_page_shows_what_comes_back(copy):
    path, table, error = printed(copy, SHOWN)
    assert path == "repeats"
    cells = re.findall(r"<td[^>]*>(.*?)</td>", table)
    assert [re.sub("<.*?>", "", cell) for cell in cells] == ["So What", "2", "Blue in Green", "1"]
    assert "bob" in error


@pytest.mark.parametrize("code", [READER, PAGE])
def test_the_examples_are_in_the_style_of_the_house(code):
    for command in (["check", "--no-cache"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run(
            [*ruff, "--stdin-filename", "example.py", "-"],
            input=code,
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stdout + done.stderr
