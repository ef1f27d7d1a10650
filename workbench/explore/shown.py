"""One model beside others: its label, which weights are looked at, and its inspection."""

from dataclasses import dataclass

from torch import Tensor

from workbench.data.sequences import SequenceData
from workbench.explaining.attention_weights import AttentionPart
from workbench.explore.inspection import Inspection

MASK = "[mask]"  # what BERT4Rec predicts at
LAST = 20  # items of a large map; a title needs room to be read


@dataclass(frozen=True)
class View:
    """The weights that are shown.

    Attributes
    ----------
    stage : one of the model's `stages`.
    layer, head : from 0; None for the mean over all.
    """

    stage: str
    layer: int | None = None
    head: int | None = None

    @property
    def name(self) -> str:
        """`layer 1, head 2`, and the stage if it is not the final one."""
        stage = None if self.stage == "attention" else self.stage
        return AttentionPart(stage, self.layer, self.head).name


@dataclass(frozen=True)
class Shown:
    """A model, and what it makes of a history."""

    label: str
    view: View
    inspection: Inspection

    @property
    def matrix(self) -> Tensor:
        """[T, T], NaN where a row may not attend; T as in `Inspection`."""
        return self.inspection.matrix(self.view.stage, self.view.layer, self.view.head)

    @property
    def row(self) -> Tensor:
        """[L], the weights that the prediction row gives to the items."""
        return self.inspection.row(self.view.stage, self.view.layer, self.view.head)

    def titles(self, data: SequenceData) -> list[str]:
        """Of the T rows and columns of `matrix`; a token after the history has none of its own."""
        titles = [data.title(int(item)) for item in self.inspection.items]
        return titles + [MASK] * (len(self.matrix) - len(titles))
