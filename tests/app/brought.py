"""Files as a user may bring them: interactions, a model of them, and a trap."""

import os
from pathlib import Path

import numpy as np
import torch

from tests.workbench.importing.files import chain_state

N_ITEMS, N_USERS, LENGTH = 20, 40, 8
COLUMNS = {"user_column": "who", "item_column": "what", "time_column": "when"}


def write_walks(folder: Path) -> None:
    """walks.csv, users who go round the items in order, under names of its own; and walks.pth."""
    rows = [
        (f"u{u}", (u + t) % N_ITEMS + 1, 86_400 * (t // 2))
        for u in range(N_USERS)
        for t in range(LENGTH)
    ]
    lines = ["who,what,when", *(",".join(map(str, row)) for row in rows)]
    (folder / "walks.csv").write_text("\n".join([*lines, ""]))
    numbers: dict[int, int] = {}
    for _, item, _ in rows:
        numbers.setdefault(item, len(numbers) + 1)
    successor = np.zeros(N_ITEMS + 1, dtype=np.int64)
    for item, number in numbers.items():
        successor[number] = numbers[item % N_ITEMS + 1]
    torch.save({"state_dict": chain_state(successor)}, folder / "walks.pth")


class Call:
    """Pickled as a call of `os.mkdir`, made when it is loaded."""

    def __init__(self, place):
        self.place = str(place)

    def __reduce__(self):
        return os.mkdir, (self.place,)
