"""How often a report claims something where nothing differs.

Run: python -m benchmarks.null_claims REPORT [--repetitions 1000]
What was measured for a report is taken from its folder. Then it is drawn for each user anew which
model, or which importance, each of the rows is said to be of, and which sign a difference within a
model has. So no true mean of a difference is other than 0, while users scatter, and differences
hang together, as they do; and whatever the findings claim is false.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from unittest.mock import patch

import numpy as np
import pandas as pd
from tqdm import tqdm

from analyses.diagnostic import Diagnostic, discover
from analyses.diagnostics import boost
from analyses.diagnostics.faithfulness.importance_choices import ERASURES, HELD_OUT, TRAINED
from analyses.diagnostics.gradient_agreement.agreement_findings import METHOD, TARGET
from analyses.diagnostics.max_attention_removal.removal_findings import CLAIMED, of_all_layers
from analyses.report.stored import open_run
from analyses.running.results import Results, Rows
from analyses.telling import decisions as deciding
from analyses.telling.decisions import RISK, Decision
from benchmarks.coverage import markdown
from workbench.errors import WorkbenchError
from workbench.phrases import listing
from workbench.statistics import Interval, exact_share

Which = Callable[[pd.DataFrame], "pd.Series[bool]"]
Turn = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Null:
    """How a diagnostic's table is made one in which nothing differs.

    Attributes
    ----------
    rows : which of a table its findings are made from, so that the others need not be carried.
    turn : changes the rows given so that what is compared within a model changes its sign; None
        where nothing is.
    exchanged : the column whose labels are exchanged for each user: what is compared.
    """

    rows: Which = lambda frame: pd.Series(True, frame.index)
    turn: Turn | None = None
    exchanged: str = "model"


def _maps(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Entropy, and the weight of the last item."""
    used = frame["stage"] == "attention"
    return used & ((frame["kind"] == "entropy") | (frame["key"] == 0))


def _mirrored(frame: pd.DataFrame) -> pd.DataFrame:
    """The weight of the last item, as far from an even share on its other side."""
    other = 2 / frame["length"] - frame["value"]
    return frame.assign(value=frame["value"].where(frame["kind"] != "distance", other))


