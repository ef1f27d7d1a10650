"""Visits of the app in a browser, timed to what is drawn, and what they cost the server."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.app.browser import LOADED, served, watched

WORDS = "[data-testid=stMain] :is(p, h2):visible"
NUMBERS = ":is(.aw td, [data-testid=stMetricValue]):visible"  # of a table, or by themselves
# when something was last asked for by a click or a key, and when something was last drawn: the
# document changed, or a stroke was made on a canvas
PROBE = """(() => {
  window.lastAsked = window.lastDrawn = 0;
  for (const action of ['click', 'keydown'])
    addEventListener(action, event => { window.lastAsked = event.timeStamp; }, true);
  const touch = () => { window.lastDrawn = performance.now(); };
  for (const name of ['fillRect', 'fillText', 'drawImage', 'fill', 'stroke', 'clearRect']) {
    const drawn = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...all) {
      touch(); return drawn.apply(this, all);
    };
  }
  new MutationObserver(touch).observe(
    document, {subtree: true, childList: true, characterData: true});
})()"""
RESTED = """text => new Promise(done => {
  const look = () => {
    const app = document.querySelector('[data-testid=stApp]');
    const main = document.querySelector('[data-testid=stMain]');
    const rested = performance.now() - window.lastDrawn > 500;
    const begun = window.lastDrawn > window.lastAsked;
    if (app.dataset.testScriptState === 'notRunning' && begun && rested &&
        main.innerText.includes(text))
      done(window.lastDrawn - window.lastAsked);
    else setTimeout(look, 25);
  };
  look();
})"""


class First(NamedTuple):
    """Seconds from a start to the first words on a page, and to its first numbers."""

    words: float
    numbers: float


class Memory(NamedTuple):
    """Megabytes of the server's resident memory, and of the heap of a page."""

    server: float
    page: float


@contextmanager
def visit(browser: Any, address: str, query: dict[str, Any]) -> Iterator[Any]:
    """A page in a browser that has not been there before; it is drawn after this returns."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = watched(context.new_page())
    page.add_init_script(PROBE)
    page.goto(f"{address}?{urlencode(query, doseq=True)}", wait_until="commit")
    try:
        yield page
    finally:
        context.close()


def first_of(page: Any, start: float) -> First:
    """Seconds from `start`, of `time.perf_counter`."""
    page.locator(WORDS).first.wait_for()
    words = time.perf_counter() - start
    page.locator(NUMBERS).first.wait_for()
    return First(words, time.perf_counter() - start)


def cold(browser: Any, command: Sequence[str], where: Path, path: str, query: dict) -> First:
    """Seconds from the start of a server to the first words and numbers of one of its pages."""
    start = time.perf_counter()
    with (
        served(command=command, where=where) as (address, _),
        visit(browser, f"{address}/{path}", query) as page,
    ):
        return first_of(page, start)


def warm(browser: Any, address: str, query: dict) -> First:
    """The same of a new session, where the server has shown the page before."""
    start = time.perf_counter()
    with visit(browser, address, query) as page:
        return first_of(page, start)


def finish(page: Any, text: str) -> float:
    """Seconds from the last click or key to the last thing drawn on a page that then rests.

    It holds `text` by then.
    """
    return float(page.evaluate(RESTED, text)) / 1000


def ready(page: Any, text: str) -> None:
    """Wait until a page holds `text` and rests."""
    page.locator(LOADED).wait_for()
    finish(page, text)


def ask(page: Any, user: str) -> None:
    """Ask for a user, by Enter."""
    box = page.get_by_label("User", exact=True)
    box.fill(user)
    box.press("Enter")


def press(page: Any, role: str, name: str, text: str) -> float:
    """Seconds from a click to the last thing drawn of what it asks for."""
    page.get_by_role(role, name=name).click()
    return finish(page, text)


def processor(process: int) -> float:
    """Seconds of processor time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(page: Any, process: int) -> Memory:
    """The memory of the server and of a page, after it was tidied up."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return Memory(resident / 1024, session.send("Runtime.getHeapUsage")["usedSize"] / 2**20)
