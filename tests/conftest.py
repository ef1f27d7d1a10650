"""Settings every test shares."""

import os

import torch
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "2")
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
settings.register_profile("quick", deadline=None, derandomize=True)
settings.load_profile("quick")
