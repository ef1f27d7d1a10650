"""However users are parted into pieces, the same is concluded."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analyses.diagnostic import discover
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results, Rows
from analyses.verdict import verdicts
from tests.analyses.pieces import parted
from workbench import build_model, load_data

DATA = "planted:content?users=40&items=60&length=9&shortest=3"
KNOWN = discover()


@pytest.fixture(scope="module")
def measured() -> dict[str, Results]:
    data = load_data(DATA)

    def model(name: str, seed: int):
        torch.manual_seed(seed)
        made = build_model(
            name, data, n_layers=2, n_heads=1, hidden_size=8, inner_size=8, max_length=8
        )
        with torch.no_grad():
            for weights in made.parameters():
                weights.add_(0.3 * torch.randn_like(weights))
        return made

    models = {
        "plain": model("SASRec", 0),
        "even": model("SASRec-uniform", 1),
        "AC": model("AC-SASRec", 2),
    }
    siblings = {"plain": {"again": model("SASRec", 3)}, "AC": {"AC again": model("AC-SASRec", 4)}}
    return {
        name: measure_in_memory(diagnostic, models, data, siblings=siblings)
        for name, diagnostic in KNOWN.items()
    }


@pytest.mark.parametrize("name", KNOWN)
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cuts=st.lists(st.integers(0, 40), min_size=1, max_size=4))
def test_conclusions_do_not_depend_on_pieces(measured, name, cuts):
    diagnostic, once = KNOWN[name], replace(measured[name], rows=Rows([measured[name].frame]))
    pieces = parted(once, cuts)
    assert diagnostic.findings(pieces) == diagnostic.findings(once)
    assert diagnostic.exclusions(pieces) == diagnostic.exclusions(once)
    last_digit = 0.0011  # of what is rounded for reading
    assert_same(diagnostic.tables(pieces), diagnostic.tables(once), last_digit)
    drawn = [diagnostic.summaries(each) for each in (pieces, once)]
    for summary, expected in zip(*(each.values() for each in drawn), strict=True):
        assert replace(summary, table=expected.table) == expected
    assert_same(*({name: each.table for name, each in some.items()} for some in drawn))


@pytest.mark.parametrize("name", KNOWN)
def test_the_rows_of_users_do_not_depend_on_pieces(measured, name):
    once = replace(measured[name], rows=Rows([measured[name].frame]))
    found, expected = (KNOWN[name].by_user(each).whole() for each in (parted(once, [7, 20]), once))
    assert list(found) == list(expected)
    rows = [sorted(map(str, frame.to_numpy(object).tolist())) for frame in (found, expected)]
    assert rows[0] == rows[1]
    for model in found["model"].unique():
        firsts = [each[each["model"] == model].iloc[0].drop("user") for each in (found, expected)]
        words = [first.map(str)[[isinstance(v, str) for v in first]] for first in firsts]
        assert words[0].tolist() == words[1].tolist()


def test_a_verdict_does_not_depend_on_pieces(measured):
    pieces = {name: parted(results, [7, 20]) for name, results in measured.items()}
    for found, expected in zip(verdicts(pieces), verdicts(measured), strict=True):
        assert found.headline == expected.headline
        assert found.why == expected.why
        assert [each.sentence for each in found.questions] == [
            each.sentence for each in expected.questions
        ]


def assert_same(
    found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame], tolerance: float = 1e-9
) -> None:
    assert list(found) == list(expected)
    for name, table in found.items():
        pd.testing.assert_frame_equal(
            table, expected[name], check_dtype=False, check_categorical=False, atol=tolerance
        )
