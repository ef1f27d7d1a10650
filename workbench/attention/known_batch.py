"""Whether what was given as histories is a batch of them."""

from models import Batch
from workbench.errors import WorkbenchError


def known_batch(batch: object) -> Batch:
    """The same batch, known to be one.

    Raises
    ------
    WorkbenchError
        If it is something else, such as the pair that `held_out` gives.
    """
    if not isinstance(batch, Batch):
        raise WorkbenchError(
            f"a {type(batch).__name__} was given in the place of a batch; give a models.Batch, the "
            "first of the two that workbench.held_out makes "
            "(batch, targets = held_out(model, data, users))."
        )
    return batch
