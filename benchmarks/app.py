"""The app in a browser: `python -m benchmarks.app`.

How long from asking for another user, or an edit, to the last thing drawn on the page: the last
change of the document or stroke on a canvas before half a second of rest. With it the memory of the
server and of the page, and the same with several sessions at once.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from benchmarks.timing import positive, prepare, print_table
from tests.app.browser import chromium, served, settled, watched
from workbench import build_model, load_data, save_model
from workbench.checkpoint import PRETRAINED

NAMES = ("SASRec", "AC-SASRec")
PROBE = """(() => {
  window.lastDrawn = 0;
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
RESTED = """([text, start]) => new Promise(done => {
  const look = () => {
    const app = document.querySelector('[data-testid=stApp]');
    const main = document.querySelector('[data-testid=stMain]');
    const rested = performance.now() - window.lastDrawn > 500;
    const begun = window.lastDrawn > start;
    if (app.dataset.testScriptState === 'notRunning' && begun && rested &&
        main.innerText.includes(text))
      done(window.lastDrawn);
    else setTimeout(look, 25);
  };
  look();
})"""


def main() -> None:
    """Print the times, the targets beside them, and the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--interactions", type=positive, default=200)
    parser.add_argument("--sessions", type=positive, default=5)
    options = parser.parse_args()
    prepare(1)
    data = load_data(options.data)
    ids = [str(user) for user in np.random.default_rng(0).permutation(data.user_ids)]
    with tempfile.TemporaryDirectory() as folder, served() as (address, process):
        query = {"data": options.data, "models": _models(data, Path(folder))}
        with chromium() as browser:
            page = _open(browser, f"{address}/inspect", query, ids.pop())
            for user in ids[:5]:  # warm
                _ask(page, user)
            memory = [_memory(page, process)]
            users = [_ask(page, user) for user in ids[5 : 5 + options.interactions]]
            memory.append(_memory(page, process))
            page.close()
            page = _open(browser, f"{address}/what-if", query, ids[0])
            edits = [_edit(page) for _ in range(20)]
            page.close()
            pages = [
                _open(browser, f"{address}/inspect", query, user)
                for user in ids[: options.sessions]
            ]
            together = _ask_together(pages, ids[5 : 5 + 4 * len(pages)])
    rows = [
        ["another user", *_quantiles(users), "0.5, 1"],
        ["an edit", *_quantiles(edits), "0.3"],
        [f"another user, {options.sessions} sessions at once", *_quantiles(together), ""],
    ]
    print_table([f"{data.name}, seconds", "median", "95th percentile", "target"], rows)
    (server, heap), (server_after, heap_after) = memory
    print(
        f"Over {options.interactions} users the server went from {server:.0f} to "
        f"{server_after:.0f} MB, the page's heap from {heap:.0f} to {heap_after:.0f} MB."
    )


def _models(data: Any, folder: Path) -> list[str]:
    """The shipped models where they know the items, else random ones, which cost the same."""
    if data.name == "ml-100k" and all((PRETRAINED / name).exists() for name in NAMES):
        return list(NAMES)
    card = {"data": {"checksum": data.checksum}}
    return [str(save_model(build_model(n, data).eval(), folder / n, card)) for n in NAMES]


def _open(browser: Any, address: str, query: dict[str, Any], user: str) -> Any:
    page = watched(browser.new_page(viewport={"width": 1280, "height": 900}))
    page.add_init_script(PROBE)
    page.goto(f"{address}?{urlencode({**query, 'user': user}, doseq=True)}")
    settled(page, f"User {user}:")
    return page


def _ask(page: Any, user: str) -> float:
    """Seconds from Enter to the user's full view."""
    return _finish(page, _begin(page, user), user)


def _begin(page: Any, user: str) -> float:
    box = page.get_by_label("User", exact=True)
    box.fill(user)
    start = float(page.evaluate("performance.now()"))
    box.press("Enter")
    return start


def _finish(page: Any, start: float, user: str) -> float:
    return (float(page.evaluate(RESTED, [f"User {user}:", start])) - start) / 1000


def _edit(page: Any) -> float:
    """Seconds from taking the largest weight away to the new ranking."""
    start = float(page.evaluate("performance.now()"))
    page.get_by_role("button", name="Remove the largest weight").click()
    return _finish(page, start, page.get_by_label("User", exact=True).input_value())


def _ask_together(pages: list[Any], users: list[str]) -> list[float]:
    """Each page asks for a user at the same time, again and again."""
    found = []
    for place in range(0, len(users), len(pages)):
        asked = list(zip(pages, users[place:], strict=False))
        starts = [_begin(page, user) for page, user in asked]
        found += [_finish(p, start, u) for (p, u), start in zip(asked, starts, strict=True)]
    return found


def _memory(page: Any, process: int) -> tuple[float, float]:
    """Megabytes of the server's resident memory and of the page's heap."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return resident / 1024, session.send("Runtime.getHeapUsage")["usedSize"] / 2**20


def _quantiles(seconds: list[float]) -> list[str]:
    return [f"{statistics.median(seconds):.2f}", f"{np.quantile(seconds, 0.95):.2f}"]


if __name__ == "__main__":
    main()
