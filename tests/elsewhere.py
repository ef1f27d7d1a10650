"""A second device for machines that have none: tensors on it must not meet those of the CPU."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

PLACE = torch.device(
    "cpu", 0
)  # PyTorch computes there, and still tells it from torch.device("cpu")
TO_CPU = (Tensor.cpu, Tensor.numpy, Tensor.tolist, Tensor.item)
M = TypeVar("M", bound=nn.Module)
INDEXED = (Tensor.__getitem__, Tensor.__setitem__)


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, tuple | list | dict):
        for value in values.values() if isinstance(values, dict) else values:
            yield from _tensors(value)


class Elsewhere(TorchFunctionMode):
    """While it lasts, `PLACE` is a device of its own; raises AssertionError as CUDA would refuse.

    What autograd does in a backward pass is not seen, nor what a kernel does in one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.there = WeakIdKeyDictionary()

    def moved(self, module: M) -> M:
        """A copy of a module with its parameters and buffers there."""
        copied = copy.deepcopy(module)
        for tensor in (*copied.parameters(), *copied.buffers()):
            self.there[tensor] = True
        return copied

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        given = list(_tensors((args, kwargs)))
        away = [tensor for tensor in given if tensor in self.there]
        if function == Tensor.device.__get__:
            return PLACE if away else torch.device("cpu")
        if function is Tensor.numpy:
            assert not away, "a tensor of the other device has no numpy(); call cpu() first"
        moved_to = kwargs.get("device")
        if function is Tensor.to:
            places = [a for a in args[1:] if isinstance(a, str | torch.device)]
            moved_to = moved_to or next(iter(places), None)
        elif len(away) != len(given) and away:
            here = [tensor for tensor in given if tensor not in self.there and tensor.dim()]
            if function in INDEXED and args[0] in self.there:
                here = []  # CUDA takes indices of the CPU
            assert not here, f"{function.__name__} is given tensors of two devices"
        result = function(*args, **kwargs)
        if moved_to is not None:
            is_there = torch.device(moved_to) == PLACE
        else:
            is_there = bool(away) and function not in TO_CPU
        for tensor in _tensors(result):
            if is_there and tensor not in self.there:
                if any(tensor is one for one in given):  # one tensor cannot be in two places
                    return self._copy(tensor)
                self.there[tensor] = True
            elif not is_there and tensor in self.there:
                return tensor.detach().clone() if function in (Tensor.to, Tensor.cpu) else result
        return result

    def _copy(self, tensor: Tensor) -> Tensor:
        moved = tensor.clone()
        self.there[moved] = True
        return moved
