"""All that one visit of the page shows, for the parts that show it in another way."""

from dataclasses import dataclass

from workbench import SequenceData
from workbench.app.case_choices import TOP, Case
from workbench.app.resources import Shared, seen_items
from workbench.explore.shown import Shown


@dataclass(frozen=True)
class Seen:
    """One user in one or two models.

    Attributes
    ----------
    source, read : where the data are, and the data as they were read.
    data, user : the same as the models number items, and the index of the user.
    case : what was chosen.
    methods : the importances chosen.
    models, shown : the models, and what each makes of the history, by label; one that failed is not
        among `shown`.
    """

    source: str
    read: SequenceData
    data: SequenceData
    user: int
    case: Case
    methods: list[str]
    models: dict[str, Shared]
    shown: dict[str, Shown]

    @property
    def user_id(self) -> str:
        """The raw id of the user."""
        return str(self.data.user_ids[self.user])

    @property
    def recommended(self) -> bool:
        """Whether what the models rank first is explained."""
        return self.case.kind == TOP

    @property
    def hidden(self) -> frozenset[int]:
        """The items that are not ranked."""
        return seen_items(self.data, self.user) if self.case.hide_seen else frozenset()
