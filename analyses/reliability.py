"""How often a verdict was wrong where the truth is known: what a report says of its own verdict.

What is true of attention is said in these words, and measured in `analyses.judging`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from analyses.conclusions import NOT, SHOWN
from analyses.telling.wording import percent
from analyses.verdict import Verdict
from workbench.phrases import counted
from workbench.statistics import exact_share

SUMMARY = Path(__file__).with_name("reliability.json")  # written by `python -m analyses.judge`
FAITHFUL, PARTLY, UNFAITHFUL = "faithful", "partly", "unfaithful"
LABELS = (FAITHFUL, PARTLY, UNFAITHFUL)
FOUND = 0.9  # of the causes, which faithful attention finds at least
WRONG = {SHOWN: UNFAITHFUL, NOT: FAITHFUL}  # the truth that makes a conclusion wrong
COUNTED = ["conclusion", "sampled users", "obvious"]
OBVIOUS = 0.75  # above it, what matters most is what a control such as the last item names anyway


@dataclass(frozen=True)
class Reliability:
    """What was true of planted cases in which a verdict was reached.

    Attributes
    ----------
    conclusion : that was reached.
    users : on how many users each stands; as many as the verdict that is asked about, or fewer.
    counts : models by what is true of the attention that the verdict names, one of `LABELS`.
    obvious : whether these cases are such, as the one that is asked about is, that a control is
        known to name the item that matters most for more than `OBVIOUS` of the users.
    faithful, recognised : models whose attention is faithful, among all that were judged on such
        data and as many users, and those of them of which the verdict says that it can be shown.
    """

    conclusion: str
    users: int
    counts: Mapping[str, int]
    obvious: bool
    faithful: int
    recognised: int

    @property
    def sentence(self) -> str:
        """In how many cases the verdict was wrong; none is where it leaves attention open."""
        total = sum(self.counts.values())
        parts = ", ".join(f"{self.counts[name]} {name}" for name in LABELS)
        parts = f"{parts}; on {self.users} users each"
        data = (
            "planted data whose causes are known and in which, as here, "
            f"{'a control' if self.obvious else 'no control'} such as the last item is known to "
            f"name what matters most for more than {100 * OBVIOUS:.0f} % of the users"
        )
        known = " No model there had faithful attention."
        if self.faithful:
            known = (
                f" Faithful attention was recognised in {self.recognised} of "
                f"{counted(self.faithful, 'model')} there that had it."
            )
        if not total:
            return (
                f"On {data}, no model got this verdict, so that nothing is known of how often it "
                f"is wrong.{known}"
            )
        if self.conclusion not in WRONG:
            return f"On {data}, {counted(total, 'model')} got this verdict: {parts}.{known}"
        wrong = self.counts[WRONG[self.conclusion]]
        share = exact_share([True] * wrong + [False] * (total - wrong))
        return (
            f"On {data}, {counted(total, 'model')} got this verdict; it was wrong for {wrong}, or "
            f"{percent(share)} ({parts}; versions of fewer trainings, so that the interval is "
            f"rather too narrow).{known}"
        )


def reliability(verdict: Verdict) -> Reliability | None:
    """How far a verdict can be relied on.

    Of the models of the zoo whose seeds confirm the rule, those with the same conclusion, judged on
    about as many users, on data in which a control is as good as it is here. None where the verdict
    does not say on how many it stands.
    """
    pointing = verdict.pointing
    if pointing is None or pointing.estimate is None:
        return None
    obvious = is_obvious(verdict)
    cases = _summary()["cases"]
    known = sorted({case["sampled users"] for case in cases})
    users = max([n for n in known if n <= pointing.estimate.n], default=known[0])
    alike = [each for each in cases if [each[n] for n in COUNTED[1:]] == [users, obvious]]
    same, shown = (
        [each for each in alike if each["conclusion"] == conclusion]
        for conclusion in (verdict.conclusion, SHOWN)
    )
    return Reliability(
        verdict.conclusion,
        users,
        {name: sum(each[name] for each in same) for name in LABELS},
        obvious,
        faithful=sum(each[FAITHFUL] for each in alike),
        recognised=sum(each[FAITHFUL] for each in shown),
    )


def is_obvious(verdict: Verdict) -> bool:
    """Whether a control is known to name what matters most for more than `OBVIOUS` of the users."""
    pointing = verdict.pointing
    return pointing is not None and pointing.control is not None and pointing.control.low > OBVIOUS


@lru_cache
def _summary() -> Mapping[str, Any]:
    return json.loads(SUMMARY.read_text(encoding="utf-8"))
