"""The mode in which a model is measured: without dropout, whatever its mode was before."""

from collections.abc import Iterator
from contextlib import contextmanager

from workbench.model import Model


@contextmanager
def evaluation_mode(model: Model) -> Iterator[None]:
    """Keep all modules of a model in evaluation mode while the block runs; then restore each."""
    training = [module for module in model.modules() if module.training]
    if training:
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
