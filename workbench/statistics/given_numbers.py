"""What statistics take: tensors, arrays of NumPy, and lists."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.errors import WorkbenchError


def tensors(**given: Any) -> list[Tensor]:
    """Numbers as tensors, in their order; a tensor is the same one.

    Parameters
    ----------
    given : each by the name that errors call it by, as a tensor, an array or lists.

    Raises
    ------
    WorkbenchError
        If one is no numbers, or has masked entries.
    """
    return [
        each if isinstance(each, Tensor) else torch.as_tensor(np.array(_plain(name, each)))
        for name, each in given.items()
    ]


def array(name: str, given: Any) -> np.ndarray:
    """Numbers as an array of float64, None as NaN.

    Parameters
    ----------
    name : what errors call them.
    given : a tensor of any kind, wherever it is, an array or lists.

    Raises
    ------
    WorkbenchError
        If they are no numbers, or have masked entries.
    """
    if isinstance(given, Tensor) and not given.is_complex():
        return given.detach().cpu().double().numpy()
    return _plain(name, given, objects=True).astype(np.float64, copy=False)


def _plain(name: str, given: Any, objects: bool = False) -> np.ndarray:
    """An array of numbers; what are `objects`, as None among them, become float64."""
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise WorkbenchError(
            f"{name}: an array with masked entries was given; put NaN in their place, as "
            ".astype(float).filled(numpy.nan) does."
        )
    try:
        plain = np.asarray(given)
        if plain.dtype.kind == "O" and objects:
            plain = np.asarray(given, np.float64)
        if plain.dtype.kind in "biuf":
            return plain
    except (TypeError, ValueError, RuntimeError):  # each told below
        pass
    raise WorkbenchError(
        f"{name}: a {type(given).__name__} was given that is no table of numbers; give a tensor, "
        "an array or a list of numbers, with rows of one length."
    )
