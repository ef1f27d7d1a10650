"""What the verdict says of an entry of the zoo, and the numbers behind it.

A verdict stands on as many users as a report would have. So it is taken on all that were measured,
and on fewer of them as if there were no others, to see whether it then says that it cannot tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from analyses.diagnostics import attention_worth, seeds
from analyses.diagnostics.faithfulness.importance_choices import (
    LOST,
    OWN,
    advantage,
    attentions,
    by_importance,
    controls,
    of_model,
)
from analyses.judging.cells import ZooModel
from analyses.judging.entries import Entry
from analyses.judging.zoo import finished
from analyses.questions import QUESTIONS
from analyses.reliability import is_obvious
from analyses.running.inputs import Inputs
from analyses.running.measuring import measured
from analyses.running.results import Results, of_users
from analyses.running.store import Store
from analyses.verdict import ASKED, verdicts
from workbench.data.lookup import users_with_case
from workbench.data.sequences import SequenceData
from workbench.model import Model, weights_hash
from workbench.statistics import Interval, mean_interval
from workbench.training.variants import UNIFORM

USERS = 128  # test users measured, drawn at random: as many as a report runs costly measures on
ALL_USERS = "all"  # of the numbers of measured users: as many as there are
FEWER = (64, 32, 16)  # as if there were no others
PARTNER = "uniform"  # what the model with uniform attention is called beside an entry
NAMED = "names what matters most"
CONTROL_NAMED = "a control names what matters most"
ADVANTAGES = {  # numbers behind a verdict, and the values of users they are differences of
    "names what matters most, above the best control": "align",
    "nats lost without its items, above the best control": LOST,
}
ANSWERED = {  # and those that a question is answered by
    "names what matters most, above shuffled weights": "learned",
    "largest weight, above as much elsewhere": "necessary",
    "NDCG@10, above uniform attention": "used",
    "NDCG@10, above the last item alone": "history",
    "most attended item shared with another training": "stable",
}
VERDICT_NUMBERS = (NAMED, *ADVANTAGES, *ANSWERED)


@dataclass(frozen=True)
class Surroundings:
    """What an entry is judged beside, where the zoo has it.

    Attributes
    ----------
    uniform : the model with uniform attention of the same data.
    sibling : the same with another seed of training.
    """

    uniform: Model | None = None
    sibling: Model | None = None

    @classmethod
    def of(cls, entry: Entry, zoo: Path, device: torch.device) -> "Surroundings":
        """Of an entry, as far as it is trained, on a device."""
        trained = entry.trained
        uniform = ZooModel(trained.cell, UNIFORM)
        sibling = replace(trained, seed=1 - trained.seed)
        again = replace(entry, trained=sibling)
        uniform_too = trained.variant != UNIFORM and finished([uniform], zoo)
        return cls(
            Entry(uniform).model(zoo).to(device) if uniform_too else None,
            again.model(zoo).to(device) if finished([sibling], zoo) else None,
        )

    def hashes(self) -> dict[str, str]:
        """The weights of each that is there."""
        known = {PARTNER: self.uniform, "trained again": self.sibling}
        return {name: weights_hash(model) for name, model in known.items() if model is not None}


def verdict_rows(
    entry: Entry, model: Model, around: Surroundings, data: SequenceData, store: Store | None
) -> pd.DataFrame:
    """The verdict of an entry on all users and on fewer.

    Parameters
    ----------
    entry, model, around : what is judged, and beside what.
    data : of its cell.
    store : where what is measured is kept, and taken from.

    Returns
    -------
    DataFrame
        A row per number of users: `measured users`, "all" or how many, `sampled users`, on which
        what is costly was measured, `reduction`, `conclusion`, whether what matters most is
        `obvious`, the answer to each of `QUESTIONS`, `instead`, and `VERDICT_NUMBERS` and
        `CONTROL_NAMED` with the ends of their intervals.
    """
    results = _measured(entry, model, around, data, store)
    everyone = np.unique(results["attention_worth"].frame["user"])
    sample = np.unique(results["faithfulness"].frame["user"])
    sample = np.random.default_rng(0).permutation(sample)
    parts = {ALL_USERS: everyone} | {str(n): sample[:n] for n in FEWER if n < len(sample)}
    return pd.DataFrame(
        [
            {"measured users": name}
            | _row({asked: of_users(each, users) for asked, each in results.items()})
            for name, users in parts.items()
        ]
    )


def _measured(
    entry: Entry, model: Model, around: Surroundings, data: SequenceData, store: Store | None
) -> dict[str, Results]:
    """All that a verdict asks for, by diagnostic, each piece taken from a store where it is there.

    A model is called by its version in every piece, since a version may share all its weights with
    the model that it is made of.
    """
    users = np.random.default_rng(0).permutation(users_with_case(data))[:USERS]
    alone = Inputs(data, {entry.version: model}, np.sort(users))
    results = {}
    for asked in ASKED:
        inputs = alone
        if asked is attention_worth and around.uniform is not None:
            inputs = replace(alone, models={**alone.models, PARTNER: around.uniform})
        if asked is seeds:
            if around.sibling is None:
                continue
            again = {f"{entry.version}, trained again": around.sibling}
            inputs = replace(alone, siblings={entry.version: again})
        diagnostic = asked.DIAGNOSTIC
        results[diagnostic.name] = measured(diagnostic, inputs, 0, store, quiet=True).results
    return results


def _row(results: Mapping[str, Results]) -> dict[str, object]:
    (verdict,) = (v for v in verdicts(results) if v.model != PARTNER)
    row: dict[str, object] = {
        "sampled users": results["faithfulness"].rows.n_users,
        "reduction": verdict.reduction,
        "conclusion": verdict.conclusion,
        "obvious": is_obvious(verdict),
        "instead": verdict.instead,
    }
    asked = {question.key: question for question in verdict.questions}
    row |= {key: asked[key].answer for key in QUESTIONS}
    rows = of_model(results["faithfulness"].rows, verdict.model, OWN)
    known: Sequence[str] = controls(rows)
    row |= _ends(NAMED, asked["pointing"].estimate)
    row |= _ends(CONTROL_NAMED, asked["pointing"].control)
    for name, value in ADVANTAGES.items():
        row |= _ends(name, advantage(by_importance(rows, value), attentions(rows), known))
    for name, key in ANSWERED.items():
        row |= _ends(name, asked[key].estimate)
    return row


def _ends(name: str, interval: Interval | None) -> dict[str, float]:
    return (interval or mean_interval([])).columns(name)
