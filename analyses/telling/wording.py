"""Numbers in words, so that all sentences of the report read the same way."""

from dataclasses import replace

from workbench.phrases import counted
from workbench.statistics import Interval
from workbench.writing import number

NOBODY = "nobody could be measured"
# before the name of a calibrated model, which may be calibrated otherwise than the paper's are
SEEN, NOT_SEEN, CONTRARY = (
    "What the paper reports of its calibration is seen in",
    "What the paper reports of its calibration is not seen in",
    "The contrary of what the paper reports of its calibration is seen in",
)
REPORTED = "as the paper reports of its calibration"  # behind what is asked
STAGES = {  # of attention, where a calibrated model can be read
    "before_spatial": "before the spatial calibrator",
    "after_spatial": "after the spatial calibrator",
    "mask": "the adversary's mask",
    "calibrated": "after the adversarial calibrator",
    "attention": "as used",
}


def decimals(low: float, high: float, least: int) -> int:
    """How many to print of an interval: `least`, or as many as its end next to 0 needs.

    An interval that leaves out 0 is a finding, so the end that decides it is never printed as 0.
    """
    deciding = low if low > 0 else high if high < 0 else 0.0
    digits = least
    while deciding and float(f"{deciding:.{digits}f}") == 0:
        digits += 1
    return digits


def span(interval: Interval, digits: int = 4, *, sign: bool = False) -> str:
    """`estimate [low, high]`, the form every interval of the report has.

    Where too few users stand behind it, the estimate and how many those are.
    """
    if not interval.n:
        return NOBODY
    if not interval.has_ends:
        estimate = number(interval.estimate, digits, sign=sign)
        if not interval.nonzero:
            return f"{estimate} [for each of {counted(interval.n, 'user')}]"
        return f"{estimate} [too few users to tell: {interval.nonzero:,} of {interval.n:,} not 0]"
    digits = decimals(interval.low, interval.high, digits)
    estimate, low, high = (
        number(v, digits, sign=sign) for v in (interval.estimate, interval.low, interval.high)
    )
    return f"{estimate} [{low}, {high}]"


def change(interval: Interval, digits: int = 4, what: str = "") -> str:
    """A signed difference with its interval, behind the name of `what` changed if given.

    Or that it changed for nobody, or for too few users: words that stand behind a colon, and not
    where a sentence goes on as after a number. There it is `span` that fits.
    """
    if not interval.n:
        return f"{what}: {NOBODY}" if what else NOBODY
    if not interval.has_ends:
        return _hardly_changed(interval, what)
    return f"{what} {span(interval, digits, sign=True)}".lstrip()


def _hardly_changed(interval: Interval, what: str) -> str:
    """For how few users something changed."""
    if not interval.nonzero:
        everybody = counted(interval.n, "user")
        of_none = f"{what} changed for none" if what else "nothing changed for any"
        return f"{of_none} of {everybody}"
    if what:
        few = f"({interval.nonzero:,} of {interval.n:,})"
        return f"{what} changed for too few users to tell {few}"
    return f"too few users to tell ({interval.nonzero:,} of {interval.n:,} changed)"


def percent(share: Interval, digits: int = 1) -> str:
    """A share with its interval, in percent."""
    if not share.n:
        return NOBODY
    ends = {name: 100 * getattr(share, name) for name in ("estimate", "low", "high")}
    return f"{span(replace(share, **ends), digits)} %"


def stage_in_words(stage: str) -> str:
    """A stage of attention, for a reader who does not know its name in the code."""
    return STAGES.get(stage, stage.replace("_", " "))


def people(n: int) -> str:
    """`n = 943 users`."""
    return f"n = {counted(n, 'user')}"


def capital(text: str) -> str:
    """The same with a capital letter first; names in it keep theirs."""
    return text[:1].upper() + text[1:]