def _importances(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Of the importances that are compared: those that remove no items, in trained models."""
    of_models = (frame["target"] == HELD_OUT) & (frame["control"] == TRAINED)
    return of_models & ~frame["importance"].isin(ERASURES)


def _beyond_random(frame: pd.DataFrame) -> pd.DataFrame:
    """What an item raised brings more than a random one, the other way round."""
    return frame.assign(**{value: -frame[value] for value in boost.BEYOND})


def _opposite(frame: pd.DataFrame) -> pd.DataFrame:
    """The change of NDCG@10 the other way round."""
    return frame.assign(d_ndcg=-frame["d_ndcg"])


def _removals(frame: pd.DataFrame) -> pd.DataFrame:
    """The change of NDCG@10 the other way round, and scores moved as by the other removal."""
    keys = ["model", "user", "operator", "k", "layer", "rows"]
    exchanged = {"largest": "control", "control": "largest"}
    moved = frame.assign(operator=frame["operator"].astype(str).map(exchanged))
    rest = _opposite(frame).astype({"operator": str}).drop(columns=["jsd", "size"])
    return rest.merge(moved[[*keys, "jsd", "size"]], on=keys)


NULLS: dict[str, Null] = {
    "attention_worth": Null(),
    "faithfulness": Null(_importances, exchanged="importance"),
    "order": Null(turn=_opposite),
    "smallest_change": Null(exchanged="importance"),
    "boost": Null(lambda frame: frame["target"] == boost.HELD_OUT, _beyond_random),
    "calibration_variants": Null(),
    "attention_maps": Null(_maps, _mirrored),
    "gradient_agreement": Null(
        lambda frame: (
            (frame["target"] == TARGET) & (frame["method"] == METHOD) & (frame["layer"] == "mean")
        ),
        lambda frame: frame.assign(tau=-frame["tau"]),
    ),
    "max_attention_removal": Null(
        lambda frame: (
            (frame["rows"] == "prediction") & frame["k"].isin(CLAIMED) & of_all_layers(frame)
        ),
        _removals,
    ),
}


@dataclass(frozen=True)
class Family:
    """What was claimed where nothing differs, in every repetition.

    Attributes
    ----------
    comparisons : decided together.
    by_intervals, corrected : whether anything was claimed, [repetitions] bool: where each 95 %
        interval decides by itself, and where the risk is divided as in a report.
    """

    comparisons: int
    by_intervals: np.ndarray
    corrected: np.ndarray


def without_difference(frame: pd.DataFrame, null: Null, draw: np.random.Generator) -> pd.DataFrame:
    """The table with, for each user, labels exchanged and signs turned at random."""
    users, user = np.unique(frame["user"], return_inverse=True)
    label = pd.Categorical(frame[null.exchanged]).remove_unused_categories()
    exchanged = draw.permuted(np.tile(np.arange(len(label.categories)), (len(users), 1)), axis=1)
    labels = pd.Categorical.from_codes(exchanged[user, label.codes], dtype=label.dtype)
    frame = frame.assign(**{null.exchanged: labels})
    if null.turn is None:
        return frame
    turned = draw.random(len(users)) < 0.5
    return pd.concat([frame[~turned[user]], null.turn(frame[turned[user]])])


@contextmanager
def decided() -> Iterator[list[Decision]]:
    """What is decided meanwhile, by whatever findings."""
    kept: list[Decision] = []
    decide = deciding.decided

    def keep(intervals: Sequence[Interval]) -> list[Decision]:
        kept.extend(decisions := decide(intervals))
        return decisions

    with patch.object(deciding, "decided", keep):
        yield kept


def claimed(diagnostic: Diagnostic, results: Results, repetitions: int, seed: int = 0) -> Family:
    """What the findings of a diagnostic claim where nothing differs."""
    null, draw = NULLS[diagnostic.name], np.random.default_rng(seed)
    frame = results.frame[null.rows(results.frame)]
    comparisons, by_intervals, corrected = [0], [], []
    for _ in tqdm(range(repetitions), diagnostic.name, unit="report"):
        with decided() as decisions:
            diagnostic.findings(
                replace(results, rows=Rows([without_difference(frame, null, draw)]))
            )
        comparisons.extend(d.comparisons for d in decisions)
        by_intervals.append(any(d.interval.p_value < RISK for d in decisions))
        corrected.append(any(d.claims for d in decisions))
    return Family(max(comparisons), np.array(by_intervals), np.array(corrected))


def summary(families: Mapping[str, Family]) -> list[list[str]]:
    """A row per diagnostic, and one for a report of all."""
    report = Family(
        sum(family.comparisons for family in families.values()),
        np.any([family.by_intervals for family in families.values()], axis=0),
        np.any([family.corrected for family in families.values()], axis=0),
    )
    return [
        [name, str(each.comparisons), _percent(each.by_intervals), _percent(each.corrected)]
        for name, each in [*families.items(), ("any of them", report)]
    ]


def _percent(claims: np.ndarray) -> str:
    share = exact_share(claims.astype(float))
    return f"{100 * share.estimate:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", help="folder of a report, with several models")
    parser.add_argument("--repetitions", type=int, default=1000, help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        run = open_run(options.report)
        known = {n: d for n, d in discover().items() if n in run.manifest["diagnostics"]}
        families = {
            name: claimed(known[name], run.results(name), options.repetitions)
            for name in known
            if name in NULLS
        }
    except WorkbenchError as error:
        sys.exit(str(error))
    head = ["diagnostic", "comparisons", "% by intervals", "% after correction"]
    print(markdown(head, summary(families)))
    if left_out := [name for name in known if name not in NULLS]:
        print(f"\nLeft out, since nothing here makes a null of it: {listing(left_out)}.")


if __name__ == "__main__":
    main()
