"""How to train: the options, which a command line shows without PyTorch."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

from workbench.errors import WorkbenchError

Objective = Literal["prefixes", "positions", "masking"]
Loss = Literal["exact", "sampled", "gbce"]
Avoid = Literal["cause", "important"]
LARGEST_SEED = 2**32 - 1  # that NumPy takes, and so Lightning Fabric, which seeds it
EXACT_UP_TO = 100_000  # items; docs/training.md says what a step costs on either side
RANGES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(
        ("epochs", "patience", "batch_size"),
        (
            "a whole number, 1 or more",
            lambda value: isinstance(value, Integral) and int(value) >= 1,
        ),
    ),
    "mask_last": ("from 0 to 1", lambda value: 0 <= value <= 1),
    "mask_ratio": ("above 0, and 1 at most", lambda value: 0 < value <= 1),
    "learning_rate": ("above 0 and finite", lambda value: 0 < value < float("inf")),
    **dict.fromkeys(
        ("weight_decay", "avoid_weight"),
        ("0 or more and finite", lambda value: 0 <= value < float("inf")),
    ),
    "seed": (
        f"a whole number between 0 and {LARGEST_SEED}",
        lambda value: isinstance(value, Integral) and 0 <= int(value) <= LARGEST_SEED,
    ),
}


@dataclass(frozen=True)
class Training:
    """How to train.

    Attributes
    ----------
    objective : "positions", the loss at all positions of a window; "prefixes", every prefix as a
        sample with the loss at its last position (RecBole's and the paper's), which ranks as well
        and costs more; "masking", for BERT4Rec, the loss at masked items. None is masking for
        BERT4Rec and positions for the others.
    loss : "exact", the cross-entropy over all items; "sampled", the same estimated from items that
        are drawn for each step; "gbce", the generalised binary cross-entropy of gSASRec over drawn
        ones. With either of these, rows of item tables are updated where a step has them (lazy
        Adam). None is exact up to `EXACT_UP_TO` items, then sampled.
    negatives : how many items are drawn for a step, shared by all of its targets.
    gbce_t : for "gbce", how far scores are calibrated, from 0 to 1.
    mask_ratio : the chance of an item to be masked.
    mask_last : the share of the samples in which only the last item is masked.
    epochs : how many epochs at most.
    patience : how many epochs without a better validation NDCG@10 before training stops.
    remove_seen : whether items of the history are left out of the rankings by which the best epoch
        is chosen, as they are of lists that are shown.
    batch_size : targets in a step, for every objective.
    learning_rate, weight_decay : of the optimizer, Adam.
    seed : of everything random.
    device : a name that `choose_device` takes.
    precision : a name that Lightning Fabric takes, such as "32-true" or "bf16-mixed".
    avoid : what attention is kept off, see `workbench.training.avoidance`; None for nothing.
        "cause": the planted causes of each target; "important": what matters most to a plain model.
    avoid_by : that plain model, a folder or a name.
    avoid_weight : of the penalty for attention to what is avoided.
    progress : whether bars and lines are shown.

    Raises
    ------
    WorkbenchError
        If a number is none, or out of range.
    """

    objective: Objective | None = None
    loss: Loss | None = None
    negatives: int = 256
    gbce_t: float = 0.75
    mask_ratio: float = 0.2
    mask_last: float = 0.5
    epochs: int = 100
    patience: int = 10
    remove_seen: bool = False
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    seed: int = 0
    device: str = "auto"
    precision: str = "32-true"
    avoid: Avoid | None = None
    avoid_by: str | None = None
    avoid_weight: float = 0.1
    progress: bool = True

    def __post_init__(self) -> None:
        for name, (allowed, fits) in RANGES.items():
            value = getattr(self, name)
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not number or not fits(value):
                raise WorkbenchError(f"{name}={value!r} must be {allowed}.")
