"""The app served as a user runs it, and a Chromium that stays on this machine."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
PATIENCE = 180_000  # ms; a busy machine takes its time
OPTIONS = (
    "--no-sandbox",  # a container's root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOADED = "[data-testid=stApp][data-test-script-state=notRunning]"


@contextmanager
def served(
    *allowed: Path,
    command: Sequence[str] = ("-m", "workbench", "app"),
    where: Path = ROOT,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[str, int]]:
    """The address of the app and the id of its process, while it lasts.

    Parameters
    ----------
    allowed : folders whose files any address may name.
    command : of Python, that starts the app.
    where : the folder it is started in.
    environment : of the process, beside the present one.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    named = [word for folder in allowed for word in ("--allow", str(folder))]
    process = subprocess.Popen(
        [sys.executable, *command, "--server.headless=true", f"--server.port={port}", *named],
        cwd=where,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://localhost:{port}/_stcore/health", process)
        yield f"http://localhost:{port}", process.pid
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(address: str, process: subprocess.Popen) -> None:
    for _ in range(1800):
        assert process.poll() is None, "the app ended by itself"
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the app did not answer within 180 s")


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium under Playwright, which brings no browser of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


def watched(page: Any) -> Any:
    """A page that notes `errors` of its console and requests that have `left` the machine."""
    from playwright.sync_api import expect

    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page.errors, page.left = [], []
    page.on("console", lambda said: page.errors.append(said.text) if _is_error(said) else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("request", lambda asked: page.left.append(asked.url) if _leaves(asked.url) else None)
    return page


def _is_error(said: Any) -> bool:
    # below a page's own path Streamlit looks for its server first, before it does at the root
    looking = "/_stcore/" in said.location.get("url", "") and "404" in said.text
    return said.type == "error" and not looking


def _leaves(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "localhost"


def settled(page: Any, text: str | re.Pattern[str]) -> str:
    """The text of the page once it shows `text` and nothing runs any more."""
    shown = page.locator("[data-testid=stMain]").get_by_text(text).locator("visible=true")
    shown.first.wait_for()
    page.locator(LOADED).wait_for()
    page.wait_for_function("!document.querySelector('[data-stale=true], [data-testid=stSkeleton]')")
    page.wait_for_timeout(300)  # charts draw after the script has ended
    return str(page.locator("[data-testid=stMain]").inner_text())


def query_of(page: Any) -> dict[str, list[str]]:
    """What the address of the page holds."""
    return parse_qs(urlsplit(page.url).query)


def saved(page: Any, label: str, which: int = 0) -> bytes:
    """What a download button saves."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label, exact=True).nth(which).click()
    return waiting.value.path().read_bytes()
