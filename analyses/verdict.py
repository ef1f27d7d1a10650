"""The verdict of a model: can its attention be shown as a reason? Six questions, one conclusion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from analyses.running.results import Results
from workbench.statistics import Interval

Answer = Literal["yes", "no", "cannot tell"]
Conclusion = Literal[
    "can be shown as a reason",
    "only with what stands beside it",
    "must not be shown as a reason",
    "these data cannot tell",
]
CONCLUSIONS: tuple[Conclusion, ...] = get_args(Conclusion)


@dataclass(frozen=True)
class Question:
    """One of the six questions, and its answer for one model.

    Attributes
    ----------
    key : "used", "history", "necessary", "pointing", "learned" or "stable".
    asked : the question in words.
    answer : of it.
    sentence : the answer with its number, interval, control and users.
    estimate, control : what is measured, and what it is compared with; None where nothing is.
    """

    key: str
    asked: str
    answer: Answer
    sentence: str
    estimate: Interval | None = None
    control: Interval | None = None


@dataclass(frozen=True)
class Verdict:
    """What can be said of the attention of one model on these data.

    Attributes
    ----------
    model : by its name in the report.
    reduction : the attention it is about, a method of `explain`, as "attention layer 1".
    conclusion : in the words that a page shows.
    why : the reason for it, in a sentence.
    questions : the six, in order.
    instead : the importance that does best on this model, a method of `explain`.
    gain : by how much that does better than attention; None where it was not measured.
    cannot_tell : what these data cannot tell, a sentence each.
    """

    model: str
    reduction: str
    conclusion: Conclusion
    why: str
    questions: tuple[Question, ...]
    instead: str
    gain: Interval | None = None
    cannot_tell: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The conclusion as a sentence."""
        return f"{self.model}: its attention ({self.reduction}) {_VERB[self.conclusion]}."

    @property
    def to_do(self) -> str:
        """What follows for whoever shows reasons to users."""
        return _TO_DO[self.conclusion].format(reduction=self.reduction, instead=self.instead)


def verdicts(measured: Mapping[str, Results]) -> tuple[Verdict, ...]:
    """The verdict of each model.

    Parameters
    ----------
    measured : results by the name of their diagnostic; those that are lacking answer nothing.
    """
    return ()


_VERB: dict[Conclusion, str] = {
    "can be shown as a reason": "can be shown as a reason",
    "only with what stands beside it": "can be shown only with what stands beside it",
    "must not be shown as a reason": "must not be shown as a reason",
    "these data cannot tell": "is not judged, for these data cannot tell",
}
_TO_DO: dict[Conclusion, str] = {
    "can be shown as a reason": "Show {reduction} where a reason is asked for, and run this report "
    "again after each training: another seed is another model.",
    "only with what stands beside it": "Show {reduction} only together with {instead}, and say "
    "that the model attended to these items, not that it recommended because of them.",
    "must not be shown as a reason": "Do not show attention to users as a reason. Show {instead} "
    "instead, and run this report again after each training.",
    "these data cannot tell": "Show no attention before this report was run on more users, or on "
    "a model that ranks better; {instead} is the best that is known of this one.",
}
