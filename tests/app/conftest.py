"""A small data set with titles and times, and small models of it, for the app to open."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from workbench import build_model, load_data, save_model

N_USERS, N_ITEMS, DAY = 12, 30, 86_400
# one title is hostile to Markdown and HTML
TITLES = ["$x$ *bold* [link](http://other.example) <b>", *(f"Film {i} (1999)" for i in range(29))]


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
