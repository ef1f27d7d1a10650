"""Where a model computes: the device a name stands for."""

import os
from typing import TYPE_CHECKING, Literal, get_args

from workbench.errors import WorkbenchError, one_of

if TYPE_CHECKING:  # seconds to import, and not for the names that a command line takes
    import torch

DEVICE = "ATTENTION_WORKBENCH_DEVICE"  # tells the app what its command was asked for
DeviceName = Literal["auto", "cpu", "cuda", "mps"]


def choose_device(name: str = "auto") -> "torch.device":
    """The device of this name; with `auto` the CUDA device where there is one, else the CPU.

    Of several CUDA devices, each process of those that torchrun started on a machine has its own.

    An Apple GPU (mps) has to be asked for, because it has no float64, in which measures are taken.

    Raises
    ------
    WorkbenchError
        If the name is not known, or this machine has no such device.
    """
    import torch

    one_of("device", name, get_args(DeviceName))
    cuda = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if cuda else "cpu"
    present = {"cpu": True, "cuda": cuda, "mps": torch.backends.mps.is_available()}
    if not present[name]:
        raise WorkbenchError(
            f"PyTorch finds no {name} device on this machine; choose the device auto or cpu."
        )
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        return torch.device(name, int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    return torch.device(name)


def device_label(device: "torch.device") -> str:
    """What a device is called on a card: "cpu", "mps", or the name of a CUDA device."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
