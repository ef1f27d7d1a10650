"""Whether the weights that pass a tap are those that meet the values, followed through a pass."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

PRODUCTS = {"aten::bmm", "aten::mm", "aten::baddbmm"}  # in which weights meet values
NEAR = 1e-2  # of a weight, within which it is the same in coarser numbers


class Followed(TorchDispatchMode):
    """While it lasts, what is made of weights is followed, a number for each, until a product.

    A sum over heads, and all that is not in the shape of the weights, is not.

    Attributes
    ----------
    changed : layers whose weights were multiplied as other numbers than had passed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changed: set[int] = set()
        # where tensors lie -> the layer, whether they are changed, and what keeps the place
        self._made: dict[int, tuple[int, bool, Tensor]] = {}

    def passed(self, layer: int, weights: Tensor) -> None:
        """Follow the weights of a layer, of whatever shape, from here."""
        self._made[_place(weights)] = layer, False, weights

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation, and see what it does with weights that are followed."""
        leaves = [each for each in tree_leaves((args, kwargs)) if _is_dense(each)]
        given = [each for each in leaves if _place(each) in self._made]
        before = [each.clone() for each in given]  # which an operation in place changes
        found = func(*args, **(kwargs or {}))
        for each, was in zip(given, before, strict=True):
            layer, changed, _ = self._made[_place(each)]
            if func._schema.name in PRODUCTS:
                self.changed |= {layer} if changed else set()
            elif _alike(found, each):
                view = _place(found) == _place(each) and not func._schema.is_mutable
                changed |= not view and not torch.allclose(found.to(was.dtype), was, rtol=NEAR)
                self._made[_place(found)] = layer, changed, found
        return found


def _alike(found: Any, given: Tensor) -> bool:
    """Whether something holds a number for each of the weights given, at its place."""
    return _is_dense(found) and found.is_floating_point() and found.shape == given.shape


def _is_dense(thing: Any) -> bool:
    """Whether it is a tensor that lies in one place."""
    return isinstance(thing, Tensor) and thing.layout == torch.strided and not thing.is_nested


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
