"""What a diagnostic claims: all of its comparisons are decided together, by Holm's method.

Eighteen intervals at 95 % let a report of models that do not differ claim something in half of the
cases. Claimed is therefore only what Holm's method finds among all that the findings of one
diagnostic compare, at its part of the 5 % that a whole report may risk; what is not claimed says
which effect would have been.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analyses.telling.wording import change, decimals, people
from workbench.errors import WorkbenchError
from workbench.phrases import listing
from workbench.statistics import Interval, detectable, holm
from workbench.writing import number

Detected = Literal["higher", "lower", "undetected", "too few", "nobody"]
RISK = 0.05  # of any false claim in a report
FAMILIES = 10  # diagnostics of a report that claim anything, between which the risk is divided
POWER = 0.8
WORTH = 0.05  # a share of a model's quality so small that a difference within it is none


@dataclass(frozen=True)
class Decision:
    """What can be claimed of a comparison, among all that are decided with it.

    Attributes
    ----------
    interval : of the mean that is compared with 0.
    detected : "higher" or "lower" than 0, or "undetected"; "too few" where too few users stand
        behind the interval for it to have ends, "nobody" where none does.
    adjusted : the p value after Holm's method within the diagnostic and Bonferroni's between those
        of a report; NaN where there is none.
    comparisons : how many are decided together.
    reach : where nothing is claimed, the smallest true mean that these users would have shown with
        a power of `POWER`, given what was decided of the others; else NaN.
    """

    interval: Interval
    detected: Detected
    adjusted: float
    comparisons: int
    reach: float

    @property
    def claims(self) -> bool:
        """Whether it claims a difference."""
        return self.detected in ("higher", "lower")

    def numbers(self, digits: int = 4, what: str = "") -> str:
        """The difference with its interval, and why it is no claim though the interval omits 0."""
        text = change(self.interval, digits, what)
        if self.detected == "undetected" and self.interval.p_value < RISK:
            text += (
                f", p {self.interval.p_value:.2g}, {self.adjusted:.2g} corrected for "
                f"{self.comparisons} comparison{'s' * (self.comparisons > 1)} in each of "
                f"{FAMILIES} diagnostics"
            )
        return text


Tell = Callable[[Mapping[str, Decision]], str]


class Claims:
    """The sentences of a diagnostic, and the intervals that decide what they say.

    Sentences are added in the order in which they are read, each with what it compares; nothing is
    decided before all are there.
    """

    def __init__(self) -> None:
        self._intervals: list[Interval] = []
        self._sentences: list[tuple[tuple[str, ...], Tell]] = []

    def add(
        self,
        interval: Interval,
        sentences: Mapping[Detected, str],
        question: str,
        what: str,
        digits: int = 4,
        more: str = "",
    ) -> None:
        """A sentence about one comparison, with the interval behind it, or why there is none.

        Parameters
        ----------
        interval : of the mean that the sentence is about, with its p value.
        sentences : how the sentence begins where that mean is "higher" than 0, "lower", or
            "undetected".
        question : what stays open where nobody or too few users could be measured, behind
            "Whether".
        what : the quantity that the interval is of.
        digits : of the numbers printed, at least.
        more : what is said behind the numbers in any case, as "; the other numbers".
        """

        def tell(decisions: Mapping[str, Decision]) -> str:
            decision = decisions[what]
            if decision.detected in ("nobody", "too few"):
                return f"Whether {question}: {decision.numbers()}{more}."
            return f"{sentences[decision.detected]} ({evidence(decisions, digits)}){more}."

        self.compose({what: interval}, tell)

    def compose(self, intervals: Mapping[str, Interval], tell: Tell) -> None:
        """A sentence about several comparisons, which `tell` makes of what was decided of them.

        Parameters
        ----------
        intervals : by what is compared.
        tell : makes the sentence of the decisions, which it gets by the same names.

        Raises
        ------
        WorkbenchError
            If an interval has no p value though it has ends, as that of a share or a median.
        """
        if any(interval.has_ends and np.isnan(interval.p_value) for interval in intervals.values()):
            raise WorkbenchError(
                "a claim is decided by the p value of a mean, and this interval has none; compare "
                "shares by the mean of their differences."
            )
        self._intervals += intervals.values()
        self._sentences.append((tuple(intervals), tell))

    def say(self, sentence: str) -> None:
        """A sentence that claims no difference."""
        self.compose({}, lambda _: sentence)

    def sentences(self) -> list[str]:
        """All sentences, in the order in which they were added."""
        decisions = iter(decided(self._intervals))
        return [tell({name: next(decisions) for name in names}) for names, tell in self._sentences]


def decided(intervals: Sequence[Interval]) -> list[Decision]:
    """What can be claimed of each comparison of a diagnostic, decided together, in their order."""
    adjusted = np.minimum(1, FAMILIES * holm([interval.p_value for interval in intervals]))
    comparisons = int((~np.isnan(adjusted)).sum())
    undetected = int((adjusted >= RISK).sum())
    return [
        Decision(
            interval,
            _detected(interval, p),
            float(p),
            comparisons,
            detectable(interval, POWER, FAMILIES * undetected) if p >= RISK else np.nan,
        )
        for interval, p in zip(intervals, adjusted, strict=True)
    ]


def _detected(interval: Interval, adjusted: float) -> Detected:
    if not interval.n:
        return "nobody"
    if not interval.has_ends:
        return "too few"
    if not adjusted < RISK:
        return "undetected"
    return "higher" if interval.low > 0 else "lower"


def evidence(decisions: Mapping[str, Decision], digits: int = 4) -> str:
    """What stands in brackets behind a sentence: every difference, the users, and their reach.

    Parameters
    ----------
    decisions : by the quantity that is compared, at least one.
    digits : of the numbers printed, at least.
    """
    numbers = ", ".join(decision.numbers(digits, what) for what, decision in decisions.items())
    n = max(decision.interval.n for decision in decisions.values())
    reaches = {what: d.reach for what, d in decisions.items() if d.reach > 0}
    named = [
        number(reach, decimals(reach, reach, digits))
        + (f" in {what}" if len(decisions) > 1 else "")
        for what, reach in reaches.items()
    ]
    return f"{numbers}; {users(n, listing(named) if named else '')}"


def users(n: int, reach: str = "") -> str:
    """How many users were compared, and, if given, from which effect on they would have told."""
    power = f", who would have shown {reach} with {100 * POWER:.0f} % power" if reach else ""
    return people(n) + power
