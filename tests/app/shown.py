"""What a page run by AppTest shows."""

import json
import re
from html.parser import HTMLParser

from streamlit.testing.v1 import AppTest


class Table(HTMLParser):
    """The text of the cells of one HTML table: `label`, `heads` of its last head row, `rows`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.label = ""
        self.lines: list[tuple[str, list[str]]] = []
        self.hovers: list[str] = []
        self.feed(html)
        body = [line for kind, line in self.lines if kind == "td"]
        self.heads = [line for kind, line in self.lines if kind == "th"][-1]
        self.rows = body

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.label = attributes.get("aria-label", self.label)
        if tag == "tr":
            self.lines.append(("td", []))
        elif tag in ("td", "th"):
            self.lines[-1] = tag, [*self.lines[-1][1], ""]
            self.hovers.append(attributes.get("title", ""))

    def handle_data(self, data):
        if self.lines and self.lines[-1][1]:
            self.lines[-1][1][-1] += data

    def column(self, place: int) -> list[str]:
        return [row[place] for row in self.rows]


def read(markdown: str) -> str:
    """What a reader sees of a text written by `words.literal`."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown).replace("\N{WORD JOINER}", "")


def tables(page: AppTest) -> list[Table]:
    """The tables of a page, from the top."""
    return [Table(body) for body in htmls(page) if '<div class="aw"' in body]


def htmls(page: AppTest) -> list[str]:
    """The HTML of a page, clickable or not, from the top."""
    bodies = {
        "html": lambda proto: proto.body,
        "bidi_component": lambda proto: json.loads(proto.json),
    }
    return [bodies[part.type](part.proto) for part in page.main if part.type in bodies]


def sentences(page: AppTest) -> list[str]:
    """The errors shown; fails if one of them is a traceback."""
    assert not page.exception
    texts = [read(error.value) for error in page.error]
    assert not any("Traceback" in text or "\n" in text for text in texts)
    return texts


def metrics(page: AppTest, label: str) -> list[str]:
    return [metric.value for metric in page.metric if metric.label == label]


def captions(page: AppTest) -> list[str]:
    return [read(caption.value) for caption in page.caption]


def press(page: AppTest, label: str) -> None:
    """Press the button of that label and run the page."""
    next(button for button in page.button if button.label == label).click().run()
