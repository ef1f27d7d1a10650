"""Numbers as a person reads them."""

import pytest

from workbench.writing import number


@pytest.mark.parametrize(
    ("value", "digits", "sign", "written"),
    [
        (-1.5, 1, False, "\N{MINUS SIGN}1.5"),
        (-1.5, 1, True, "\N{MINUS SIGN}1.5"),
        (1.5, 2, True, "+1.50"),
        (1.5, 0, False, "2"),
        (-0.00001, 4, False, "0.0000"),
        (-0.0, 3, True, "0.000"),
        (0.00001, 4, True, "0.0000"),
    ],
)
def test_a_number_has_a_true_minus_and_a_zero_no_sign(value, digits, sign, written):
    assert number(value, digits, sign=sign) == written
