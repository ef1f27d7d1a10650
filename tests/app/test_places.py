"""What an address may open, what waits for a click, and what is not opened at all."""

import bz2
import gzip
import json
import os
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from tests.app.shown import read, sentences
from workbench import WorkbenchError
from workbench.app import choices, places
from workbench.app.jobs import Job, jobs
from workbench.app.places import Outside
from workbench.data.catalogue import DATA_VARIABLE, locate
from workbench.data.fetch import CACHE_VARIABLE

SCRIPT = """
from workbench.app.failures import errors_shown
from workbench.app.{page} import {page}_page
with errors_shown("This page"):
    {page}_page.page()
"""
SECRET = "root daemon bin sys\nnobody games man\n"
# the ways in which an address names a path
WAYS = [
    ("inspect", "data", "{}?format=sequences"),
    ("inspect", "models", "{}"),
    ("what_if", "data", "{}"),
    ("dataset", "run", "{}"),
    ("bring", "interactions", "{}?format=sequences"),
    ("bring", "checkpoint", "{}"),
]


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch) -> Path:
    """The one folder named at the start; the app itself is started in another."""
    folder, started, cache = (tmp_path / name for name in ("inside", "started", "cache"))
    folder.mkdir()
    started.mkdir()
    monkeypatch.chdir(started)
    monkeypatch.setenv(CACHE_VARIABLE, str(cache))
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "argv", ["app.py", "--allow", str(folder)])
    return folder


@pytest.fixture
def secret(tmp_path) -> Path:
    """A file of sequences outside."""
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere" / "secret.txt"
    path.write_text(SECRET)
    return path


def opened(page: str, **address: str) -> AppTest:
    shown = AppTest.from_string(SCRIPT.format(page=page), default_timeout=60)
    for key, value in address.items():
        shown.query_params[key] = value
    return shown.run()


def everything(shown: AppTest) -> list[str]:
    """The text of all parts of a page."""
    assert not shown.exception
    parts = [*shown.main, *shown.sidebar]
    return [read(f"{part.type}: {getattr(part, 'label', '')} {getattr(part, 'value', '')}")
            for part in parts]  # fmt: skip


@pytest.mark.parametrize(("page", "key", "form"), WAYS)
@pytest.mark.parametrize("kind", ["file", "folder", "fifo", "nothing", "near", "loop"])
def test_a_path_outside_says_nothing_of_itself_before_a_click(
    secret, monkeypatch, page, key, form, kind
):
    folder = secret.parent
    path = {"file": secret, "folder": folder, "near": folder / "secre.txt"}.get(kind, folder / kind)
    if kind == "fifo":
        os.mkfifo(path)
    if kind == "loop":
        path.symlink_to(path)
    monkeypatch.setattr(choices, "BUILT_IN", (*choices.BUILT_IN, form.format(path)))
    shown = opened(page, **{key: form.format(path)})
    assert [b.label for b in shown.button if "Open" in b.label]
    shown_parts = [text.replace(str(path), "PATH") for text in everything(shown)]
    nowhere = str(folder.parent / "nowhere" / "at" / "all")
    monkeypatch.setattr(choices, "BUILT_IN", (*choices.BUILT_IN, form.format(nowhere)))
    other = opened(page, **{key: form.format(nowhere)})
    assert shown_parts == [text.replace(nowhere, "PATH") for text in everything(other)]
    assert "daemon" not in str(shown_parts)


def test_a_click_opens_what_it_names_in_this_session_alone(secret, monkeypatch):
    source, beside = f"{secret}?format=sequences", secret.with_name("other.txt")
    beside.write_text(SECRET)
    monkeypatch.setattr(choices, "BUILT_IN", (*choices.BUILT_IN, source, str(beside)))
    shown = opened("inspect", data=source)
    button = next(b for b in shown.button if read(b.label) == f"Open {secret}")
    button.click().run()
    assert dict(shown.query_params) == {"data": source}
    assert any("User root: 2 items" in m.value for m in shown.markdown)
    shown.selectbox(key="data").select(str(beside)).run()
    assert any(read(b.label) == f"Open {beside}" for b in shown.button)
    again = opened("inspect", data=source)
    assert any(read(b.label) == f"Open {secret}" for b in again.button)


def test_one_click_opens_a_folder(models, stored_run, monkeypatch):
    for page, key, path in (
        ("bring", "checkpoint", models[0]),
        ("inspect", "models", models[0]),
        ("dataset", "run", str(stored_run)),
    ):
        shown = opened(page, **{key: path})
        next(b for b in shown.button if read(b.label) == f"Open {path}").click().run()
        assert not any("Open /" in read(b.label) for b in shown.button)


