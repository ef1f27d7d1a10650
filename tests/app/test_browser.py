"""The first page in a real browser: a user chosen, a stage chosen, the address opened again."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
if CHROMIUM is None:
    pytest.skip("needs a chromium on the PATH", allow_module_level=True)

PATIENCE = 60_000  # ms; a busy machine takes its time to start


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of the app, run as a user runs it."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    process = subprocess.Popen(
        [*command, "--server.port", str(port)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://localhost:{port}/_stcore/health", process)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(address: str, process: subprocess.Popen) -> None:
    for _ in range(300):
        assert process.poll() is None, "the app ended by itself"
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the app did not answer within 30 s")


@pytest.fixture
def page() -> Iterator[Any]:
    """A page that notes every error in its console and every request that leaves the machine."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox"],  # a container's root has none
        )
        page = browser.new_page(viewport={"width": 1280, "height": 2400})
        page.set_default_timeout(PATIENCE)
        page.errors, page.left = [], []
        page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("request", lambda r: page.left.append(r.url) if _leaves(r.url) else None)
        yield page
        browser.close()


def _leaves(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "localhost"


def _settled(page: Any) -> str:
    """The text of the page once nothing runs any more."""
    page.get_by_text("Layers and heads").wait_for()
    page.locator("[data-testid=stVegaLiteChart] canvas").nth(3).wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.wait_for_timeout(500)
    return page.locator("[data-testid=stMain]").inner_text()


def test_a_link_shows_what_was_seen(server, page, films, models):
    address = urlencode({"data": str(films), "models": models, "user": "u3"}, doseq=True)
    page.goto(f"{server}/?{address}")
    first = _settled(page)
    assert "User u3:" in first

    page.get_by_role("button", name="Random").click()
    page.get_by_text("User u3:").wait_for(state="detached")
    page.get_by_label("Stage").click()
    page.get_by_role("option", name="mask").click()
    page.get_by_text("mean of heads, mask").first.wait_for()
    page.get_by_role("radio", name="Model's top item").click()
    seen = _settled(page)
    query = parse_qs(urlsplit(page.url).query)
    assert query["stage2"] == ["mask"]
    assert query["target"] == ["Model's top item"]
    assert f"User {query['user'][0]}:" in seen

    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert _settled(page) == seen

    page.locator("[data-testid=stVegaLiteChart] canvas").nth(1).hover()
    tooltip = page.locator("#vg-tooltip-element")
    tooltip.get_by_text("Looks at").wait_for()
    assert "Rank in the row" in tooltip.inner_text()

    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_timeout(500)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400
    assert page.errors == []
    assert page.left == []
