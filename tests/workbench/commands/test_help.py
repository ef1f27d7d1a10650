"""What commands say of themselves."""

import pytest
from typer.testing import CliRunner

from workbench.__main__ import app

COMMANDS = [command.name for command in app.registered_commands]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_values_and_not_types_of_python(command):
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "list[" not in done.output
