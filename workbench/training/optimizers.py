"""Adam for all of a model, or lazy Adam for rows of its item tables and Adam for the rest.

Adam moves every parameter at every step, those without a gradient by what is left of earlier ones.
Lazy Adam moves the rows that a step has a gradient for, and leaves the moments of the others as
they are: a step costs what its rows do, and rows that are seldom met are moved less often, but not
less far. Steps are counted for the whole table, as in Adam, in correcting the bias of the moments.
"""

from torch import Tensor
from torch.optim import Adam, Optimizer, SparseAdam

from models import Recommender


def optimizers(
    model: Recommender, learning_rate: float, weight_decay: float, *, by_row: bool
) -> list[Optimizer]:
    """What updates a model, dense parameters first.

    Parameters
    ----------
    model : its item tables are told which kind of gradient to give.
    learning_rate, weight_decay : of all of them; see `decayed` for the second of rows.
    by_row : whether item tables are updated by lazy Adam.
    """
    for table in model.row_tables:
        table.sparse = by_row
    tables = [table.weight for table in model.row_tables] if by_row else []
    adversarial = model.adversarial_parameters()
    apart = {id(p) for p in [*tables, *adversarial]}
    groups = [[p for p in model.parameters() if id(p) not in apart], adversarial]
    dense = Adam(
        [{"params": group} for group in groups if group],
        lr=learning_rate,
        weight_decay=weight_decay,
        fused=True,
    )
    return [dense, SparseAdam(tables, lr=learning_rate)] if tables else [dense]


def decayed(grad: Tensor, parameter: Tensor, weight_decay: float) -> Tensor:
    """A sparse gradient, each row once, with the L2 penalty of the rows that it has."""
    grad = grad.coalesce()
    if weight_decay:
        grad.values().add_(parameter.detach()[grad.indices()[0]], alpha=weight_decay)
    return grad
