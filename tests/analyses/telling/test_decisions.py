"""Claims of a diagnostic: decided together, told with what decided them."""

import re
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyses.diagnostic import discover
from analyses.telling.decisions import FAMILIES, Claims, Detected, decided, evidence
from workbench.errors import WorkbenchError
from workbench.statistics import Interval, exact_share, holm, mean_interval

SENTENCES: Mapping[Detected, str] = {
    "higher": "A is more",
    "lower": "A is less",
    "undetected": "A is about as much",
}
NONE, FEW = mean_interval([np.nan] * 9), mean_interval([0.0] * 9 + [1])
MORE = Interval(0.2, 0.1, 0.3, 40, standard_error=0.05, p_value=1e-6)
LESS = Interval(-0.2, -0.3, -0.1, 1, standard_error=0.05, p_value=1e-6)
OPEN = Interval(0, -0.3, 0.3, 40, standard_error=0.15, p_value=1)
NEARLY = Interval(0.2, 0.01, 0.39, 40, standard_error=0.1, p_value=0.004)


def said(*intervals: Interval) -> list[str]:
    claims = Claims()
    for interval in intervals:
        claims.add(interval, SENTENCES, "A is", "tau", digits=2)
    return claims.sentences()


@pytest.mark.parametrize(
    ("interval", "sentence"),
    [
        (MORE, "A is more (tau +0.20 [+0.10, +0.30]; n = 40 users)."),
        (LESS, "A is less (tau −0.20 [−0.30, −0.10]; n = 1 user)."),
        (
            OPEN,  # z of 1 - 0.05 / 20 and of 0.8 are 2.807 and 0.842, times 0.15
            "A is about as much (tau 0.00 [−0.30, +0.30]; n = 40 users, who would have shown 0.55 "
            "with 80 % power).",
        ),
        (FEW, "Whether A is: too few users to tell (1 of 10 changed)."),
        (NONE, "Whether A is: nobody could be measured."),
    ],
)
def test_a_claim_has_its_interval_or_says_why_there_is_none(interval, sentence):
    assert said(interval) == [sentence]


def test_what_an_interval_shows_alone_is_no_claim_among_several():
    assert said(NEARLY)[0].startswith("A is more (")
    # 0.004 x 2 x 10; z of 1 - 0.05 / 40 and of 0.8 are 3.0233 and 0.8416, times 0.1
    assert said(NEARLY, OPEN, NONE, FEW)[0] == (
        "A is about as much (tau +0.20 [+0.01, +0.39], p 0.004, 0.08 corrected for 2 "
        "comparisons in each of 10 diagnostics; n = 40 users, who would have shown 0.39 with "
        "80 % power)."
    )
    # what is claimed before it no longer counts
    assert said(MORE, NEARLY)[1].startswith("A is more (")


def test_a_sentence_of_several_comparisons_and_one_of_none_keep_their_places():
    claims = Claims()
    claims.say("First.")
    claims.compose(
        {"a": MORE, "b": NEARLY, "c": OPEN},
        lambda d: f"{d['a'].claims} {d['b'].claims} ({evidence(d, 1)}).",
    )
    claims.add(LESS, SENTENCES, "A is", "tau", more="; and so on")
    assert claims.sentences() == [
        "First.",
        "True False (a +0.2 [+0.1, +0.3], b +0.20 [+0.01, +0.39], p 0.004, 0.08 corrected for 4 "
        "comparisons in each of 10 diagnostics, c 0.0 [−0.3, +0.3]; n = 40 users, who would have "
        "shown 0.4 in b and 0.6 in c with 80 % power).",
        "A is less (tau −0.2000 [−0.3000, −0.1000]; n = 1 user); and so on.",
    ]


def test_the_risk_of_a_report_is_divided_between_all_diagnostics():
    assert len(discover()) <= FAMILIES


def test_of_a_share_nothing_is_claimed():
    with pytest.raises(WorkbenchError, match="mean of their differences"):
        said(exact_share(np.ones(20)))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9), st.integers(0, 2**31))
def test_claimed_is_what_holm_leaves_and_its_side_is_that_of_the_mean(shifts, seed):
    noise = np.random.default_rng(seed).normal(0, 1, (len(shifts), 30))
    intervals = [mean_interval(noise[k] + shift) for k, shift in enumerate(shifts)]
    adjusted = holm([interval.p_value for interval in intervals])
    for decision, interval, p in zip(decided(intervals), intervals, adjusted, strict=True):
        side = "higher" if interval.estimate > 0 else "lower"
        assert decision.detected == (side if FAMILIES * p < 0.05 else "undetected")


@given(st.floats(1e-9, 1), st.floats(1, 2), st.sampled_from([-1, 1]), st.integers(0, 4))
def test_a_verdict_can_be_read_off_what_is_printed(near, far, side, digits):
    low, high = sorted((side * near, side * far))
    claims = Claims()
    claims.add(
        Interval((low + high) / 2, low, high, 200, p_value=1e-6, standard_error=1),
        *(SENTENCES, "A is", "tau", digits),
    )
    (sentence,) = claims.sentences()
    ends = [float(end) for end in re.findall(r"[-+.\d]+", sentence.replace("−", "-"))[1:3]]
    assert sentence.startswith("A is more" if ends[0] > 0 else "A is less")
    assert ends[0] * ends[1] > 0
