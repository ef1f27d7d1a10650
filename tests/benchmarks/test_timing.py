"""Runs take turns, tables line up, and the environment is given back."""

import argparse
import os

import pytest

from benchmarks.timing import environment, medians, positive, print_table


def test_runs_take_turns_and_the_median_is_kept() -> None:
    order: list[str] = []
    values = {"a": iter([3.0, 1.0, 9.0]), "b": iter([5.0, 5.0, 8.0])}

    def run(name: str) -> float:
        order.append(name)
        return next(values[name])

    assert medians({"a": lambda: run("a"), "b": lambda: run("b")}, 3) == {"a": 3.0, "b": 5.0}
    assert "".join(order) == "ababab"


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("who", "s"), [("a long name", "1.0"), ("b", "12.0")])
    assert capsys.readouterr().out.splitlines() == [
        "who             s",
        "-----------  ----",
        "a long name   1.0",
        "b            12.0",
    ]


def test_environment_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "old")
    monkeypatch.delenv("ADDED", raising=False)
    with environment({"KEPT": "new", "ADDED": "1"}):
        assert (os.environ["KEPT"], os.environ["ADDED"]) == ("new", "1")
    assert os.environ["KEPT"] == "old"
    assert "ADDED" not in os.environ


@pytest.mark.parametrize("text", ["0", "-3"])
def test_a_count_is_at_least_one(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=text):
        positive(text)
