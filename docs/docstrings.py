"""An extension of Griffe: docstrings as they are written here, for the pages that it makes of them.

A line `name : what it is` of a section of NumPy's style would give a type; types stand in the
signatures, so it is read as the description. What stands in backticks and is on a page is a link.
"""

import re
from typing import Any

import griffe

ENTRY = re.compile(r"^(\*?\w+(?:, \*?\w+)*) : (.+)$", re.M)
CODE = re.compile(r"(?<![`\w\[])`([A-Za-z_][\w.]*)`(?![`\w\]])")


class Docstrings(griffe.Extension):
    """Rewrites each docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Descriptions under their names, and links."""
        if obj.docstring is None:
            return

        def link(found: re.Match[str]) -> str:
            try:
                path = obj.resolve(found[1])
            except griffe.NameResolutionError:
                path = found[1]
            return f'<autoref identifier="{path}" optional>`{found[1]}`</autoref>'

        text = ENTRY.sub(r"\1\n    \2", obj.docstring.value)
        obj.docstring.value = CODE.sub(link, text)
