"""Options that take several values after one name, `--users a b c`."""

from collections.abc import Iterator, Sequence
from typing import Any

from typer.core import TyperCommand

NAMES = ("--users", "--items")


class Several(TyperCommand):
    """A command that reads `--users a b c` as `--users a --users b --users c`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click does it, once the names are repeated."""
        return super().parse_args(ctx, list(_repeated(args)))


def _repeated(args: Sequence[str]) -> Iterator[str]:
    name, values = "", 0
    for arg in args:
        if arg.startswith("--"):
            name, values = (arg if arg in NAMES else ""), 0
        elif name:
            values += 1
            if values > 1:
                yield name
        yield arg
