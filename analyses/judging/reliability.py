"""How often a verdict was wrong where the truth is known: what a report says of its own verdict."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from analyses.conclusions import NOT, SHOWN
from analyses.judging.labels import LABELS
from analyses.report.wording import span
from analyses.verdict import Verdict
from workbench.phrases import counted
from workbench.statistics import exact_share

SUMMARY = Path(__file__).with_name("summary.json")  # written by `python -m analyses.judge`
WRONG = {SHOWN: "unfaithful", NOT: "faithful"}  # the truth that makes a conclusion wrong
COUNTED = ["conclusion", "sampled users"]
LAST_IS_CAUSE = 0.75  # of planted cases no rule has more in which the last item is the cause


@dataclass(frozen=True)
class Reliability:
    """What was true of planted cases in which a verdict was reached.

    Attributes
    ----------
    conclusion : that was reached.
    users : on how many users each stands; as many as the verdict that is asked about, or fewer.
    counts : models by what is true of the attention that the verdict names, one of `LABELS`.
    unlike : whether these cases are unlike the one that is asked about: there, what a control names
        is known to matter most for more users than the last item does in any planted data.
    """

    conclusion: str
    users: int
    counts: Mapping[str, int]
    unlike: bool = False

    @property
    def sentence(self) -> str:
        """In how many cases the verdict was wrong, and whether these are like the one at hand."""
        if not self.unlike:
            return self._counted
        return (
            f"{self._counted} None of these data is like the present ones, in which a control such "
            "as the last item names what matters most for nearly all users; how often the verdict "
            "is wrong there is not known."
        )

    @property
    def _counted(self) -> str:
        """No truth makes a verdict wrong that leaves it open."""
        total = sum(self.counts.values())
        parts = ", ".join(f"{self.counts[name]} {name}" for name in LABELS)
        where = f"on {self.users} users each"
        if not total:
            return (
                "On planted data, whose causes are known, no model got this verdict, so that "
                "nothing is known of how often it is wrong."
            )
        if self.conclusion in WRONG:
            wrong = self.counts[WRONG[self.conclusion]]
            share = exact_share([True] * wrong + [False] * (total - wrong))
            return (
                f"Of {counted(total, 'model')} of planted data, whose causes are known, that got "
                f"this verdict, it was wrong for {wrong}, {span(share, 3)} ({parts}; {where})."
            )
        return (
            f"On planted data, whose causes are known, {counted(total, 'model')} got "
            f"this verdict: {parts} ({where})."
        )


def reliability(verdict: Verdict) -> Reliability | None:
    """How far a verdict can be relied on.

    Of the models of the zoo whose seeds confirm the rule, those with the same conclusion, judged on
    about as many users. None where the verdict does not say on how many it stands.
    """
    pointing = next((q for q in verdict.questions if q.key == "pointing"), None)
    if pointing is None or pointing.estimate is None:
        return None
    cases = _summary()["cases"]
    known = sorted({case["sampled users"] for case in cases})
    users = max([n for n in known if n <= pointing.estimate.n], default=known[0])
    same = [
        case
        for case in cases
        if case["conclusion"] == verdict.conclusion and case["sampled users"] == users
    ]
    counts = {name: sum(case[name] for case in same) for name in LABELS}
    unlike = pointing.control is not None and pointing.control.low > LAST_IS_CAUSE
    return Reliability(verdict.conclusion, users, counts, unlike)


def told_once(verdicts: Sequence[Verdict]) -> list[str]:
    """How often each verdict is wrong, in words, with the first of those alike; "" elsewhere."""
    told = [known.sentence if (known := reliability(verdict)) else "" for verdict in verdicts]
    return ["" if sentence in told[:k] else sentence for k, sentence in enumerate(told)]


def summarised(verdicts: pd.DataFrame, command: str) -> dict[str, Any]:
    """What is kept of the verdicts of a zoo, of the seeds that confirm the rule.

    Parameters
    ----------
    verdicts : the table of that name of `analyses.judge`.
    command : that made it.
    """
    confirming = verdicts[verdicts["role"] == "confirming"]
    counted = confirming.groupby([*COUNTED, "label"]).size().unstack(fill_value=0)
    counted = counted.reindex(columns=list(LABELS), fill_value=0).reset_index()
    models = int((confirming["measured users"] == "all").sum())
    return {"command": command, "models": models, "cases": counted.to_dict("records")}


def write_summary(verdicts: pd.DataFrame, command: str) -> None:
    """Keep it where reports quote it from."""
    text = json.dumps(summarised(verdicts, command), indent=1)
    SUMMARY.write_text(text + "\n", encoding="utf-8")


@lru_cache
def _summary() -> Mapping[str, Any]:
    return json.loads(SUMMARY.read_text(encoding="utf-8"))
