"""Where a model computes: the device a name stands for."""

from typing import Literal, get_args

import torch

from workbench.errors import WorkbenchError

DeviceName = Literal["auto", "cpu", "cuda", "mps"]


def choose_device(name: str = "auto") -> torch.device:
    """The device of this name; with `auto` the CUDA device where there is one, else the CPU.

    An Apple GPU (mps) has to be asked for, because it has no float64, in which measures are taken.

    Raises
    ------
    WorkbenchError
        If the name is not known, or this machine has no such device.
    """
    names = get_args(DeviceName)
    if name not in names:
        raise WorkbenchError(f"device={name!r} is not known; choose from {', '.join(names)}.")
    cuda = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "cpu")
    present = {"cpu": True, "cuda": cuda, "mps": torch.backends.mps.is_available()}
    if not present[name]:
        raise WorkbenchError(
            f"PyTorch finds no {name} device on this machine; choose the device auto or cpu."
        )
    return torch.device(name)
