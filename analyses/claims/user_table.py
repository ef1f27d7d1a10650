"""What is measured of every training: a row per training and user, of a data set.

Ranks are of all users, by both policies; what costs more is measured on a sample of them, by the
diagnostics of a report and piece by piece, so that what was measured once is taken from the store.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analyses.claims.study import Planned
from analyses.diagnostic import Diagnostic
from analyses.diagnostics import gradient_agreement, max_attention_removal
from analyses.diagnostics.faithfulness.importance_choices import OWN, by_importance, of_model
from analyses.diagnostics.gradient_agreement import agreement_findings as agreement
from analyses.diagnostics.max_attention_removal import removal_findings as removal
from analyses.running.code import code_hash
from analyses.running.comparison import Comparison
from analyses.running.inputs import Inputs
from analyses.running.measuring import measured
from analyses.running.results import Results, Rows
from analyses.running.sharing import measure_shared
from analyses.running.store import Store, piece_key
from analyses.verdict import ASKED, Verdict, verdicts
from models import Recommender
from workbench import SequenceData, evaluate
from workbench.data.lookup import drawn_users, users_with_case
from workbench.evaluation import KEPT, REMOVED
from workbench.faithfulness.randomization import SHUFFLED
from workbench.matching import one_numbering
from workbench.metrics import CUTOFF, hit, ndcg
from workbench.model import weights_hash
from workbench.processes import Ranks

SEED = 0  # of the sample, and of what is random in diagnostics
DIAGNOSTICS = (*(asked.DIAGNOSTIC for asked in ASKED), gradient_agreement.DIAGNOSTIC)
CHEAP = (max_attention_removal.DIAGNOSTIC,)  # enough to be measured on all users
MEAN_ATTENTION = "attention"  # over layers and heads, as `explain` calls it
RECENCY = "recency"
VALID = "valid ndcg"  # by which recipes are compared
METRICS = {
    VALID: "NDCG@10, validation, seen removed",
    "hit kept": "HR@10, seen kept",
    "ndcg kept": "NDCG@10, seen kept",
    "hit removed": "HR@10, seen removed",
    "ndcg removed": "NDCG@10, seen removed",
}
ATTENTION = {
    "largest": "largest weight",
    "names": "attention names what matters most",
    "recency names": "the last item is it",
    "tau": "tau-b with saliency",
    "tau shuffled": "the same, weights shuffled",
    "tau above": "more than that",
    "removal": "NDCG@10 without the largest weight",
    "removal elsewhere": "without as much elsewhere",
}
MADE = ("tau above", *(name for name in METRICS if name != VALID))  # of other columns
TRAINING = ["model", "seed"]  # what tells trainings apart
Trained = Sequence[tuple[Planned, Recommender]]


@dataclass(frozen=True)
class Measurements:
    """What was measured on a data set.

    Attributes
    ----------
    users : a row per training and user. `valid ndcg`, NDCG@10 of the training on validation cases,
        seen items removed; `rank kept` and `rank removed`, of the held-out item among
        all items, and among those that the history does not hold; `hit kept` and so on, of these.
        `removal`, the change of NDCG@10 without the largest weight of every head in all layers;
        `removal elsewhere`, without as much of other weights; `largest`, that weight, the mean over
        heads and layers. On the sample, else NaN: `tau`, of attention and saliency. On a part of
        it, by measures that cost more: `tau shuffled`, of the model with its weights shuffled, and
        `tau above`, what `tau` is more than that; `names`, whether attention names the item
        without which the recommended item loses most; `recency names`, whether the last item is
        that.
    verdicts : of each model's first training, as in a report on the models of its recipe.
    """

    users: pd.DataFrame
    verdicts: tuple[Verdict, ...]


def measure_with_others(
    ranks: Ranks, trained: Trained, data: SequenceData, sample: int, store: Store
) -> None:
    """Put what takes longest of `measure` into the store, this rank its share of it.

    Parameters
    ----------
    ranks : who share it; all are given the same.
    trained, data, sample, store : as in `measure`.
    """
    name = data.name
    data, models, _ = one_numbering({each.name: model for each, model in trained}, data)
    studied = {each.name: models[each.name] for each, _ in trained if not each.ablated}
    few = drawn_users(data, sample, SEED)
    for users, diagnostics in _asked_of(data, few):
        what = f"measuring {name}, {len(users):,} users"
        measure_shared(ranks, diagnostics, Inputs(data, studied, users), SEED, store, what=what)


def measure(trained: Trained, data: SequenceData, sample: int, store: Store) -> Measurements:
    """Measure all trainings of a data set.

    Parameters
    ----------
    trained : what is trained; models of the ablation are ranked, and nothing else.
    data : what they were trained on.
    sample : how many users those diagnostics run on that cost more, drawn at random.
    store : where what was measured is kept.
    """
    names = {each.name: each for each, _ in trained}
    models = {each.name: model for each, model in trained}
    validated = {
        each.name: model.card["metrics_seen_removed"]["valid"]["ndcg@10"] for each, model in trained
    }
    data, models, _ = one_numbering(models, data)
    ranked = pd.concat(
        [
            _ranks(models[name], data, store).assign(
                model=each.label, seed=each.seed, **{VALID: validated[name]}
            )
            for name, each in names.items()
        ],
        ignore_index=True,
    )
    studied = {name: model for name, model in models.items() if not names[name].ablated}
    results = _diagnosed(studied, names, data, drawn_users(data, sample, SEED), store)
    if not results:
        return Measurements(with_metrics(ranked), ())
    further = pd.concat(
        [
            _of_training(results, name).assign(model=names[name].label, seed=names[name].seed)
            for name in studied
        ]
    )
    users = ranked.merge(further, on=[*TRAINING, "user"], how="left")
    return Measurements(with_metrics(users), _verdicts(results, names))


def _verdicts(results: Mapping[str, Results], names: Mapping[str, Planned]) -> tuple[Verdict, ...]:
    """The verdict of each model, recipe by recipe: what it is compared with is trained alike."""
    found: list[Verdict] = []
    for recipe in dict.fromkeys(each.recipe for each in names.values()):
        alike = [name for name, each in names.items() if each.recipe == recipe]
        found += verdicts(
            {
                name: replace(each, comparison=each.comparison.only(alike))
                for name, each in results.items()
            }
        )
    return tuple(found)


def with_metrics(users: pd.DataFrame) -> pd.DataFrame:
    """The same rows with what is made of them: Hit@10 and NDCG@10 by both policies, `tau above`."""
    metrics = {
        f"{name} {policy}": of(users[f"rank {policy}"].to_numpy(), CUTOFF)
        for policy in ("kept", "removed")
        for name, of in (("hit", hit), ("ndcg", ndcg))
    }
    if {"tau", "tau shuffled"} <= set(users):
        metrics["tau above"] = (users["tau"] - users["tau shuffled"]).to_numpy()
    return users.assign(**metrics)


def rank_rows(model: Recommender, data: SequenceData) -> pd.DataFrame:
    """Of every user the rank of the held-out item, with seen items kept and removed."""
    found = evaluate(model, data)
    kept, removed = (found.ranks_by_policy[policy] for policy in (KEPT, REMOVED))
    return pd.DataFrame({"user": found.users, "rank kept": kept, "rank removed": removed})


def _ranks(model: Recommender, data: SequenceData, store: Store) -> pd.DataFrame:
    code = code_hash([rank_rows], ["models"])
    weights = {"": weights_hash(model)}
    key = piece_key("claims-ranks", weights, data, np.arange(data.n_users), SEED, code)
    return store.made(key, lambda: rank_rows(model, data))


def _diagnosed(
    models: Mapping[str, Recommender],
    names: Mapping[str, Planned],
    data: SequenceData,
    users: np.ndarray,
    store: Store,
) -> dict[str, Results]:
    """What each diagnostic measured of all trainings, by its name.

    Every training is measured; the comparison then has those with further seeds as siblings.
    """
    if not models:
        return {}
    first: dict[str, str] = {}
    siblings: dict[str, list[str]] = {}
    for name in models:
        label = names[name].label
        siblings.setdefault(first.setdefault(label, name), [])
        if first[label] != name:
            siblings[first[label]].append(name)
    comparison = Comparison.of({name: models[name] for name in siblings}, siblings)
    return {
        diagnostic.name: _measured(diagnostic, Inputs(data, models, members), comparison, store)
        for members, diagnostics in _asked_of(data, users)
        for diagnostic in diagnostics
    }


def _asked_of(
    data: SequenceData, sample: np.ndarray
) -> list[tuple[np.ndarray, Sequence[Diagnostic]]]:
    """The diagnostics that all users are asked about, and those that the sample is."""
    return [
        (users_with_case(data), CHEAP),
        (sample, [each for each in DIAGNOSTICS if each not in CHEAP]),
    ]


def _measured(
    diagnostic: Diagnostic, inputs: Inputs, comparison: Comparison, store: Store
) -> Results:
    results = measured(diagnostic, inputs, SEED, store).results
    return replace(results, comparison=comparison.only(set(results.frame["model"])))


def _of_training(results: Mapping[str, Results], name: str) -> pd.DataFrame:
    """The columns of the sample for one training, a row per user."""
    parts = [*_of_removal(results["max_attention_removal"].rows, name)]
    parts += _of_agreement(results["gradient_agreement"].rows, name)
    parts += _of_faithfulness(results["faithfulness"].rows, name)
    return pd.concat(parts, axis=1).rename_axis("user").reset_index()


def _of_removal(every: Rows, name: str) -> list[pd.Series]:
    rows = every.where(model=name, k=1).map(removal.headline).whole()
    largest, control = (
        rows[rows["operator"] == operator].set_index("user") for operator in ("largest", "control")
    )
    return [
        largest["d_ndcg"].rename("removal"),
        control["d_ndcg"].rename("removal elsewhere"),
        largest["mass"].rename("largest"),
    ]


def _of_agreement(every: Rows, name: str) -> list[pd.Series]:
    rows = agreement.mean_rows(agreement.headline_rows(every.where(model=name))).whole()
    taus = {
        column: rows[rows["control"] == control].set_index("user")["tau"].rename(column)
        for column, control in (("tau", agreement.TRAINED), ("tau shuffled", SHUFFLED))
    }
    return list(taus.values())


def _of_faithfulness(every: Rows, name: str) -> list[pd.Series]:
    rows = of_model(every, name, OWN)
    if not len(rows):
        return [pd.Series(dtype=float, name=column) for column in ("names", "recency names")]
    wide = by_importance(rows, "align")
    shown = {"names": MEAN_ATTENTION, "recency names": RECENCY}
    return [wide[importance].rename(column) for column, importance in shown.items()]
