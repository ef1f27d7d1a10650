"""The command `attention-workbench`: those of `python -m workbench`, and those of this package."""

import runpy
import sys
from collections.abc import Callable

import typer

from workbench.__main__ import app
from workbench.__main__ import main as run

MODULES = {
    "report": ("run_all", "Run every diagnostic on trained models and write a report."),
    "compare": ("compare", "Put two reports side by side, before and after a change."),
    "judge": ("judge", "Judge what reports say by planted data whose causes are known."),
    "claims": ("claims", "Train what the paper's claims are about, and say which of them hold."),
}
# the module reads its own options, --help among them
PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def _command(module: str) -> Callable[[typer.Context], None]:
    def command(context: typer.Context) -> None:
        sys.argv[1:] = context.args
        runpy.run_module(f"analyses.{module}", run_name="__main__", alter_sys=True)

    return command


def main() -> None:
    """Run a command; how it ends is as with `python -m workbench` and `python -m analyses...`."""
    for name, (module, does) in MODULES.items():
        app.command(name, help=does, context_settings=PASSED_ON)(_command(module))
    run()


if __name__ == "__main__":
    main()
