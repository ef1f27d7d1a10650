"""Bring your own in a real browser: uploads good, hostile, broken and too large."""

import os
import re
from pathlib import Path
from urllib.parse import urlencode

import torch

from tests.app.brought import COLUMNS, N_ITEMS, N_USERS, Call
from tests.app.browser import LOADED, query_of, settled


def upload(page, which: int, path: Path) -> None:
    """Hand a file to the first or second field."""
    page.locator("[data-testid=stFileUploaderDropzoneInput]").nth(which).set_input_files(path)


def choose(page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()
    page.wait_for_timeout(200)
    page.locator(LOADED).wait_for()  # else the next list is drawn anew while it is open


def test_uploads_are_recognised_imported_and_opened(page, server, cache, walks):
    page.goto(f"{server}/bring")
    settled(page, "Choose interactions and a model above")
    upload(page, 0, walks / "walks.csv")
    settled(page, "Choose the columns that hold")
    for label, column in zip(("Users in", "Items in", "Times in"), COLUMNS.values(), strict=True):
        choose(page, label, column)
    settled(page, "Times from 1970-01-01")
    upload(page, 1, walks / "walks.pth")
    text = settled(page, f"The model knows {N_ITEMS} items")
    assert f"Users\n{N_USERS}" in re.sub(r"\n+", "\n", text)
    assert "SASRec, of RecBole" in text
    assert not (cache / "uploads" / "models").exists()
    query = query_of(page)
    assert {key: query[key] for key in COLUMNS} == {k: [v] for k, v in COLUMNS.items()}
    assert Path(query["interactions"][0]).read_bytes() == (walks / "walks.csv").read_bytes()
    assert cache in Path(query["checkpoint"][0]).parents

    page.get_by_label("Heads").fill("4")
    page.get_by_label("Heads").press("Enter")
    settled(page, f"The model knows {N_ITEMS} items")
    page.get_by_role("button", name="Import").click()
    imported = settled(page, "Full ranking").partition("Together")[2]
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    again = settled(page, "Full ranking")
    assert again.partition("Together")[2] == imported
    assert "Times from 1970-01-01" in again

    page.get_by_role("button", name="Open in Inspect").click()
    assert "recommended?" in settled(page, "User u0:")
    query = query_of(page)
    assert query["data"][0].startswith(str(cache / "uploads"))
    assert (cache / "uploads" / "models" / query["models"][0]).is_dir()


def test_a_hostile_checkpoint_does_not_run(page, server, walks):
    place = walks / "executed"
    state = torch.load(walks / "walks.pth", weights_only=True)["state_dict"]
    torch.save({"state_dict": state, "config": Call(place)}, walks / "hostile.pth")
    torch.save(Call(place), walks / "bare.pth")
    query = {"interactions": walks / "walks.csv", **COLUMNS}
    page.goto(f"{server}/bring?{urlencode(query)}")
    settled(page, "No model is chosen")
    upload(page, 1, walks / "bare.pth")
    settled(page, "holds no state_dict")
    upload(page, 1, walks / "hostile.pth")
    settled(page, "mkdir")
    page.get_by_role("button", name="Import").click()
    settled(page, "Full ranking")
    assert not place.exists()
    torch.load(walks / "hostile.pth", weights_only=False)  # the trap works
    assert place.exists()


def test_what_is_wrong_is_shown(page, server, walks):
    content = (walks / "walks.pth").read_bytes()
    (walks / "cut.pth").write_bytes(content[: len(content) // 2])
    (walks / "broken.csv").write_text("user,item,time\nu,i,3\nu,j,yesterday\n")
    page.goto(f"{server}/bring")
    settled(page, "Choose interactions and a model above")
    upload(page, 0, walks / "broken.csv")
    settled(page, re.compile(r"The uploaded file \(broken\.csv\), line 3: "))
    upload(page, 1, walks / "cut.pth")
    settled(page, "no whole checkpoint")


def test_a_file_too_large_is_refused(page, server, walks):
    (walks / "large.pth").touch()
    os.truncate(walks / "large.pth", 3_000_000_000)  # takes no room on the disk
    page.goto(f"{server}/bring?{urlencode({'checkpoint': walks / 'large.pth'})}")
    assert "large.pth has 3,000 MB or more" in settled(page, "the limit is 2,000 MB here")


def test_what_a_link_brings_from_elsewhere_waits_for_a_click(page, server):
    query = {"interactions": "/dev/zero?format=sequences", "checkpoint": "/etc/hostname"}
    page.goto(f"{server}/bring?{urlencode(query)}")
    settled(page, "/etc/hostname is in none of the folders")
    link = page.url
    page.get_by_role("button", name="Open /dev/zero").click()
    settled(page, "/dev/zero is neither a file nor a folder")
    page.get_by_role("button", name="Open /etc/hostname").click()
    settled(page, "/etc/hostname is no checkpoint")
    assert page.url == link
    page.reload()
    settled(page, "/etc/hostname is in none of the folders")
    assert page.get_by_role("button", name="Open /dev/zero").count() == 1


def test_a_narrow_screen_scrolls_down_alone(page, server, walks):
    query = {"interactions": walks / "walks.csv", "checkpoint": walks / "walks.pth", **COLUMNS}
    page.set_viewport_size({"width": 400, "height": 900})
    page.goto(f"{server}/bring?{urlencode(query)}")
    settled(page, "The model knows")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400
    inner = page.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth - e.clientWidth")
    assert inner <= 0


def test_another_path_is_read_without_the_choices_for_the_one_before(page, server, walks):
    (walks / "bare.csv").write_text("u,i,5\nu,j,6\nv,i,7\nv,j,8\n")
    (walks / "named.csv").write_text("user_id,item_id,time\nu,i,5\nu,j,6\nv,i,7\nv,k,8\n")
    columns = {"user_column": "#1", "item_column": "#0", "time_column": "#2"}
    query = {"interactions": walks / "bare.csv", "headerless": "true", **columns}
    page.goto(f"{server}/bring?{urlencode(query)}")
    settled(page, "user from #1")
    page.reload()
    settled(page, "user from #1")
    field = page.get_by_role("textbox", name="Or its path on this machine, or the name of a")
    field.fill(str(walks / "named.csv"))
    field.press("Enter")
    settled(page, "user from user_id")
    assert {*query_of(page)} == {"interactions"}
    page.get_by_text("The file has no header").click()  # what the browser sends is new as well
    settled(page, "Choose the columns")
    page.get_by_text("The file has no header").click()
    assert "time from time" in settled(page, "user from user_id")
