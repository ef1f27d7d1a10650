"""What an importance of items is, and what it declares about itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from models import Batch
from workbench.errors import WorkbenchError
from workbench.model import Model, with_attention, with_gradients, with_layers

CHUNK = 128  # histories that run at a time: what they take stays in the cache of a core
Family = Literal["control", "attention", "gradient", "erasure"]
Need = Literal["scores", "embeddings", "attention", "layers"]
FAMILIES: dict[Family, str] = {
    "control": "A control, which knows nothing of the model's reasons: what others must exceed.",
    "attention": "Where weights of attention go, not what caused the recommendation.",
    "gradient": "How much the target's score depends on the item's embedding, to first order. It "
    "has no unit: compare within one model.",
    "erasure": "The target's score with the whole history minus the score without this item: "
    "positive means that the item raises it. If two items can replace each other, both can seem "
    "to matter little.",
}


@dataclass(frozen=True)
class Importance:
    """A number for every item of a history: how much the score of a target owes to it.

    Attributes
    ----------
    name : what it is called.
    family : controls know nothing of the model's reasons, and show what others must exceed.
    compute : from a model in evaluation mode, a batch on its device, targets [B] and a seed to
        [B, L].
    source : where its formula comes from.
    need : what a model must give: only scores; item embeddings to score from, with gradients;
        attention weights; or the layers of a `models.Recommender`.
    signed : whether an item that lowers the score has a negative number.
    complete : whether the numbers of a history sum up to a difference of scores, as far as its
        steps reach; not where `misses` says that it sees nothing.
    targeted : whether it depends on which item is predicted.
    passes : forward passes that it costs, a backward pass counted as two.
    passes_per_item : passes of its own for every item of a history.
    misses : what it cannot see, where there is such a thing.
    """

    name: str
    family: Family
    compute: Callable[[Any, Batch, Tensor, int], Tensor]
    source: str
    need: Need = "scores"
    signed: bool = False
    complete: bool = False
    targeted: bool = True
    passes: float = 0
    passes_per_item: float = 0
    misses: str = ""

    @property
    def described(self) -> str:
        """What it is, in sentences."""
        return f"{FAMILIES[self.family]} Formula: {self.source}. {self.misses}".strip()

    def check(self, model: Model) -> None:
        """See whether it can be computed for a model.

        Raises
        ------
        WorkbenchError
            If the model does not give what it needs.
        """
        if self.need in ("attention", "layers"):
            with_attention(model)
        if self.need != "scores":
            with_gradients(model)
        if self.need == "layers":
            with_layers(model, f"choose another method than {self.name!r}")

    def serves(self, model: Model) -> bool:
        """Whether it can be computed for a model."""
        try:
            self.check(model)
        except WorkbenchError:
            return False
        return True
