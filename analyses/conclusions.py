"""What a verdict can say, for who needs the words alone; the rule is in `verdict.py`."""

from typing import Literal, get_args

Answer = Literal["yes", "no", "cannot tell"]
Conclusion = Literal[
    "can be shown as a reason",
    "only with what stands beside it",
    "must not be shown as a reason",
    "these data cannot tell",
]
CONCLUSIONS: tuple[Conclusion, ...] = get_args(Conclusion)
SHOWN, BESIDE, NOT, OPEN = CONCLUSIONS
DECISIVE = "faithfulness"  # the diagnostic without which there is no verdict
