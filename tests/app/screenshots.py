"""Pictures of every page, light and dark, wide and narrow: `python -m tests.app.screenshots`."""

import argparse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.app.browser import LOADED, chromium, served, watched

WIDTHS = {"wide": 1280, "narrow": 400}
DOCS_HIGH = 1400  # pixels of a page that the documentation shows
ADDRESSES = {  # queries of the pages that show little without one
    "what-if": "?edits=remove:3,mute:30,largest",
    "bring": "?interactions=ml-100k&checkpoint=models/pretrained/AC-SASRec",
}


def main() -> None:
    """Write PAGE-SCHEME-WIDTH.png for each, or for the documentation PAGE.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("reports/screenshots"))
    parser.add_argument("--run", help="folder of a run to be shown; else the latest in reports/")
    parser.add_argument(
        "--docs",
        action="store_true",
        help="as docs/images has them: light, wide and cut, in files called by the page alone",
    )
    options = parser.parse_args()
    schemes = ("light",) if options.docs else ("light", "dark")
    widths = {"wide": WIDTHS["wide"]} if options.docs else WIDTHS
    out, addresses = options.out, dict(ADDRESSES)
    if options.run:
        addresses["dataset"] = f"?{urlencode({'run': options.run})}"
    out.mkdir(parents=True, exist_ok=True)
    allowed = [Path(options.run)] if options.run else []
    with served(*allowed) as (address, _), chromium() as browser:
        for path in _paths(browser, address):
            for scheme in schemes:
                for name, width in widths.items():
                    kind = "" if options.docs else f"-{scheme}-{name}"
                    file = out / f"{path or 'start'}{kind}.png"
                    page = watched(
                        browser.new_page(
                            viewport={"width": width, "height": 600}, color_scheme=scheme
                        )
                    )
                    page.goto(f"{address}/{path}{addresses.get(path, '')}")
                    page.locator(f"{LOADED} [data-testid=stHeading]").first.wait_for()
                    page.wait_for_timeout(3_000)
                    page.locator(LOADED).wait_for()
                    _show_all(page, width, DOCS_HIGH if options.docs else 8_000)
                    page.screenshot(path=file)
                    print(file, *page.errors, *page.left)
                    page.close()


def _paths(browser: Any, address: str) -> list[str]:
    """The paths of the pages, from the links of the bar at the top."""
    page = watched(browser.new_page(viewport={"width": 1280, "height": 900}))
    page.goto(address)
    page.locator("a[data-testid=stTopNavLink]").first.wait_for()
    links = page.locator("a[data-testid=stTopNavLink]").evaluate_all("all => all.map(a => a.href)")
    page.close()
    return [link.removeprefix(f"{address}/").partition("?")[0] for link in links]


def _show_all(page: Any, width: int, most: int) -> None:
    """Make the window high enough to show the page without scrolling, `most` pixels at most."""
    high = page.locator("[data-testid=stMain]").evaluate("e => e.scrollHeight")
    page.set_viewport_size({"width": width, "height": min(int(high) + 80, most)})
    page.wait_for_timeout(1_000)


if __name__ == "__main__":
    main()
