"""A small data set, models of it and a stored run; and the app served to a browser."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from analyses.run_all import main
from tests.app.brought import write_walks
from tests.app.browser import served, watched
from workbench import build_model, load_data, save_model
from workbench.app import choices
from workbench.data.fetch import CACHE_VARIABLE

N_USERS, N_ITEMS, DAY = 12, 30, 86_400
# one title is hostile to Markdown and HTML
TITLES = ["$x$ *bold* [link](http://other.example) <b>", *(f"Film {i} (1999)" for i in range(29))]

PAGE = """
from workbench.app.failures import errors_shown
from workbench.app.{module} import page
with errors_shown("This page"):
    page()
"""


@pytest.fixture(autouse=True)
def allowed(monkeypatch, tmp_path_factory) -> None:
    """The app is started with the folder of all tests named."""
    base = str(tmp_path_factory.getbasetemp())
    monkeypatch.setattr(sys, "argv", ["app.py", "--allow", base])


@pytest.fixture(scope="session")
def films(tmp_path_factory) -> Path:
    """Folder of RecBole files: twelve users u0 to u11 with 25 films each, a day apart."""
    folder = tmp_path_factory.mktemp("data") / "films"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(N_USERS):
        films = rng.permutation(N_ITEMS)[:25]
        rows += [f"u{user}\ti{film}\t{day * DAY}" for day, film in enumerate(films)]
    (folder / "films.inter").write_text("\n".join([*rows, ""]))
    titles = (f"i{i}\t{title}" for i, title in enumerate(TITLES))
    (folder / "films.item").write_text("\n".join(["item_id:token\ttitle:token_seq", *titles, ""]))
    return folder


@pytest.fixture(scope="session")
def model_folder(films, tmp_path_factory) -> Callable[..., str]:
    """Make a folder of a model with random weights: name, options -> path."""
    data = load_data(films)

    def make(name: str, **options) -> str:
        torch.manual_seed(2)
        model = build_model(name, data, hidden_size=8, inner_size=8, max_length=24, **options)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.3)
        folder = tmp_path_factory.mktemp("models") / name
        return str(save_model(model, folder, {"data": {"checksum": data.checksum}}))

    return make


@pytest.fixture(scope="session")
def models(model_folder) -> list[str]:
    """SASRec and AC-SASRec."""
    return [model_folder("SASRec"), model_folder("AC-SASRec")]


@pytest.fixture(scope="session")
def stored_run(films, models, tmp_path_factory) -> Path:
    """The report of every diagnostic on both models."""
    place = tmp_path_factory.mktemp("runs")
    arguments = ["--data", str(films), "--models", *models, "--out", str(place / "films")]
    return main(arguments, cache=place / "cache")


@pytest.fixture(scope="session")
def run_at_hand(stored_run, tmp_path_factory) -> Path:
    """The same report as one of models at hand is, which are in no folder."""
    place = tmp_path_factory.mktemp("at-hand") / "films"
    shutil.copytree(stored_run, place)
    manifest = json.loads((place / "manifest.json").read_text())
    for entry in manifest["models"].values():
        entry["source"] = None
    (place / "manifest.json").write_text(json.dumps(manifest))
    return place


@pytest.fixture
def opener(films, models, monkeypatch) -> Callable[..., Callable[..., AppTest]]:
    """Make, of the module of a page, a function that opens it at an address without a browser.

    By default with the small data and both models.
    """
    # AppTest cannot run on from a value that is not among the options of its widget
    monkeypatch.setattr(choices, "BUILT_IN", (*choices.BUILT_IN, str(films)))

    def opener_of(module: str) -> Callable[..., AppTest]:
        def open_at(**address) -> AppTest:
            page = AppTest.from_string(PAGE.format(module=module), default_timeout=120)
            for key, value in {"data": str(films), "models": models, **address}.items():
                page.query_params[key] = value
            return page.run()

        return open_at

    return opener_of


@pytest.fixture
def walks(tmp_path) -> Path:
    """Folder of walks.csv and walks.pth, which was trained on it."""
    write_walks(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """The folder in which the served app keeps uploads."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def server(browser, cache, tmp_path_factory) -> Iterator[str]:
    base = tmp_path_factory.getbasetemp()
    with served(base, environment={CACHE_VARIABLE: str(cache)}) as (address, _):
        yield address


@pytest.fixture
def page(browser) -> Iterator[Any]:
    """A page whose console must stay free of errors, and which asks no other host for anything."""
    page = watched(browser.new_page(viewport={"width": 1280, "height": 2400}))
    yield page
    errors, left = page.errors, page.left
    page.close()
    assert errors == []
    assert left == []


@pytest.fixture
def address(server, films, models) -> Callable[..., str]:
    """The address of a page of the app, with the small data and both models."""

    def make(path: str, **query: str) -> str:
        parts = {"data": str(films), "models": models, **query}
        return f"{server}/{path}?{urlencode(parts, doseq=True)}"

    return make
