"""Why one item and not another: what the difference of their scores owes to the history."""

from torch import Tensor

from models import Batch
from workbench.errors import WorkbenchError
from workbench.explaining.methods import explain, importance, importances
from workbench.model import Model


def contrasting(model: Model) -> list[str]:
    """The importances that serve a model and tell a difference of scores, by name.

    They are those with a sign that depend on the target: of each the importance of a difference is
    the difference of the importances, as erasure subtracts scores and gradients are linear.
    """
    return [name for name, one in importances(model).items() if one.signed and one.targeted]


def explain_difference(
    model: Model, batch: Batch, items: Tensor, others: Tensor, method: str = "replacement"
) -> Tensor:
    """How much the score of an item minus that of another owes to every item of the history.

    Positive where the history's item speaks for `items` rather than for `others`. Of "similarity"
    it is the similarity to the difference of the two embeddings.

    Parameters
    ----------
    model, batch : as in `explain`.
    items, others : [B] items.
    method : one of `contrasting`.

    Returns
    -------
    Tensor
        [B, L], as in `explain`.

    Raises
    ------
    WorkbenchError
        If the method does not serve the model, or has no sign, so that a difference means nothing.
    """
    chosen = importance(model, method)
    if not (chosen.signed and chosen.targeted):
        raise WorkbenchError(
            f"{method!r} tells no difference of scores; choose from "
            f"{', '.join(contrasting(model))}."
        )
    return explain(model, batch, items, method) - explain(model, batch, others, method)
