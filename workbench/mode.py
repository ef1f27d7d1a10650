"""The mode a model is measured in: without dropout, whatever mode it was left in."""

from collections.abc import Iterator
from contextlib import contextmanager

from workbench.model import Model


@contextmanager
def evaluation_mode(model: Model) -> Iterator[None]:
    """While it lasts, all modules of a model are in evaluation mode; then each is as it was."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training
