"""The pages of the documentation as they are opened from the disk, in a browser."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.app.browser import watched

ROOT = Path(__file__).parents[1]
# the settings that the documentation is built with, for a page of its own
SETTINGS = """
INHERIT: {root}/mkdocs.yml
docs_dir: {folder}/docs
site_dir: {folder}/site
hooks: []
nav: [index.md]
"""


def test_a_page_from_the_disk_is_searched_and_asks_nothing_of_the_network(browser, tmp_path):
    settings, pages = tmp_path / "mkdocs.yml", tmp_path / "docs"
    settings.write_text(SETTINGS.format(root=ROOT, folder=tmp_path))
    shutil.copytree(ROOT / "docs" / "javascripts", pages / "javascripts")
    (pages / "index.md").write_text("# Start\n\n## A heading\n\nThe word is armadillo.\n")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "-f", str(settings)]
    subprocess.run(command, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    page = watched(browser.new_page())
    page.goto((tmp_path / "site" / "index.html").as_uri())
    page.locator("iframe").wait_for(state="attached")  # what searches; keys are heard from then on
    page.get_by_placeholder("Search").press_sequentially("armadillo")
    found = page.locator(".md-search-result__link").filter(has_text="The word is armadillo")
    found.wait_for(state="attached")
    assert str(found.get_attribute("href")).endswith("/site/index.html#a-heading")
    assert (page.errors, page.left) == ([], [])
    page.close()
