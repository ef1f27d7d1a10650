"""The table of importances in the documentation says what they declare."""

from pathlib import Path

from workbench.explaining.attention_weights import reduction
from workbench.explaining.methods import FIXED

PAGE = (Path(__file__).parents[1] / "docs" / "importances.md").read_text(encoding="utf-8")


def test_every_importance_has_its_line():
    listed = {
        cells[0]: cells[1:]
        for line in PAGE.splitlines()
        if line.startswith("| ")
        and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 6
    }
    for each in (*FIXED.values(), reduction()):
        passes = f"{each.passes:g} + {each.passes_per_item:g}"
        signed, targeted = ("yes" if flag else "no" for flag in (each.signed, each.targeted))
        assert listed[each.name] == [each.need, signed, targeted, passes, each.source]
        if each.misses:
            assert f"- *{each.name}*: {each.misses[0].lower()}{each.misses[1:]}" in PAGE
