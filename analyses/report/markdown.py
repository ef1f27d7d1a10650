"""What a report says, as Markdown that shows it as it is.

Names of models, titles of items and the sentences that hold them come from outside and may hold
what Markdown reads as its own. Escapes are those that CommonMark and Python-Markdown both know:
https://spec.commonmark.org/0.31.2/#backslash-escapes, and entities for the others.
"""

import re
from collections.abc import Sequence

import pandas as pd

from analyses.report.page import readable
from workbench.writing import plain

# within a word an underscore stands for itself, and a bracket where nothing makes it a link
MARK = re.compile(r"[\\`*|]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[:])")
# these have no escape that both know; an ampersand only where it begins an entity
ENTITIES = {
    "&amp;": re.compile(r"&(?=#|\w+;)"),
    "&lt;": re.compile("<"),
    "&#126;": re.compile("~(?=~)"),
}
# what begins a heading, a quotation, a list or a task, at the beginning of a line alone
BLOCK = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|(?=[#>[]|[-+](?:[-\s]|$)))")


def literal(text: str) -> str:
    """Text in one line that Markdown shows as it is."""
    shown = BLOCK.sub(r"\1\\", MARK.sub(r"\\\g<0>", plain(text).strip()))
    for entity, mark in ENTITIES.items():
        shown = mark.sub(entity, shown)
    return shown


def listed(sentences: Sequence[str]) -> str:
    """A bullet for each sentence."""
    return "\n".join(f"- {literal(sentence)}" for sentence in sentences)


def table(frame: pd.DataFrame) -> str:
    """A table, its numbers as the report's page writes them; nothing, of no columns."""
    header, rows = readable(frame)
    lines = [map(literal, header), ["---"] * len(header), *(map(literal, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """A block that shows text as it was typed, whatever runs of backquotes it holds."""
    fence = "`" * max(3, *(1 + len(run) for run in re.findall("`*", text)))
    return f"{fence}\n{text}\n{fence}"
