"""Fonts chosen by the glyphs they have, with a font made for the test."""

import io
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, fontManager

from workbench import fonts
from workbench.errors import WorkbenchWarning

GLYPH = "\N{CJK UNIFIED IDEOGRAPH-4E03}"


@pytest.fixture(autouse=True)
def fresh():
    for cached in (fonts.fonts_for, fonts._warn):
        cached.cache_clear()


def figure_with(title: str) -> Figure:
    figure = Figure()
    figure.suptitle(title)
    figure.subplots().set_xticks([0], [title])
    return figure


def test_latin_titles_keep_the_default():
    assert fonts.fonts_for(frozenset("Am\N{LATIN SMALL LETTER E WITH ACUTE}lie $$\n")) == (
        (fonts.DEFAULT,),
        frozenset(),
    )


def test_a_font_that_has_the_glyph_is_added(monkeypatch):
    monkeypatch.setattr(fontManager, "ttflist", [*fonts._entries([fonts.DEFAULT])])
    fontManager.ttflist.append(FontEntry(fname="seven.ttf", name="Seven"))
    glyphs = fonts._glyphs
    monkeypatch.setattr(
        fonts, "_glyphs", lambda path: {ord(GLYPH)} if path == "seven.ttf" else glyphs(path)
    )
    figure = figure_with(f"{GLYPH} samurai")
    with fonts.chosen_fonts(figure):
        pass
    assert figure.get_suptitle() == f"{GLYPH} samurai"
    (label,) = figure.axes[0].get_xticklabels()
    assert label.get_fontfamily() == [fonts.DEFAULT, "Seven"]


def test_a_glyph_that_no_font_has_is_said_once(monkeypatch, recwarn):
    monkeypatch.setattr(fontManager, "ttflist", [*fonts._entries([fonts.DEFAULT])])
    pattern = f"no installed font has the characters {GLYPH}"
    with pytest.warns(WorkbenchWarning, match=pattern), fonts.chosen_fonts(figure_with(GLYPH)):
        pass
    recwarn.clear()
    figure = figure_with(GLYPH)
    with fonts.chosen_fonts(figure):
        figure.savefig(io.BytesIO(), format="png")
    assert not recwarn.list


def test_a_damaged_font_is_passed_over(tmp_path: Path):
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    assert fonts._glyphs(str(tmp_path / "broken.ttf")) == frozenset()
