"""Which importance is chosen for a model, and what it is worth on users who did not choose it.

A model has several attentions: the mean over layers and heads, each layer, each head. One may name
the cause every time while the mean of all never does. Whoever shows the best of them on the very
users who chose it shows luck. So the users are halved; each half is judged by what the other chose,
controls likewise, and what is compared is a difference within each user.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analyses.running.results import Rows
from analyses.telling.wording import NOBODY
from workbench.errors import WorkbenchError
from workbench.explaining.controls import CONTROLS as controls_known
from workbench.explaining.erasure import ERASURES as erasures_known
from workbench.faithfulness.curves import SIZES
from workbench.phrases import listing
from workbench.statistics import Interval, mean_interval

HELD_OUT, OWN = "held-out item", "own recommendation"
CONTROLS = tuple(each.name for each in controls_known)
ERASURES = tuple(each.name for each in erasures_known)
TRAINED = "trained"  # where nothing was taken out of the model
LOST, LEFT = "lost without", "lost alone"  # comprehensiveness, sufficiency
HALVES = (  # what is behind a share of the best attention and of the best control
    "each half of them judged by the part of attention and the control that do best for the other "
    "half"
)


def of_model(
    rows: Rows,
    model: str,
    target: str = HELD_OUT,
    condition: tuple[str, str] | None = None,
    control: str = TRAINED,
) -> pd.DataFrame:
    """What choices are made by, of a model and a target in one condition, in memory.

    Columns: user, importance, align, hit, cause, comprehensiveness and sufficiency; by default of
    the first condition measured.
    """
    rows = rows.where(model=model, target=target, control=control)
    operator, last = condition or next(iter(conditions(rows)), ("", ""))
    columns = ["user", "importance", "align", "hit", "cause", LOST, LEFT]
    return rows.where(operator=operator, last=last).map(lambda f: with_means(f)[columns]).whole()


def conditions(rows: Rows) -> list[tuple[str, str]]:
    """(operator, last) of each condition measured, in order."""
    table = rows.once(["operator", "last"]).astype(str)
    return [(str(operator), str(last)) for operator, last in table.to_numpy()]


def with_means(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows with comprehensiveness and sufficiency, means over the numbers of items."""
    return frame.assign(
        **{
            LOST: frame[[f"without {k}" for k in SIZES]].mean(axis=1, skipna=False),
            LEFT: frame[[f"alone {k}" for k in SIZES]].mean(axis=1, skipna=False),
        }
    )


def attentions(frame: pd.DataFrame) -> list[str]:
    """The importances that are weights of attention themselves: the mean, layers and heads."""
    return [name for name in _names(frame) if is_attention(name)]


def is_attention(importance: str) -> bool:
    """Whether an importance is weights of attention themselves."""
    return importance.split(" layer")[0] == "attention"


def explanations(frame: pd.DataFrame) -> list[str]:
    """The importances that could be shown instead: all but controls, and attention itself."""
    rest = {*CONTROLS, *attentions(frame)}
    return [name for name in _names(frame) if name not in rest]


def controls(frame: pd.DataFrame) -> list[str]:
    """The controls that were measured."""
    return [name for name in _names(frame) if name in CONTROLS]


def _names(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in frame["importance"].drop_duplicates()]


def by_importance(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """A value of each user (rows, ascending) by importance (columns)."""
    wide = rows.astype({"importance": str}).pivot(index="user", columns="importance", values=value)
    return wide.sort_index()


def best(wide: pd.DataFrame, names: Sequence[str]) -> str:
    """The name with the highest mean over the users of `wide`; the first of equals.

    Raises
    ------
    WorkbenchError
        If no user has a value of any.
    """
    means = wide[list(names)].mean()
    if means.isna().all():
        raise WorkbenchError(
            f"no user has a number by which to choose from {listing(names, 3)}, as where a model "
            "gives no number (NaN) as a score; evaluate it, which tells for how many users, and "
            "take an earlier checkpoint, or single precision."
        )
    return str(means.idxmax())


def chosen_elsewhere(wide: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Each user's value of what is best for the other half of the users; NaN if none of it chose.

    Parameters
    ----------
    wide : values, a row per user, as `by_importance` gives them.
    names : the importances to choose from.
    """
    half = np.arange(len(wide)) % 2
    parts = []
    for k in (0, 1):
        mine, others = wide[half == k], wide.loc[half != k, list(names)]
        chose = others.notna().any(axis=None)
        parts.append(mine[best(others, names)] if chose else pd.Series(np.nan, mine.index))
    return pd.concat(parts).sort_index()


def advantage(wide: pd.DataFrame, names: Sequence[str], others: Sequence[str]) -> Interval:
    """Mean over users of the best of `names` minus the best of `others`, each chosen elsewhere."""
    mine, theirs = (chosen_elsewhere(wide, each) for each in (names, others))
    return mean_interval((mine - theirs).to_numpy(np.float64))


def chosen(rows: pd.DataFrame, names: Sequence[str], value: str = "align") -> str:
    """The best of some importances by all users of a condition."""
    wide = by_importance(rows, value)
    return best(wide, names) if len(wide) else NOBODY
