"""What a page shows of one model: its label, what was chosen, and what the library found."""

from dataclasses import dataclass

from torch import Tensor

from workbench.explain.gradients import Method
from workbench.explore.inspection import Inspection


@dataclass(frozen=True)
class View:
    """The weights looked at: a stage, and a layer and head (from 0), None for the mean."""

    stage: str
    layer: int | None = None
    head: int | None = None

    @property
    def name(self) -> str:
        """`layer 1, head 2`, with the stage where it is not the final one."""
        layer = "mean of layers" if self.layer is None else f"layer {self.layer + 1}"
        head = "mean of heads" if self.head is None else f"head {self.head + 1}"
        stage = "" if self.stage == "attention" else f", {self.stage.replace('_', ' ')}"
        return f"{layer}, {head}{stage}"


@dataclass(frozen=True)
class Shown:
    """A model in one column of the page."""

    label: str
    view: View
    method: Method
    found: Inspection

    @property
    def matrix(self) -> Tensor:
        """[T, T], NaN where a row may not look; T as in `Inspection`."""
        return self.found.matrix(self.view.stage, self.view.layer, self.view.head)

    @property
    def row(self) -> Tensor:
        """[L], what the prediction row gives to each item."""
        return self.found.row(self.view.stage, self.view.layer, self.view.head)

    @property
    def importance(self) -> Tensor:
        """[L], by the gradient method chosen."""
        return self.found.importance[self.method]
