"""The page of a report in a real browser: what is wider than the window says that it scrolls."""

import numpy as np
import pandas as pd
import pytest
import torch

from analyses.run_all import main
from tests.app.browser import watched
from workbench import build_model, load_data, save_model

LONG = "a_model_of_a_name_without_a_single_space_that_no_line_of_a_telephone_could_ever_hold"
STATE = """figure => {
    const box = figure.querySelector('.scroll'), hint = figure.querySelector('.wider');
    return [box.scrollWidth > box.clientWidth, hint.offsetHeight > 0];
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Of every diagnostic: five stages of three layers, histories longer than a window is wide."""
    place = tmp_path_factory.mktemp("page")
    generator = np.random.default_rng(0)
    rows = [
        {"user": f"u{user}", "item": f"i{generator.integers(40)}", "time": time}
        for user in range(12)
        for time in range(80)
    ]
    pd.DataFrame(rows).to_csv(place / "small.csv", index=False)
    data = load_data(place / "small.csv")
    folders = {"one": "SASRec", LONG: "SASRec", "two": "SASRec-uniform", "three": "AC-SASRec"}
    for folder, name in folders.items():
        torch.manual_seed(0)
        model = build_model(name, data, n_layers=3, n_heads=1, hidden_size=8, max_length=70)
        save_model(model, place / folder)
    models = [str(place / folder) for folder in folders]
    given = ["--data", str(place / "small.csv"), "--models", *models]
    return main([*given, "--out", str(place / "report")], cache=place / "cache") / "report.html"


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_fits_the_window_and_wider_figures_say_that_they_scroll(browser, report, width):
    page = watched(browser.new_page(viewport={"width": width, "height": 900}))
    page.goto(report.as_uri())
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    if width == 1280:
        assert page.evaluate(f"{root}.scrollHeight") < 8000
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    assert f"SASRec ({LONG})" in page.locator("body").inner_text()
    names = page.locator("figure strong").all_inner_texts()
    states = [figure.evaluate(STATE) for figure in page.locator("figure").all()]
    assert page.errors == page.left == []
    page.close()
    assert len(states) > 15
    assert all(scrolls == hinted for scrolls, hinted in states)
    wide = {name.rstrip(".") for name, (scrolls, _) in zip(names, states, strict=True) if scrolls}
    rows = {f"Prediction row {choice}" for choice in ("highest", "median", "lowest")}
    if width == 1280:
        assert wide == rows  # a whole history of 70 items
    else:
        assert rows < wide
