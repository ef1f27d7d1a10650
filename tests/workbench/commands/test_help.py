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


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["evaluate", "--seed", "-3"], "x>=0"),
        (["evaluate", "--sampled-negatives", "0"], "x>=1"),
        (["recommend", "--k", "0"], "x>=1"),
    ],
)
def test_a_range_that_is_asked_for_is_shown(words, shown):
    command, option, value = words
    done = CliRunner().invoke(app, [command, "--model", "SASRec", option, value])
    assert done.exit_code == 2
    of_option = CliRunner().invoke(app, [command, "--help"]).output.partition(f"{option} ")[2]
    assert shown in of_option.partition(" --")[0]