def test_what_a_link_in_the_folder_leads_to_is_outside(inside, secret):
    (inside / "link.txt").symlink_to(secret)
    (inside / "folder").symlink_to(secret.parent)
    (inside / "films").mkdir()
    (inside / "films" / "a.inter").symlink_to(secret)
    for path in ("link.txt", "folder/secret.txt", "folder", "films", "../elsewhere/secret.txt"):
        with pytest.raises(Outside):
            places.data(str(inside / path))
    (inside / "SASRec").mkdir()
    (inside / "SASRec" / "card.json").symlink_to(secret)
    with pytest.raises(Outside):
        places.model(str(inside / "SASRec"))
    (inside / "run").mkdir()
    (inside / "run" / "manifest.json").symlink_to(secret)
    with pytest.raises(Outside):
        places.run(str(inside / "run"))


@pytest.mark.parametrize("home", ["~/x.csv", "~root/x.csv", "~nobody-of-this-name/x.csv"])
def test_homes_are_outside_whoever_has_one(home):
    for find in (places.data, places.model, places.run, places.checkpoint):
        with pytest.raises(Outside):
            find(home)


def test_where_nobody_has_a_home_the_file_that_is_read_is_the_one_that_is_checked(secret):
    home = "~nobody-of-this-name"
    Path(home).symlink_to(secret.parent)
    source = f"{home}/secret.txt"
    with pytest.raises(Outside) as outside:
        places.data(source)
    assert secret.resolve() in outside.value.paths
    places.open_outside(outside.value)
    assert places.data(source) == [locate(source)]


def test_folders_that_need_no_click(inside, monkeypatch, tmp_path, films, models, stored_run):
    started, named = Path.cwd(), tmp_path / "named"
    shutil.copytree(films, inside / "films")
    shutil.copytree(films, started / "films")
    shutil.copytree(films, started / "data" / "inner")
    for source in (inside / "films", "films", "inner", "films/films.inter?min_user=5", "planted"):
        places.data(str(source))
    assert places.data("planted:distance?noise=.3&users=500") == []
    with pytest.raises(WorkbenchError, match=r"may have 30,000,000 interactions, .* 5,000,000"):
        places.data("planted?users=1000000")
    with pytest.raises(Outside):
        places.data(str(films))
    shutil.copytree(films, named / "mine")
    monkeypatch.setenv(DATA_VARIABLE, str(named))
    places.data("mine")
    shutil.copytree(models[0], started / "runs" / "mine")
    assert places.model("runs/mine") == Path("runs/mine")
    assert places.model("nowhere") is None
    shutil.copytree(stored_run, started / "run")
    assert places.run("run") == Path("run")
    monkeypatch.setattr(sys, "argv", ["app.py", "--allow", str(films), "--allow", str(models[0])])
    places.data(str(films))
    assert places.model(models[0]) == Path(models[0])
    with pytest.raises(Outside):
        places.data(str(inside / "films"))


@pytest.mark.parametrize("words", [["--allow"], ["--allow", "/nowhere/at/all"]])
def test_a_folder_named_at_the_start_has_to_be_there(monkeypatch, words):
    monkeypatch.setattr(sys, "argv", ["app.py", *words])
    with pytest.raises(WorkbenchError, match="--allow"):
        places.folders()


def test_what_never_ends_is_not_opened(inside, monkeypatch, models, stored_run):
    """A pipe without a writer, and a device, in each place that is read."""
    os.mkfifo(inside / "pipe")
    (inside / "films").mkdir()
    os.mkfifo(inside / "films" / "a.inter")
    (inside / "parts" / "day=1").mkdir(parents=True)
    os.mkfifo(inside / "parts" / "day=1" / "a.parquet")
    (inside / "meta_folder").mkdir()
    (inside / "u.data").write_text("1\t1\t1\t1\n")
    os.mkfifo(inside / "u.item")
    for path in ("pipe", "pipe?format=sequences", "films", "parts", "u.data"):
        with pytest.raises(WorkbenchError, match="neither a file nor a folder"):
            places.data(str(inside / path))
    with pytest.raises(WorkbenchError, match="neither a file nor a folder"):
        places.checkpoint(str(inside / "pipe"))
    for source, find, file in (
        (models[0], places.model, "card.json"),
        (models[0], places.checkpoint, "model.safetensors"),
        (stored_run, places.run, "manifest.json"),
        (stored_run, places.run, "raw/attention_worth.parquet"),
    ):
        folder = inside / file.replace("/", "-")
        shutil.copytree(source, folder)
        (folder / file).unlink()
        os.mkfifo(folder / file)
        with pytest.raises(WorkbenchError, match="neither a file nor a folder"):
            find(str(folder))
    monkeypatch.setattr(sys, "argv", ["app.py", "--allow", "/dev"])
    with pytest.raises(WorkbenchError, match="neither a file nor a folder"):
        places.data("/dev/zero?format=sequences")


