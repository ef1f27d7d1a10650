import numpy as np
import pytest

from analyses.telling.wording import NOBODY, change, people, percent, span
from workbench.statistics import Interval, exact_share, mean_interval


def test_changes_and_counts_read_well():
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


def test_too_few_users_are_counted_in_the_place_of_an_interval():
    few = mean_interval([0.0] * 198 + [0.5, 0.4])
    assert change(few) == "too few users to tell (2 of 200 changed)"
    assert change(few, what="NDCG@10") == "NDCG@10 changed for too few users to tell (2 of 200)"
    assert change(mean_interval([0.5] * 5 + [0.25] * 3)) == "too few users to tell (8 of 8 changed)"
    assert span(few) == "0.0045 [too few users to tell: 2 of 200 not 0]"


def test_what_changed_for_nobody_is_told_as_that():
    nothing = mean_interval([0.0] * 200)
    assert change(nothing) == "nothing changed for any of 200 users"
    assert change(nothing, what="NDCG@10") == "NDCG@10 changed for none of 200 users"
    assert span(nothing) == "0.0000 [for each of 200 users]"


def test_a_share_is_told_in_percent_with_its_exact_interval():
    assert percent(exact_share(np.zeros(200))) == "0.0 [0.0, 1.8] %"
    assert percent(exact_share(np.arange(200) < 22)) == "11.0 [7.0, 16.2] %"
    assert percent(exact_share(np.arange(2000) < 1)) == "0.050 [0.001, 0.278] %"


@pytest.mark.parametrize("none", [mean_interval([]), mean_interval([np.nan]), exact_share([])])
def test_of_nobody_no_number_is_given(none):
    assert change(none) == span(none) == percent(none) == NOBODY
    assert change(none, what="NDCG@10") == f"NDCG@10: {NOBODY}"
