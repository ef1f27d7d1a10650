"""How PyTorch's threads wait for each other: asleep. To be imported before torch, which reads it.

Threads meet at the end of every operation that they share. Left to itself, OpenMP has the first one
there spin, on the core that the last one may need: with another process on one of two cores, an
epoch took ten times as long. `python -m benchmarks.busy` measures it.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
