"""The page of a whole data set in a real browser: a stored run, its users, and one started."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.app.browser import PATIENCE, query_of, saved, settled, watched
from workbench import evaluate, load_data, load_model
from workbench.files import REPORTS


def test_a_table_holds_the_librarys_numbers(page, address, stored_run, films, models):
    page.goto(address("dataset", run=str(stored_run), show="Users"))
    settled(page, "selecting a row opens the user")
    assert query_of(page)["run"] == [str(stored_run)]
    table = pd.read_csv(io.BytesIO(saved(page, "CSV"))).set_index("user")
    data = load_data(films)
    for name, path in zip(("SASRec", "AC-SASRec"), models, strict=True):
        evaluation = evaluate(load_model(path), data)
        ids = data.user_ids[evaluation.users]
        assert sorted(table.index) == sorted(ids)
        assert table[f"rank · {name}"][ids].tolist() == evaluation.ranks.tolist()
        ndcg = np.where(evaluation.ranks <= 10, 1 / np.log2(evaluation.ranks + 1), 0)
        assert table[f"NDCG@10 · {name}"][ids].tolist() == pytest.approx(ndcg.tolist())


def test_a_user_of_a_table_opens_in_inspect(page, address, stored_run):
    page.goto(address("dataset", run=str(stored_run), show="Users"))
    settled(page, "selecting a row opens the user")
    table = pd.read_csv(io.BytesIO(saved(page, "CSV")))
    grid = page.locator("[data-testid=stDataFrame] .dvn-scroller")
    grid.click(position={"x": 20, "y": 35 * 3 + 18})  # the third row, below the heads
    user = table["user"][2]
    settled(page, f"User {user}:")
    assert query_of(page)["user"] == [user]


def test_a_user_of_the_second_slice_opens_in_inspect(page, address, stored_run):
    slices = {"beside": "A list of users", "listed_users": "u3, u7, u5", "show": "Users"}
    page.goto(address("dataset", run=str(stored_run), **slices))
    settled(page, re.compile(r"n = 3\b"))
    table = pd.read_csv(io.BytesIO(saved(page, "CSV", 1)))
    assert set(table["user"]) == {"u3", "u5", "u7"}
    grid = page.locator("[data-testid=stDataFrame] .dvn-scroller").nth(1)
    grid.click(position={"x": 20, "y": 35 * 2 + 18})  # the second row, below the heads
    user = table["user"][1]
    settled(page, f"User {user}:")
    assert query_of(page)["user"] == [user]


def test_figures_have_downloads_and_follow_the_filters(page, address, stored_run):
    run = {"run": str(stored_run), "diagnostic": "Max-attention removal"}
    page.goto(address("dataset", **run))
    settled(page, "Effect by layer")
    table = pd.read_csv(io.BytesIO(saved(page, "CSV", 1)))
    assert saved(page, "Report's PNG").startswith(b"\x89PNG")
    report = stored_run / "figures" / "max-attention-removal-effect-on-ndcg-at-10.svg"
    assert saved(page, "Report's SVG") == report.read_bytes()
    page.get_by_test_id("stMain").get_by_role("button", name="2", exact=True).click()
    settled(page, "Effect by layer")
    page.wait_for_url("**layers=2**")
    filtered = pd.read_csv(io.BytesIO(saved(page, "CSV", 1)))
    expected = table[table["layer"].astype(str) == "2"].reset_index(drop=True)
    assert 0 < len(expected) < len(table)
    pd.testing.assert_frame_equal(filtered.astype({"layer": str}), expected.astype({"layer": str}))


@pytest.fixture
def start(page):
    """Starts a run of some users by the form; its folder under reports/ goes with the test."""
    folders = []

    def fill(data: str, models: list[str], users: int, left_out: list[str]) -> Path:
        page.get_by_role("button", name="New run").click()
        form = page.get_by_test_id("stForm")
        source = form.get_by_role("combobox", name="Data of the run")
        source.fill(data)
        source.press("Enter")
        chosen = form.get_by_role("combobox", name="Models of the run")
        for label in form.get_by_role("button", name=re.compile("^Remove .*SASRec")).all()[::-1]:
            label.click()
        for path in models:
            chosen.fill(path)
            chosen.press("Enter")
        chosen.press("Escape")
        for title in left_out:
            form.get_by_role("button", name=f"Remove {title}").click()
        form.get_by_role("spinbutton", name="Users").fill(str(users))
        form.get_by_role("button", name="Start").click()
        told = page.get_by_test_id("stProgress").inner_text()
        folders.append(REPORTS / told.partition(":")[0].strip())
        return folders[-1]

    yield fill
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_run_is_started_and_cancelled_and_another_ends(page, address, films, models, start):
    page.goto(address("dataset"))
    folder = start(str(films), models, 5, [])
    page.get_by_role("progressbar").wait_for()
    # what was started in one tab is seen, and ended, in another
    other = watched(page.context.browser.new_page())
    other.goto(address("dataset"))
    other.get_by_text(folder.name).wait_for()
    other.get_by_role("button", name="Cancel").click()
    settled(
        other, f"{folder.name}: Cancelled."
    )  # a tab that closes at once may take its click along
    other.close()
    settled(page, f"{folder.name}: Cancelled.")
    assert not folder.exists()
    assert page.get_by_role("progressbar").count() == 0

    page.goto(address("dataset"))
    settled(page, "What holds over all users?")
    others = ["Max-attention removal", "Attention heatmaps", "Gradient agreement"]
    folder = start(str(films), models, 5, others)
    # a run leaves the processor to whoever else asks for it
    page.get_by_text("5 of 12 users").first.wait_for(timeout=3 * PATIENCE)
    text = settled(page, "5 of 12 users")
    assert query_of(page)["run"] == [str(folder)]
    assert "What attention is worth" in text
    assert "Gradient agreement" not in text
