import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyses.report.wording import NOBODY, change, claim, number, people, percent, span, verdict
from workbench.statistics import Interval, exact_share, mean_interval


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.2, "higher"),
        (-0.2, -0.1, "lower"),
        (-0.1, 0.1, "undetected"),
        (0.0, 0.1, "undetected"),
        (np.nan, np.nan, "too few"),
    ],
)
def test_ways_to_end(low, high, expected):
    assert verdict(Interval(0.0, low, high, 9)) == expected


def test_numbers_read_well():
    assert number(-0.00001) == "0.0000"
    assert number(-1.5, 1, sign=True) == "−1.5"
    assert change(Interval(0.1, -0.2, 0.3, 9), 1) == "+0.1 [−0.2, +0.3]"
    assert (people(1), people(1943)) == ("n = 1 user", "n = 1,943 users")


def test_an_end_that_decides_is_never_printed_as_zero():
    # what the report said before of two differences, of which one was detected: both "0.0000"
    detected, undetected = (
        Interval(0.0052, 0.00003, 0.0113, 200),
        Interval(0.0055, 0.0, 0.0123, 200),
    )
    assert change(detected) == "+0.00520 [+0.00003, +0.01130]"
    assert change(undetected) == "+0.0055 [0.0000, +0.0123]"
    assert change(Interval(-0.4, -0.8, -0.0000004, 200), 1) == "−0.4000000 [−0.8000000, −0.0000004]"
    # of an interval around 0 no end decides
    assert change(Interval(0.001, -0.00003, 0.0113, 200)) == "+0.0010 [0.0000, +0.0113]"


@given(st.floats(1e-9, 1), st.floats(1, 2), st.sampled_from([-1, 1]), st.integers(0, 4))
def test_a_verdict_can_be_read_off_what_is_printed(near, far, side, digits):
    low, high = sorted((side * near, side * far))
    interval = Interval((low + high) / 2, low, high, 200)
    printed = change(interval, digits).replace("−", "-")
    ends = [float(end) for end in re.findall(r"[-+.\d]+", printed)[1:]]
    assert verdict(Interval(0.0, *ends, 200)) == verdict(interval) != "undetected"


def test_too_few_users_are_counted_in_the_place_of_an_interval():
    few = mean_interval([0.0] * 198 + [0.5, 0.4])
    assert change(few) == "too few users changed to tell (2 of 200)"
    assert change(few, what="paired difference") == change(few)
    assert span(few) == "0.0045 [too few users to tell: 2 of 200 not 0]"


def test_a_share_is_told_in_percent_with_its_exact_interval():
    assert percent(exact_share(np.zeros(200))) == "0.0 [0.0, 1.8] %"
    assert percent(exact_share(np.arange(200) < 22)) == "11.0 [7.0, 16.2] %"
    assert percent(exact_share(np.arange(2000) < 1)) == "0.050 [0.001, 0.278] %"


SENTENCES = {"higher": "A is more", "lower": "A is less", "undetected": "A is about as much"}


@pytest.mark.parametrize(
    ("interval", "sentence"),
    [
        (Interval(0.2, 0.1, 0.3, 40), "A is more (tau +0.20 [+0.10, +0.30]; n = 40 users)."),
        (Interval(-0.2, -0.3, -0.1, 1), "A is less (tau −0.20 [−0.30, −0.10]; n = 1 user)."),
        (Interval(0, -0.3, 0.3, 40), "A is about as much (tau 0.00 [−0.30, +0.30]; n = 40 users)."),
        (mean_interval([0.0] * 9 + [1]), "Whether A is: too few users changed to tell (1 of 10)."),
        (mean_interval([np.nan] * 9), "Whether A is: nobody could be measured."),
    ],
)
def test_a_claim_has_its_interval_or_says_why_there_is_none(interval, sentence):
    assert claim(interval, SENTENCES, "A is", "tau", digits=2) == sentence


@pytest.mark.parametrize("none", [mean_interval([]), mean_interval([np.nan]), exact_share([])])
def test_of_nobody_no_number_is_given(none):
    assert verdict(none) == "nobody"
    assert change(none, what="difference") == span(none) == percent(none) == NOBODY
