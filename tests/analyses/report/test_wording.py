import numpy as np
import pytest

from analyses.report.wording import change, listing, number, people, span, verdict
from workbench.statistics import Interval


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.2, "higher"),
        (-0.2, -0.1, "lower"),
        (-0.1, 0.1, "undetected"),
        (0.0, 0.1, "undetected"),
        (np.nan, np.nan, "undetected"),
    ],
)
def test_three_ways_to_end(low, high, expected):
    assert verdict(Interval(0.0, low, high, 9)) == expected


def test_numbers_read_well():
    assert number(-0.00001) == "0.0000"
    assert number(-1.5, 1, sign=True) == "−1.5"
    assert change(Interval(0.1, -0.2, 0.3, 9), 1) == "+0.1 [−0.2, +0.3]"
    assert span(Interval(0.1, np.nan, np.nan, 1), 1) == "0.1 [no interval]"
    assert (people(1), people(1943)) == ("n = 1 user", "n = 1,943 users")
    assert listing(["a", "b", "c"]) == "a, b and c"
