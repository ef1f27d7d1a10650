"""Names of saved files."""

import pytest

from workbench.app import downloads


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("history-u3.csv", "history-u3.csv"),
        ("top-SASRec (x)-../../etc.csv", "top-sasrec-x--..-..-etc.csv"),
        ("maps-a\u202egnp.csv", "maps-a-gnp.csv"),
    ],
)
def test_a_file_name_is_one(name, called):
    assert downloads.file_name(name) == called
