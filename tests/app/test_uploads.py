"""Uploads: which are accepted, how large they may be, and where they are kept."""

import os

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.conftest import PAGE
from tests.app.shown import read, sentences
from workbench.app import uploads
from workbench.data.fetch import CACHE_VARIABLE
from workbench.errors import WorkbenchError
from workbench.importing.formats import FORMATS


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("user_name", "name"),
    [
        ("../../a.CSV", "a.csv"),
        ("/etc/passwd.csv", "passwd.csv"),
        ("C:\\data\\..\\my ratings (2).csv", "my-ratings-2.csv"),
        ("a\0b.csv", "a-b.csv"),
        (".csv", "interactions.csv"),
        ("..csv", "interactions.csv"),
        ("x" * 300 + ".csv", "x" * 40 + ".csv"),
    ],
)
def test_a_name_is_never_a_path(user_name, name, cache):
    kept = uploads.keep(b"user,item\n", user_name, "interactions")
    assert kept.name == name
    assert kept.parent.parent == uploads.folder() == cache / "uploads"
    assert [p for p in cache.rglob("*") if p.is_file()] == [kept]
    assert os.stat(uploads.folder()).st_mode & 0o077 == 0


def test_the_same_content_is_kept_once():
    first = uploads.keep(b"user,item\n", "a.csv", "interactions")
    assert uploads.keep(b"user,item\n", "../a.csv", "interactions") == first
    assert uploads.keep(b"user,item\n", "b.csv", "interactions").name == "b.csv"
    assert uploads.keep(b"user,item\r\n", "a.csv", "interactions") != first
    assert first.read_bytes() == b"user,item\n"


@pytest.mark.parametrize(
    ("user_name", "kept"),
    [
        ("My ratings.tsv.gz", "My-ratings.tsv.gz"),
        ("a.inter", "a.inter"),
        ("a.parquet", "a.parquet"),
        ("U.DATA", "u.data"),
        ("ratings.dat", "ratings.dat"),
    ],
)
def test_the_end_of_a_name_says_how_it_is_read(user_name, kept):
    assert uploads.keep(b"x", user_name, "interactions").name == kept


def test_another_kind_of_file_is_refused():
    with pytest.raises(WorkbenchError, match=r"must end in \.parquet or in one of \.inter"):
        uploads.keep(b"x", "a.exe", "interactions")


def test_an_upload_too_large_is_refused(monkeypatch):
    monkeypatch.setitem(uploads.UPLOAD_MB, "checkpoint", 1)
    with pytest.raises(WorkbenchError, match=r"has 2 MB and the limit is 1 MB"):
        uploads.keep(bytes(2_000_000), "a.pt", "checkpoint")
    monkeypatch.setattr(uploads, "KEPT_MB", 1)
    uploads.keep(bytes(600_000), "a.pt", "checkpoint")
    with pytest.raises(WorkbenchError, match=r"holds 1 MB and the limit is 1 MB"):
        uploads.keep(bytes(600_001), "a.pt", "checkpoint")


def test_errors_speak_of_the_upload():
    kept = uploads.keep(b"user,item\n", "a.csv", "interactions")
    with pytest.raises(WorkbenchError) as caught, uploads.paths_hidden():
        raise WorkbenchError(f"{kept}, line 1: wrong, see {kept}.")
    file = "uploaded file (a.csv)"
    assert str(caught.value) == f"The {file}, line 1: wrong, see the {file}."
    with pytest.raises(WorkbenchError, match=r"^nope does not exist"), uploads.paths_hidden():
        raise WorkbenchError("nope does not exist.")


def test_warnings_speak_of_the_upload_and_of_a_remedy_that_works_there():
    """The box holds the path of what was uploaded, where an option is added."""
    rows = [f"u{u},i{(3 * u + t) % 7},{18_000 + t}" for u in range(6) for t in range(4)]
    content = "\n".join(["user,item,time", *rows, ""]).encode()
    kept = uploads.keep(content, "a.csv", "interactions")
    page = AppTest.from_string(PAGE.format(module="bring.bring_page"), default_timeout=120)
    page.session_state["interactions"] = str(kept)
    page.run()
    (said,) = (read(warning.value) for warning in page.warning)
    assert said.startswith("The uploaded file (a.csv): the times in time would run from 1970")
    assert "(?unit=s behind its path in the box that holds it, unit='s' in Python)" in said
    page.text_input(key="interactions").set_value(f"{kept}?unit=s").run()
    assert sentences(page) == []
    assert not page.warning


def test_the_field_names_each_software_whose_checkpoints_are_read():
    for format in FORMATS:
        assert format.name in uploads.HELP["checkpoint"]
