"""What an address held in vain, in a sentence."""

import pytest

from workbench.app.page_address import ignored

NOW = {
    "user": "u3",
    "hide_seen": False,
    "models": ["a", "b"],
    "lengths": (2, 30),
    "view1": "Layer 1",
    "layers": [],
    "edits": "",
}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"user": ["u3"], "hide_seen": ["FALSE"], "models": ["a"]}, ""),
        ({"lengths": ["2", "30.0"], "models": ["b", "a"]}, ""),
        ({"edits": [""], "layers": [""]}, ""),
        (
            {"view1": ["Layer 9"]},
            "Ignored in the address: view1=Layer 9, which is no possible choice here.",
        ),
        (
            {"models": ["a", "b", "c"], "x": ["1"]},
            "Ignored in the address: c of models=a, b, c, which is no possible choice here; x=1, "
            "which nothing on this page takes.",
        ),
        (
            {"lengths": ["1", "40"]},
            "Ignored in the address: lengths=1, 40, which is no possible choice here.",
        ),
        (
            {"layers": ["7"]},
            "Ignored in the address: layers=7, which is no possible choice here.",
        ),
    ],
)
def test_what_is_ignored(given, told):
    assert ignored(given, NOW) == told
