"""docs/planted.md: its examples run, its tables hold."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import workbench
from workbench import load_data
from workbench.__main__ import app
from workbench.data import cause_mask
from workbench.data.address import DEFAULTS, PLANTED
from workbench.data.planted_settings import RULES
from workbench.data.splits import held_out_cases

PAGE = (Path(__file__).parents[1] / "docs" / "planted.md").read_text(encoding="utf-8")
SCORES, OWN = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.fixture(scope="module")
def ran():
    """The names of the examples once both have run, training cut short."""
    train, build = workbench.train, workbench.build_model
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        quick = {"progress": False, "epochs": 1}
        patch.setattr(workbench, "train", lambda *given: train(*given, **quick))
        patch.setattr(workbench, "build_model", lambda *given: build(*given, hidden_size=8))
        for code in (SCORES, OWN):
            exec(compile(code, "planted.md", "exec"), names)
    return names


def test_the_truth_of_the_own_rule_is_the_rule(ran):
    data = ran["data"]
    cases = held_out_cases(data, 50)
    mask = cause_mask(data, cases, 50)
    assert 0.6 < mask.any(1).float().mean() < 0.9
    numbers = np.array([-1, *map(int, data.item_ids[1:])])
    for row, user in enumerate(cases.users):
        *history, target = numbers[data.history(user)].tolist()
        back = 2 if history[-1] % 2 else 4
        marked = mask[row].nonzero().flatten().tolist()
        assert marked in ([], [len(history) - back, len(history) - 1])
        if marked:
            assert target == (history[-back] + 1) % 40


def test_the_own_rule_takes_fifteen_lines():
    lines = OWN[OWN.index("rng =") :].partition("report(")[0].splitlines()
    assert len(list(filter(None, lines))) <= 15


def test_an_importance_is_scored(ran, capsys):
    ran["report"](ran["data"], workbench.build_model("SASRec", ran["data"], hidden_size=8).eval())
    users, *methods, chance = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"users with a cause: \d+ of 500", users)
    assert [line.split()[0] for line in methods] == ["attention", "replacement", "recency"]
    assert methods[-1] == "recency 1.0"  # the last item is one of both causes
    assert 0 < float(chance.split()[1]) < 0.3


def test_the_command_prints_what_the_page_says():
    ((arguments, expected),) = re.findall(
        r"```console\n\$ python -m workbench (.*?)\n(.*?)```", PAGE, re.S
    )
    assert CliRunner().invoke(app, arguments.split()).output == expected


def test_every_setting_is_there_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| .+ \|$", PAGE, re.M)
    assert dict(rows) == {name: str(DEFAULTS[setting]) for name, setting in PLANTED.items()}


def test_the_rates_are_those_of_the_defaults():
    number = r" (\d\.\d\d) \|"
    rows = {
        rule: numbers
        for rule, *numbers in re.findall(rf"^\| `(\S+)` \| .+? \|{3 * number}", PAGE, re.M)
    }
    assert tuple(rows) == RULES
    for rule, numbers in rows.items():
        data = load_data(f"planted:{rule}")
        caused = (data.truth.causes[data.offsets[1:] - 1] >= 0).mean()
        rates = (data.provenance[f"bayes_hit@{k}"] for k in (1, 10))
        assert list(map(float, numbers)) == pytest.approx([caused, *rates], abs=0.005 + 1e-9)