def test_large_files_are_refused_before_they_are_read(inside, monkeypatch, models, stored_run):
    monkeypatch.setattr(places, "FILE_MB", 1)
    small, sparse = inside / "small.csv", inside / "sparse.csv"
    small.write_text("user,item\n")
    sparse.touch()
    os.truncate(sparse, 1_000_001)
    places.data(str(small))
    packed, other = inside / "a.csv.gz", inside / "a.csv.bz2"
    packed.write_bytes(gzip.compress(bytes(1_500_000)))
    other.write_bytes(bz2.compress(bytes(1_500_000)))
    rows, called = inside / "a.parquet", inside / "b.PARQUET"
    pq.write_table(pa.table({"user": pa.repeat(1, 100_000)}), rows)
    shutil.copy(rows, called)
    assert max(file.stat().st_size for file in (packed, other, rows)) < 10_000
    parts = inside / "parts"
    for part in range(5):  # each small enough, and read as one table
        (parts / f"day={part}").mkdir(parents=True)
        pq.write_table(
            pa.table({"user": pa.repeat(1, 20_000)}), parts / f"day={part}" / "a.parquet"
        )
    for large in (sparse, packed, other, rows, called, parts, inside):
        with pytest.raises(WorkbenchError, match="the limit is 1 MB here"):
            places.data(str(large))
    with pytest.raises(WorkbenchError, match="the limit is 1 MB here"):
        places.checkpoint(str(sparse))
    for source, find, file in (
        (models[0], places.model, "model.safetensors"),
        (models[0], places.model, "card.json"),
        (stored_run, places.run, "manifest.json"),
        (stored_run, places.run, "raw/attention_worth.parquet"),
    ):
        folder = inside / file.replace("/", "-")
        shutil.copytree(source, folder)
        os.truncate(folder / file, 30_000_000)
        with pytest.raises(WorkbenchError, match="the limit is"):
            find(str(folder))


def test_a_run_that_names_data_outside_asks_too(inside, stored_run, secret):
    """Its manifest comes from outside, as an address does."""
    shutil.copytree(stored_run, inside / "run")
    manifest = json.loads((inside / "run" / "manifest.json").read_text())
    manifest["data"]["provenance"]["source"] = f"{secret}?format=sequences"
    (inside / "run" / "manifest.json").write_text(json.dumps(manifest))
    shown = opened("dataset", run=str(inside / "run"), show="Users")
    assert any(read(b.label) == f"Open {secret}" for b in shown.button)
    assert sentences(shown) == []


def test_figures_of_a_manifest_are_no_paths(inside, stored_run, secret):
    shutil.copytree(stored_run, inside / "run")
    manifest = json.loads((inside / "run" / "manifest.json").read_text())
    about = manifest["diagnostics"]["attention_maps"]
    about["figures"] = [*about["figures"], "/../../../../elsewhere/secret"]
    (inside / "run" / "manifest.json").write_text(json.dumps(manifest))
    shown = opened("dataset", run=str(inside / "run"), diagnostic="Attention heatmaps")
    assert sentences(shown) == []
    assert not [name for name in shown.selectbox(key="picture").options if "secret" in name]


def test_a_run_on_data_outside_is_not_started(secret, monkeypatch):
    monkeypatch.setattr("workbench.app.dataset.starting.BUILT_IN", (str(secret),))
    shown = opened("dataset")
    shown.session_state["start_models"] = ["SASRec"]
    next(b for b in shown.button if b.label == "Start").click().run()
    assert any(read(b.label) == f"Open {secret}" for b in shown.button)
    assert not jobs().of(Job)


def test_an_invalid_path_is_refused(inside):
    for path in ("a\0b", str(inside / ("x" * 5000))):
        shown = opened("bring", checkpoint=path)
        assert len(sentences(shown)) + sum("Open" in b.label for b in shown.button) == 1
