"""python -m workbench app"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.commands.options import Device
from workbench.devices import DEVICE, choose_device

PACKAGES = Path(__file__).resolve().parents[2]
APP = PACKAGES / "workbench" / "app" / "served" / "attention_workbench.py"
STREAMLIT = {"ignore_unknown_options": True, "allow_extra_args": True}


def app_command(
    context: typer.Context,
    allow: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="A folder whose files any address of the app may name, beside the current one; "
            "may be repeated.",
        ),
    ] = None,
    device: Device = "cpu",
) -> None:
    """The same questions for one user, in the browser, on this machine alone.

    Other options are those of `streamlit run`, such as `--server.port 8502`.
    """
    command = ["run", str(APP), *context.args, "--"]
    for folder in allow or ():
        command += ["--allow", str(folder)]
    if device != "cpu":  # which there always is
        choose_device(device)  # says now, and not in the browser, that there is none
    os.environ[DEVICE] = device
    # a folder `analyses` or `seaborn` where the app is started is not ours
    sys.path[:] = [str(PACKAGES), *(path for path in sys.path if path not in ("", os.getcwd()))]
    from streamlit.web.cli import main

    main(command, prog_name="streamlit")
