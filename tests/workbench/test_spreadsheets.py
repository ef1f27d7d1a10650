"""Tables as CSV hold no formulas that a spreadsheet would run."""

import io

import numpy as np
import pandas as pd
import pytest

from workbench.spreadsheets import csv

FORMULAS = ["=1+1", "+A1", "-A1", "@SUM(A1)", '=HYPERLINK("http://other.example")', "\t=1", "\r=1"]
HARMLESS = ["-5", "+3.5", "-1e-3", ".5", "a=b", "", "Film -1 (1999)", "\N{MINUS SIGN}1", "'quoted"]


@pytest.mark.parametrize("kind", ["object", "category", "string"])
def test_no_text_begins_a_formula(kind):
    texts = [*FORMULAS, *HARMLESS]
    frame = pd.DataFrame({"=head": pd.Series(texts, dtype=kind), "n": np.arange(len(texts)) - 3.5})
    table = csv(frame)
    read = pd.read_csv(
        io.StringIO(table, newline=""), keep_default_na=False, lineterminator="\n", dtype=str
    )
    assert list(read) == ["'=head", "n"]
    assert read["'=head"].tolist() == [*(f"'{text}" for text in FORMULAS), *HARMLESS]
    assert read["n"].tolist()[0] == "-3.5"


def test_numbers_are_in_full():
    frame = pd.DataFrame({"a": np.array([0.1, -2.5], np.float32), "b": [None, "x"], "c": [1, 2]})
    assert csv(frame) == "a,b,c\n0.1,,1\n-2.5,x,2\n"
