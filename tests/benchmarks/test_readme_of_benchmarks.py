"""The table of benchmarks has all of them."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_every_command_is_in_the_table():
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line[:1] == "|"]
    for path in FOLDER.glob("*.py"):
        if "__main__" in path.read_text(encoding="utf-8"):
            assert any(f"`python -m benchmarks.{path.stem}" in row for row in rows), path.stem
