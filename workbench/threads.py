"""How many threads a command has, and processes: one thread, unless `OMP_NUM_THREADS` says more.

Threads meet at the end of every operation that they share, and models of this kind have many small
ones. Two that spin while they wait are quicker by a third where nothing else runs, and take four
times as long where one core is busy; two that sleep are slower than one in either case. One takes
as long whatever runs beside it, and rounds alike on every machine. `python -m benchmarks.busy`
measures it.
"""

import os
import sys

SETTING = "OMP_NUM_THREADS"
MOST = 8  # processes that a command starts by itself: each holds the data and the models


def one_by_default() -> None:
    """One thread for this process and those that it starts, unless the environment says more."""
    if not os.environ.get(SETTING):  # an empty one is as many as there are cores, to OpenMP
        os.environ[SETTING] = "1"  # which PyTorch reads when it is imported
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
