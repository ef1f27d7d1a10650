"""How a model is measured: without dropout, and with gradients where they are read."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from workbench.errors import WorkbenchError
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


@contextmanager
def gradients_recorded() -> Iterator[None]:
    """Keep what gradients are taken from while the block runs, also within `torch.no_grad()`.

    Raises
    ------
    WorkbenchError
        Within `torch.inference_mode()`, or for what was made there.
    """
    try:
        with torch.enable_grad():
            yield
    except RuntimeError as error:
        if not (torch.is_inference_mode_enabled() or "Inference tensors" in str(error)):
            raise
        raise WorkbenchError(
            "there are no gradients within torch.inference_mode(), nor of a model or a batch made "
            "there; leave it, or write torch.no_grad() instead."
        ) from error
