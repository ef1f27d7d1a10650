"""Fonts for titles in any script: those of the installed fonts that have the glyphs."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain

from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from workbench.errors import WorkbenchWarning

DEFAULT = "DejaVu Sans"  # comes with matplotlib


@contextmanager
def chosen_fonts(figure: Figure) -> Iterator[None]:
    """While a figure is drawn, let its texts use further fonts that have their characters.

    Characters that no installed font has are drawn as boxes.

    Warns
    -----
    WorkbenchWarning
        If no installed font has some characters; it names up to eight of them, once for each set.
    """
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    characters = frozenset(chain.from_iterable(text.get_text() for text in texts))
    families, missing = fonts_for(characters)
    if missing:
        _warn("".join(sorted(missing)[:8]))
    if len(families) > 1:
        for text in texts:
            text.set_fontfamily(list(families))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        yield


@cache
def fonts_for(characters: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Font families that together have these characters, and the characters that none has."""
    families = [DEFAULT]
    missing = _without_glyph(characters, _entries([DEFAULT]))
    if missing:
        entries = sorted(fontManager.ttflist, key=lambda entry: (entry.style, entry.name))
        for entry in entries:
            left = _without_glyph(missing, [entry])
            if len(left) < len(missing) and entry.name not in families:
                families.append(entry.name)
                missing = left
            if not missing:
                break
    return tuple(families), missing


def _entries(names: Iterable[str]) -> list[FontEntry]:
    return [entry for entry in fontManager.ttflist if entry.name in set(names)]


def _without_glyph(characters: frozenset[str], entries: Iterable[FontEntry]) -> frozenset[str]:
    """Those of the characters that are printed and that none of the fonts has."""
    known = frozenset[int]().union(*(_glyphs(entry.fname) for entry in entries))
    return frozenset(c for c in characters if c.isprintable() and ord(c) not in known)


@cache
def _glyphs(path: str) -> frozenset[int]:
    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _warn(characters: str) -> None:
    warnings.warn(
        f"no installed font has the characters {characters}, which are drawn as boxes; install "
        "one that does, such as Noto Sans CJK (the package fonts-noto-cjk of Debian).",
        WorkbenchWarning,
        stacklevel=4,
    )
