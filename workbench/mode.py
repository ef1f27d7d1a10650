"""The mode in which a model is measured: without dropout, whatever its mode was before."""

from collections.abc import Iterator
from contextlib import contextmanager

from workbench.model import Model


@contextmanager
def evaluation_mode(model: Model) -> Iterator[None]:
    """Keep all modules of a model in evaluation mode while the block runs; then restore each."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training
